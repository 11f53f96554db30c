import os
import resource
import subprocess
import sys

import pytest

from hilum import __version__
from hilum.cli import main

HEAVY = ("torch", "numpy", "pandas", "matplotlib", "sklearn", "scipy", "mlflow", "PIL", "yaml")
VERBS = ("data", "train", "evaluate", "predict", "explain", "report", "runs", "demo")
LEAVES = (
    *(("data", "import", kind) for kind in ("nih", "csv")),
    *(("data", verb) for verb in ("split", "prepare", "describe", "phantom")),
    *(("runs", verb) for verb in ("list", "show", "ui", "sync")),
    *((verb,) for verb in ("train", "evaluate", "predict", "explain", "report", "demo")),
)


def process(*words, **settings):
    return subprocess.run(
        [sys.executable, "-m", "hilum", *words], capture_output=True, text=True, check=False, **settings
    )


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_names_every_verb_and_is_quick():
    seconds = []
    for _ in range(3):
        before = cpu_seconds()
        answer = process("--help")
        seconds.append(cpu_seconds() - before)  # not by the clock: other tests run at the same time
    assert answer.returncode == 0
    assert all(f"  {verb} " in answer.stdout for verb in VERBS)
    assert min(seconds) < 0.5


@pytest.mark.parametrize("words", [("--help",), ("evaluate", "--help"), ("data", "import", "nih", "--help")])
def test_help_loads_nothing_heavy(words):
    script = (
        "import sys\nfrom hilum.cli import main\n"
        f"code = main({list(words)!r})\n"
        f"print(code, [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stderr.strip() == "0 []"


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_every_option_of_every_verb_is_explained(hilum, words):
    answer = hilum(*words, "-h")
    assert answer.code == 0
    options = [line.split() for line in answer.out.splitlines() if line.startswith("  -")]
    assert options
    assert all(len(words) >= 2 for words in options)


def test_version(hilum):
    answer = hilum("--version")
    assert (answer.code, answer.out.strip()) == (0, f"hilum {__version__}")


@pytest.mark.parametrize(
    "words",
    [
        ("trian",),
        ("train", "--epochs", "3"),
        ("predict",),
        ("data", "split"),
        ("evaluate", "--bootstrap", "many"),
        ("data", "phantom", "x", "--count", "0"),
    ],
)
def test_wrong_usage_is_2_and_goes_to_stderr(hilum, words):
    answer = hilum(*words)
    assert answer.code == 2
    assert answer.out == ""
    assert "Error" in answer.err
    assert "Traceback" not in answer.err


def test_failure_is_1_with_one_sentence(hilum, tmp_path):
    answer = hilum("runs", "show", tmp_path)
    assert (answer.code, answer.out) == (1, "")
    assert "is not a run folder" in answer.sentence


def test_what_the_system_refuses_is_a_sentence(hilum, tmp_path, monkeypatch):
    def denied(_root):
        raise PermissionError(13, "Permission denied", str(tmp_path / "runs"))

    monkeypatch.setattr("hilum.runs.list_runs", denied)
    answer = hilum("runs", "list")
    assert answer.code == 1
    assert f"{tmp_path / 'runs'}: Permission denied." in answer.sentence


def test_an_unforeseen_error_keeps_its_traceback(monkeypatch):
    def broken(_root):
        raise RuntimeError("a fault of hilum's own")

    monkeypatch.setattr("hilum.runs.list_runs", broken)
    with pytest.raises(RuntimeError, match="own"):
        main(["runs", "list"])


def test_ctrl_c_is_130(hilum, monkeypatch):
    def stopped(_root):
        raise KeyboardInterrupt

    monkeypatch.setattr("hilum.runs.list_runs", stopped)
    answer = hilum("runs", "list")
    assert (answer.code, answer.sentence.strip()) == (130, "stopped")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("data", "prepare", "m.parquet", "--out", "s"), "stopped; the same command goes on where it was"),
        (("--threads", "2", "data", "prepare", "m.parquet", "--out", "s"), "the same command goes on where it was"),
        (("data", "split", "m.parquet"), "stopped"),
    ],
)
def test_ctrl_c_says_how_to_go_on(hilum, monkeypatch, words, sentence):
    def stopped(_path):
        raise KeyboardInterrupt

    monkeypatch.setattr("hilum.data.read_manifest", stopped)
    answer = hilum(*words)
    assert answer.code == 130
    assert answer.sentence.strip().endswith(sentence)


def test_a_word_that_an_option_does_not_know_is_answered_with_the_nearest(hilum):
    answer = hilum("data", "import", "chexpert", "x", "--out", "m.parquet", "--uncertain", "smoth")
    assert answer.code == 2
    assert "unknown value 'smoth'. Did you mean 'smooth'? Known: ignore, one, smooth, zero." in answer.err
    assert "Value error" not in answer.err


def test_threads_are_set_before_anything_computes(hilum, tmp_path, monkeypatch):
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    for name in names:
        monkeypatch.setenv(name, "9")
    assert hilum("--threads", "3", "runs", "list", "--root", tmp_path).code == 0
    assert [os.environ[name] for name in names] == ["3", "3", "3"]
