import json

import pytest

from hilum.errors import RunError, StorageError
from hilum.runs import Run
from hilum.runs.shipping import RefusedError, Shipper


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def ship(run, destination, notes):
    """Ship with a new shipper, as a new process would."""
    return lambda ended=False, to=destination: Shipper(run, to, note=notes.append).ship(ended=ended)


def test_an_empty_journal_opens_nothing(ship, destination):
    assert ship() == 0
    assert destination.calls == []


def test_everything_is_shipped_once(run, ship, destination, add_events):
    add_events(run)
    assert ship() == 3
    (told,) = destination.runs.values()
    assert told["name"] == "demo"
    assert told["params"]["training.epochs"] == "2"
    assert told["metrics"]["validation_auroc", 2] == 0.7
    assert told["metrics"]["auroc/Mass", 1] == 0.6
    assert not any(name == "auroc/Hernia" for name, _ in told["metrics"])
    assert ship() == 0
    assert destination.calls.count("log") == 3
    run.journal.append("end", best_epoch=2, best_auroc=0.7, reason="all epochs done")
    assert ship() == 1
    assert told["tags"]["reason"] == "all epochs done"
    assert told["times_sent"] == sorted(told["times_sent"])


def test_one_shipper_opens_the_run_once(run, destination, add_events):
    add_events(run)
    shipper = Shipper(run, destination, note=pytest.fail)
    shipper.ship(ended=False)
    run.journal.append("epoch", epoch=3, train_loss=0.1)
    assert shipper.ship(ended=False) == 1
    assert destination.calls.count("open_run") == 1


def test_the_status_follows_the_journal(run, ship, destination, add_events):
    add_events(run)
    ship()
    (told,) = destination.runs.values()
    assert told["status"] == "RUNNING"
    ship(ended=True)
    assert told["status"] == "KILLED"
    ship(ended=False)  # resumed
    assert (told["status"], told["ended_ms"]) == ("RUNNING", None)
    run.journal.append("end", reason="all epochs done")
    end_ms = ship() and told["ended_ms"]
    run.journal.append("evaluation", split="test", metrics={"auroc": 0.8})
    ship(ended=True)
    assert (told["status"], told["ended_ms"]) == ("FINISHED", end_ms)
    assert told["metrics"]["test/auroc", 0] == 0.8
    assert [call for call in destination.calls if "mark" in call] == ["mark KILLED", "mark RUNNING", "mark FINISHED"]


@pytest.mark.parametrize("n_calls", range(6))
def test_after_a_failure_anywhere_the_next_try_ships_the_rest(run, ship, destination, add_events, down, n_calls):
    add_events(run)
    run.journal.append("end", reason="all epochs done")
    destination.failures = [None] * n_calls + [down]
    with pytest.raises(RunError, match="MLflow is down"):
        ship()
    assert ship() == 4 - max(n_calls - 1, 0)
    (told,) = destination.runs.values()
    assert told["status"] == "FINISHED"
    assert {step for _, step in told["metrics"]} == {1, 2}
    assert len(told["times_sent"]) == 4


def test_what_is_refused_is_noted_and_left_out(run, ship, destination, add_events, notes):
    add_events(run)
    destination.failures = [None, RefusedError("changing parameters is not allowed")]
    assert ship() == 3
    assert notes == ["event 0 (start) left out: changing parameters is not allowed"]
    (told,) = destination.runs.values()
    assert not told["params"]
    assert told["metrics"]


def test_a_refused_status_is_noted_and_not_tried_again(run, ship, destination, notes):
    run.journal.append("start")
    destination.failures = [None, RefusedError("no")]
    ship(ended=True)
    ship(ended=True)
    assert notes == ["status KILLED left out: no"]


def test_a_kill_between_sending_and_remembering_leaves_nothing_twice(run, ship, destination, add_events, monkeypatch):
    add_events(run)

    def full(*_):
        raise StorageError("cannot write shipped.json: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("hilum.runs.shipping.write_text", full)
        with pytest.raises(StorageError):
            ship()
    assert len(destination.runs) == 1  # made, and not remembered
    ship()
    assert len(destination.runs) == 1
    (told,) = destination.runs.values()
    assert len(told["times_sent"]) == 3


@pytest.mark.parametrize(
    "memory", ["", "broken", "[1]", '{"memory": {}}', '{"memory": 3}', '{"memory": {"events": "x"}}']
)
def test_a_lost_memory_finds_the_run_again(run, ship, destination, add_events, memory):
    add_events(run)
    ship()
    metrics = dict(next(iter(destination.runs.values()))["metrics"])
    (run.folder / "shipped.json").write_text(memory)
    assert ship() == 3
    (told,) = destination.runs.values()
    assert told["metrics"] == metrics


def test_a_run_deleted_at_the_destination_is_shipped_anew(run, ship, destination, add_events):
    add_events(run)
    ship()
    destination.runs.clear()
    assert ship() == 3
    assert len(destination.runs) == 1


def test_another_journal_in_the_same_folder_is_another_run(run, ship, destination, add_events):
    add_events(run)
    ship()
    run.journal.path.unlink()
    add_events(run)
    assert ship() == 3
    assert len(destination.runs) == 2


def test_each_destination_has_its_own_memory(run, ship, destination, make_destination, add_events):
    add_events(run)
    other = make_destination()
    other.name = "other"
    assert (ship(), ship(to=other), ship(), ship(to=other)) == (3, 3, 0, 0)
    assert set(json.loads((run.folder / "shipped.json").read_text())) == {"memory", "other"}


def test_a_torn_last_line_is_shipped_when_it_is_whole(run, ship, destination, add_events):
    add_events(run)
    content = run.journal.path.read_bytes()
    run.journal.path.write_bytes(content[:-10])
    assert ship() == 2
    run.journal.path.write_bytes(content)
    assert ship() == 1


def test_a_folder_and_a_file_are_shipped_as_they_lie(run, ship, destination):
    (run.bundle_path / "inner").mkdir(parents=True)
    (run.bundle_path / "bundle.json").write_text("{}")
    (run.bundle_path / "inner" / "a.npz").write_text("a")
    (run.bundle_path / ".partial-x").write_text("half")
    run.report_path.write_text("<html>")
    run.journal.append("artefact", name="bundle", path="bundle")
    run.journal.append("artefact", name="report", path="report.html")
    ship()
    (told,) = destination.runs.values()
    assert told["files"] == {"bundle/bundle.json": b"{}", "bundle/inner/a.npz": b"a", "report.html": b"<html>"}


def test_tables_of_films_never_leave_and_pages_with_films_only_on_this_machine(
    run, make_destination, ship, add_events, notes
):
    folder = run.evaluation_path.parent
    folder.mkdir()
    for name in ("predictions.csv", "rows.PARQUET", "film.dcm", "journal.jsonl", "page.html", "roc.png"):
        (folder / name).write_text(name)
    run.journal.append("artefact", name="evaluation", path="evaluation")
    here, there = make_destination(), make_destination(is_local=False)
    there.name = "there"
    ship(to=here)
    ship(to=there)
    assert set(here.runs["id-1"]["files"]) == {"evaluation/page.html", "evaluation/roc.png"}
    assert set(there.runs["id-1"]["files"]) == {"evaluation/roc.png"}
    assert "predictions.csv left out: it may name films, which do not leave" in notes


@pytest.mark.parametrize("path", ["../secret", "..", ".", "/etc/hostname", "missing", "link", "with_link"])
def test_what_lies_outside_the_run_is_not_shipped(run, ship, destination, notes, path):
    (run.folder.parent / "secret").write_text("secret")
    (run.folder / "link").symlink_to(run.folder.parent / "secret")
    (run.folder / "with_link").mkdir()
    (run.folder / "with_link" / "link").symlink_to(run.folder.parent / "secret")
    run.journal.append("artefact", name="x", path=path)
    assert ship() == 1
    (told,) = destination.runs.values()
    assert told["files"] == {}
    assert bool(notes) == (path != "with_link")


def test_a_damaged_journal_is_an_error(run, ship):
    run.journal.path.write_text("broken\n")
    with pytest.raises(RunError, match="line 1 is damaged"):
        ship()


def test_the_run_is_named_as_its_folder_wherever_one_stands(run, destination, add_events, monkeypatch):
    add_events(run)
    monkeypatch.chdir(run.folder)
    Shipper(Run.open(run.folder.relative_to(run.folder)), destination, note=pytest.fail).ship(ended=False)
    assert next(iter(destination.runs.values()))["name"] == "demo"
