import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from hilum.reporting import write_figures

NAMES = ["auroc.png", "roc.png", "pr.png", "calibration.png", "confusion.png", "decision.png"]


def few(evaluation, n=3):
    return evaluation.model_copy(update={"findings": dict(list(evaluation.findings.items())[:n])})


@pytest.mark.parametrize(
    "kind", ["odd", "silent", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("whole", "bare"))]
)
def test_figures_are_written_and_show_something(tmp_path, request, kind):
    paths = write_figures(few(request.getfixturevalue(kind)), tmp_path / "figures")
    # Where nothing is known there is no net benefit either.
    assert [path.name for path in paths] == (NAMES[:-1] if kind == "silent" else NAMES)
    for path in paths:
        pixels = np.asarray(Image.open(path).convert("L"))
        assert min(pixels.shape) > 200
        # Ink, but mostly paper; nothing of it touches the frame of the picture.
        assert 0.001 < (pixels < 200).mean() < 0.9
        assert (pixels[:, [0, -1]] > 250).all()
        assert (pixels[[0, -1]] > 250).all()


def test_history_is_drawn_where_there_are_epochs(tmp_path, whole, history):
    paths = write_figures(few(whole, 1), tmp_path, history=history)
    assert [path.name for path in paths] == [*NAMES, "history.png"]
    assert (np.asarray(Image.open(paths[-1]).convert("L")) < 150).any()


@pytest.mark.slow
def test_the_same_study_gives_the_same_bytes(tmp_path, odd):
    first = [path.read_bytes() for path in write_figures(few(odd, 2), tmp_path / "a")]
    assert first == [path.read_bytes() for path in write_figures(few(odd, 2), tmp_path / "b")]


def test_neither_torch_nor_matplotlib_is_loaded_before_it_is_needed():
    code = (
        "import sys, hilum.reporting; "
        "print([name for name in ('torch', 'matplotlib', 'matplotlib.pyplot', 'pandas') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_pyplot_is_never_loaded(tmp_path, odd):
    write_figures(few(odd, 1), tmp_path)
    assert "matplotlib.pyplot" not in sys.modules
