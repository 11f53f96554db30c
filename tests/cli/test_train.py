import shutil

import pytest

from hilum.models import load_bundle
from hilum.runs import Run


@pytest.fixture
def words(films, recipe):
    return ("train", "--manifest", films.manifest, "--store", films.store, "--recipe", recipe, "--tracker", "none")


def test_a_run_has_everything_that_repeats_it(judged, films):
    run = Run.open(judged)
    assert "size_px: 64" in run.recipe_path.read_text()
    kinds = [event["kind"] for event in run.journal.read()]
    assert kinds[:3] == ["start", "epoch", "epoch"]
    assert kinds.count("end") == 1
    bundle = load_bundle(run.bundle_path)
    assert bundle.spec.phantom
    assert len(bundle.findings) == 14
    assert "phantom" in (run.bundle_path / "MODEL_CARD.md").read_text().lower()


@pytest.mark.slow
def test_settings_and_transcript(hilum, words, tmp_path):
    out = tmp_path / "short"
    answer = hilum(*words, "--out", out, "--set", "training.epochs=1", "--set", "training.seed=4")
    assert answer.code == 0, answer.err
    assert "seed: 4" in (out / "recipe.yaml").read_text()
    assert f"wrote {out / 'bundle'}" in answer.out
    assert f"next: hilum evaluate --run {out}" in answer.out
    lines = answer.err.splitlines()
    assert len(lines) == 3, "few lines where there is no terminal"
    assert "training on" in lines[0]
    assert "epoch 1/1  loss" in lines[1]
    assert "kept epoch 1" in lines[2]


def test_finished_run(hilum, words, run_copy):
    again = hilum(*words, "--out", run_copy)
    assert again.code == 1
    assert "holds a run already. --resume goes on with it" in again.sentence
    before = (run_copy / "journal.jsonl").read_bytes()
    resumed = hilum(*words, "--out", run_copy, "--resume")
    assert resumed.code == 0, resumed.err
    assert "was trained to its end before" in resumed.out
    assert (run_copy / "journal.jsonl").read_bytes() == before


@pytest.mark.slow
def test_resume_after_the_first_epoch_ends_alike(hilum, words, judged, tmp_path, monkeypatch):
    from hilum.runs import Journal

    append = Journal.append

    def killed(self, kind, **values):
        append(self, kind, **values)
        if kind == "epoch":
            raise KeyboardInterrupt

    out = tmp_path / "stopped"
    monkeypatch.setattr(Journal, "append", killed)
    assert hilum(*words, "--out", out).code == 130
    monkeypatch.setattr(Journal, "append", append)
    assert "stopped" in hilum("runs", "list", "--root", tmp_path).out
    resumed = hilum(*words, "--out", out, "--resume")
    assert resumed.code == 0, resumed.err
    assert "going on after epoch 1/2" in resumed.err
    weights = [folder / "bundle" / "weights.safetensors" for folder in (out, judged)]
    assert weights[0].read_bytes()[-1000:] == weights[1].read_bytes()[-1000:]


def test_resume_with_another_recipe(hilum, words, run_copy):
    answer = hilum(*words, "--out", run_copy, "--resume", "--set", "training.epochs=3")
    assert answer.code == 1
    assert "was started with another recipe" in answer.sentence


def test_busy_run(hilum, words, run_copy):
    with Run.create(run_copy, resume=True):
        answer = hilum(*words, "--out", run_copy, "--resume")
    assert answer.code == 1
    assert "is in use by process" in answer.sentence


@pytest.mark.slow
def test_init_from_a_bundle(hilum, words, judged, tmp_path):
    out = tmp_path / "warm"
    answer = hilum(*words, "--out", out, "--init", judged / "bundle", "--set", "training.epochs=1")
    assert answer.code == 0, answer.err
    assert f"init: {judged / 'bundle'}" in (out / "recipe.yaml").read_text()


@pytest.mark.slow
def test_init_that_does_not_fit(hilum, words, judged, tmp_path):
    other = shutil.copytree(judged / "bundle", tmp_path / "bundle")
    answer = hilum(*words, "--out", tmp_path / "r", "--init", other, "--set", "model.backbone=mobilenetv3_large")
    assert answer.code == 1
    assert "Traceback" not in answer.err


def test_list(hilum):
    answer = hilum("train", "--list")
    assert answer.code == 0
    assert "demo" in answer.out


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (("--recipe", "dem"), "unknown recipe 'dem'. Did you mean 'demo'?"),
        (("--recipe", "nowhere.yaml"), "there is no recipe file nowhere.yaml"),
        (("--set", "training.epoch=3"), "key training.epoch is unknown. Nearest: training.epochs"),
        (("--set", "training.epochs=many"), "key training.epochs"),
        (("--set", "training.epochs"), "expected KEY=VALUE"),
        (("--set", "model.backbone=resnet10"), "Did you mean 'resnet10"),
        (("--set", "size_px=96"), "`hilum data prepare --size 96"),
        (("--tracker", "mlfow"), "Did you mean 'mlflow'?"),
        (("--init", "nowhere.safetensors"), "nowhere.safetensors"),
    ],
)
def test_wrong_wishes(hilum, words, tmp_path, wish, sentence):
    answer = hilum(*words, *wish, "--out", tmp_path / "run")
    assert answer.code == 1
    assert sentence in answer.sentence


def test_without_films(hilum, films, tmp_path):
    answer = hilum("train", "--out", tmp_path / "run")
    assert (answer.code, "needs --manifest and --store" in answer.sentence) == (1, True)
    answer = hilum("train", "--manifest", films.manifest, "--store", tmp_path / "store", "--recipe", "demo")
    assert (answer.code, "`hilum data prepare` makes one" in answer.sentence) == (1, True)


@pytest.mark.slow
def test_full_disk_keeps_the_last_checkpoint(hilum, words, run_copy, monkeypatch):
    """A run whose second epoch cannot be written resumes from its first."""
    from pathlib import Path

    from hilum.runs import atomic

    shutil.rmtree(run_copy)
    write, sizes = Path.write_bytes, []

    def full(self, content):
        sizes.append(len(content))
        if ".safetensors" in self.name and sum(size > 10**5 for size in sizes) > 2:
            write(self, content[:1000])
            raise OSError(28, "No space left on device")
        return write(self, content)

    monkeypatch.setattr(atomic.Path, "write_bytes", full)
    answer = hilum(*words, "--out", run_copy)
    assert answer.code == 1
    assert "Traceback" not in answer.err
    assert "No space left on device" in answer.err
    assert "What was there before is still good" in answer.err
    monkeypatch.setattr(atomic.Path, "write_bytes", write)
    resumed = hilum(*words, "--out", run_copy, "--resume")
    assert resumed.code == 0, resumed.err
    assert "going on after epoch 1/2" in resumed.err
