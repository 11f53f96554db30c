import pytest

from hilum.errors import RunError
from hilum.runs import Ledger


def test_every_look_counts_for_its_own_films(tmp_path):
    ledger = Ledger(tmp_path / "run")
    assert ledger.count("a", "test") == 0
    assert [ledger.record("a", "test") for _ in range(3)] == [1, 2, 3]
    assert ledger.record("a", "validation") == 1
    assert ledger.record("b", "test") == 1
    assert Ledger(tmp_path / "run").record("a", "test") == 4
    assert ledger.count("a", "test") == 4
    assert Ledger(tmp_path / "other").record("a", "test") == 1


def test_lines_are_only_added(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.record("a", "test")
    before = (tmp_path / "looks.jsonl").read_bytes()
    ledger.record("b", "test")
    assert (tmp_path / "looks.jsonl").read_bytes().startswith(before)
    assert repr(ledger) == f"Ledger({str(tmp_path)!r})"


def test_a_ledger_that_something_else_wrote_to_is_not_counted_from(tmp_path):
    (tmp_path / "looks.jsonl").write_text("three times\n")
    with pytest.raises(RunError, match="line 1 is damaged"):
        Ledger(tmp_path).record("a", "test")
