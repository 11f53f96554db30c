"""What tests of verbs share: a way to run them, and a small set of phantoms taken through the first ones."""

import io
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from hilum.cli import main


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The error, if it is one sentence or two on one line without a traceback."""
        assert "Traceback" not in self.err
        (line,) = self.err.strip().splitlines()
        return line


def run_verb(*words) -> Answer:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main([str(word) for word in words])
    return Answer(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Films:
    """Phantoms on disk, imported, split and prepared."""

    folder: Path

    @property
    def phantoms(self) -> Path:
        return self.folder / "phantoms"

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.parquet"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def images(self) -> list[Path]:
        return sorted((self.phantoms / "images").iterdir())


def _recipe_file(folder: Path) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(
        "name: tiny\nabout: for tests\nsize_px: 64\nmodel: {backbone: resnet10t_slim}\n"
        "training: {epochs: 2, batch_size: 16, device: cpu}\n"
    )
    return path


@pytest.fixture
def hilum():
    return run_verb


@pytest.fixture(scope="session")
def films(tmp_path_factory) -> Films:
    made = Films(tmp_path_factory.mktemp("films"))
    answers = [
        run_verb("data", "phantom", made.phantoms, "--count", 72, "--size", 64, "--workers", 1),
        run_verb("data", "import", "nih", made.phantoms, "--out", made.manifest),
        run_verb("data", "split", made.manifest, "--fractions", "0.5,0.25,0.25"),
        run_verb("data", "prepare", made.manifest, "--out", made.store, "--size", 64, "--workers", 1),
    ]
    assert [answer.code for answer in answers] == [0, 0, 0, 0], answers
    return made


@pytest.fixture(scope="session")
def recipe(tmp_path_factory) -> Path:
    return _recipe_file(tmp_path_factory.mktemp("recipe"))


def _one_figure(_evaluation, folder: Path, *, history=()) -> list[Path]:
    """Stands for the real figures, which take seconds; slow tests draw them."""
    figure = folder / "auroc.png"
    figure.parent.mkdir(parents=True, exist_ok=True)
    figure.write_bytes(b"")
    return [figure]


@pytest.fixture(autouse=True)
def _quick_figures(request, monkeypatch):
    if not request.node.get_closest_marker("slow"):
        monkeypatch.setattr("hilum.reporting.write_figures", _one_figure)


@pytest.fixture(scope="session")
def judged(films, recipe, tmp_path_factory) -> Path:
    """A run that was trained and evaluated; tests read it and leave it as it is."""
    run = tmp_path_factory.mktemp("runs") / "tiny"
    where = ("--manifest", films.manifest, "--store", films.store)
    trained = run_verb("train", *where, "--recipe", recipe, "--out", run, "--tracker", "none")
    assert trained.code == 0, trained.err
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hilum.reporting.write_figures", _one_figure)
        evaluated = run_verb("evaluate", "--run", run, *where, "--bootstrap", 20, "--tracker", "none")
    assert evaluated.code == 0, evaluated.err
    return run


@pytest.fixture
def run_copy(judged, tmp_path) -> Path:
    """A copy of that run, to be changed."""
    return Path(shutil.copytree(judged, tmp_path / "tiny"))
