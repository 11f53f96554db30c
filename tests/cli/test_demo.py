import json

import pytest

from hilum.models import load_bundle
from hilum.records import Evaluation
from hilum.runs import Run

TINY = ("--set", "size_px=32", "--set", "model.backbone=resnet10t_slim", "--set", "training.epochs=1")


def words(out, *more):
    return ("demo", "--out", out, "--count", 72, *TINY, "--tracker", "none", *more)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    from hilum.cli import main

    out = tmp_path_factory.mktemp("runs") / "demo"
    import io
    from contextlib import redirect_stderr, redirect_stdout

    with redirect_stdout(io.StringIO()) as answer, redirect_stderr(io.StringIO()):
        assert main([str(word) for word in words(out)]) == 0
    return out, answer.getvalue()


@pytest.mark.slow
def test_the_whole_chain_is_there(shown):
    out, _ = shown
    assert load_bundle(out / "bundle").spec.phantom
    evaluation = Evaluation.from_json((out / "evaluation" / "evaluation.json").read_bytes())
    assert evaluation.pedigree.n_bootstrap == 1000
    assert evaluation.pedigree.command.startswith(f"hilum demo --out {out}")
    assert (out / "report.html").is_file()


@pytest.mark.slow
def test_the_transcript_numbers_its_steps_and_says_what_next(shown):
    out, answer = shown
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    steps = [line for line in lines if line[:4] in {f"{n}/6 " for n in range(1, 7)}]
    assert [line[0] for line in steps] == ["1", "2", "3", "4", "4", "5", "6"]
    timed = [line.rsplit(maxsplit=1)[1] for line in steps if line[0] != "6"]
    assert sum(":" in time for time in timed) == 5
    assert any(line.startswith("mean of ") for line in lines)
    assert f"report → {out / 'report.html'}" in steps[-1]
    assert "next: hilum predict" in answer
    assert lines[-1].endswith("this model knows nothing about people. Not a medical device.")


@pytest.mark.slow
def test_a_second_demo_starts_anew(shown, hilum):
    out, _ = shown
    (out / "left_over.txt").write_text("of the first one")
    before = load_bundle(out / "bundle").digest
    answer = hilum(*words(out, "--set", "training.seed=9"))
    assert answer.code == 0, answer.err
    assert not (out / "left_over.txt").exists()
    assert load_bundle(out / "bundle").digest != before
    starts = [event for event in Run.open(out).journal.read() if event["kind"] == "start"]
    assert len(starts) == 1


def test_what_is_no_demo_is_left_alone(hilum, run_copy, tmp_path):
    before = sorted(path.name for path in run_copy.iterdir())
    answer = hilum(*words(run_copy))
    assert answer.code == 1
    assert "holds something that is no demo" in answer.sentence
    assert sorted(path.name for path in run_copy.iterdir()) == before
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.txt").write_text("years of work")
    answer = hilum(*words(tmp_path / "notes"))
    assert (answer.code, "thesis.txt" in answer.sentence) == (1, True)
    answer = hilum(*words(tmp_path / "notes" / "thesis.txt"))
    assert (answer.code, "no demo" in answer.sentence) == (1, True)


def test_a_demo_at_work_is_left_alone(hilum, tmp_path):
    with Run.create(tmp_path / "demo") as run:
        (run.folder / "demo.json").write_text(json.dumps({"demo": True}))
        (run.folder / "data").mkdir()
        answer = hilum(*words(run.folder))
        assert answer.code == 1
        assert "is in use by process" in answer.sentence
        assert (run.folder / "data").is_dir()


def test_a_link_in_the_folder_is_taken_away_and_not_followed(hilum, tmp_path, monkeypatch):
    from hilum.cli import demo as verb

    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "film.png").write_bytes(b"x")
    with Run.create(tmp_path / "demo") as run:
        (run.folder / "demo.json").write_text("{}")
        (run.folder / "data").symlink_to(precious)
    monkeypatch.setattr(verb, "_render", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert hilum(*words(tmp_path / "demo")).code == 130
    assert (precious / "film.png").exists()
    assert not (tmp_path / "demo" / "data").exists()
    # Stopped before it made anything, it can be started again.
    assert hilum(*words(tmp_path / "demo")).code == 130


def test_an_unknown_setting(hilum, tmp_path):
    answer = hilum("demo", "--out", tmp_path / "demo", "--set", "training.epoch=1")
    assert (answer.code, "Nearest: training.epochs" in answer.sentence) == (1, True)
    assert not (tmp_path / "demo").exists()
