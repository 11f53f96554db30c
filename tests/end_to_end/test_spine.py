"""The whole chain by its verbs, as processes: phantoms in, a judged and explained model out; killed and resumed."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RECIPE = """\
name: spine
size_px: 64
model: {backbone: resnet10t_slim}
training: {epochs: 4, batch_size: 16, device: cpu, learning_rate: 0.003}
"""


def _heed_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Workplace:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *words) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "hilum", "--threads", "1", *map(str, words)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # What a shell starts with & ignores Ctrl-C, and so would its children.
            preexec_fn=_heed_ctrl_c,
        )

    def run(self, *words, code=0) -> str:
        process = self.start(*words)
        out, err = process.communicate(timeout=300)
        assert process.returncode == code, f"{words}: {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err
        return out if code == 0 else err


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """120 phantoms, imported, split and prepared."""
    place = Workplace(tmp_path_factory.mktemp("workplace"))
    (place.folder / "spine.yaml").write_text(RECIPE)
    place.run("data", "phantom", "phantoms", "--count", 120, "--size", 64, "--seed", 1, "--workers", 2)
    place.run("data", "import", "nih", "phantoms", "--out", "films.parquet")
    place.run("data", "split", "films.parquet", "--fractions", "0.6,0.2,0.2")
    place.run("data", "prepare", "films.parquet", "--size", 64, "--out", "films.store")
    return place


TRAIN = (
    "train",
    "--manifest",
    "films.parquet",
    "--store",
    "films.store",
    "--recipe",
    "spine.yaml",
    "--tracker",
    "none",
)


@pytest.fixture(scope="module")
def trained(workplace):
    workplace.run(*TRAIN, "--out", "runs/whole")
    return workplace


def journal(run: Path) -> list[dict]:
    path = run / "journal.jsonl"
    text = path.read_text() if path.is_file() else ""
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def test_from_films_to_report(trained):
    place = trained
    out = place.run(
        "evaluate", "--run", "runs/whole", "--manifest", "films.parquet", "--store", "films.store",
        "--bootstrap", 100, "--tracker", "none",
    )  # fmt: skip
    evaluation = json.loads((place.folder / "runs/whole/evaluation/evaluation.json").read_text())
    assert f"{evaluation['macro']['auroc']['value']:.3f}" in out
    assert evaluation["phantom"]
    page = (place.folder / "runs/whole/report.html").read_text()
    assert "data:image/jpeg" in page
    assert "<script src" not in page
    assert "whole" in place.run("runs", "list")
    first = page.encode()
    place.run("report", "runs/whole", "--manifest", "films.parquet")
    assert len((place.folder / "runs/whole/report.html").read_bytes()) == pytest.approx(len(first), rel=0.02)


def test_answers_for_dicom_and_png_of_the_same_phantoms(trained):
    place = trained
    place.run("data", "phantom", "dicom", "--count", 6, "--size", 64, "--seed", 1, "--workers", 1, "--dicom")
    tables = {}
    for kind in ("dicom", "phantoms"):
        films = sorted((place.folder / kind / "images").iterdir())[:6]
        place.run("predict", *films, "--bundle", "runs/whole/bundle", "--out", f"{kind}.csv")
        with (place.folder / f"{kind}.csv").open(newline="") as stream:
            tables[kind] = list(csv.DictReader(stream))
    for dicom, png in zip(tables["dicom"], tables["phantoms"], strict=True):
        assert Path(dicom["image_id"]).stem == Path(png["image_id"]).stem
        assert (dicom["status"], png["status"]) == ("answered", "answered")
        assert float(dicom["probability_Effusion"]) == pytest.approx(float(png["probability_Effusion"]), abs=0.02)


def test_a_heat_map_per_film(trained):
    place = trained
    films = sorted((place.folder / "phantoms" / "images").iterdir())[:2]
    place.run("explain", *films, "--bundle", "runs/whole/bundle", "--out", "maps", "--finding", "Effusion")
    pictures = sorted((place.folder / "maps").iterdir())
    assert [path.name for path in pictures] == [f"{film.stem}_Effusion.png" for film in films]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)


def test_killed_while_training_it_goes_on_to_the_same_weights(trained):
    place, run = trained, trained.folder / "runs" / "killed"
    process = place.start(*TRAIN, "--out", run)
    deadline = time.monotonic() + 120
    while not any(event["kind"] == "epoch" for event in journal(run)):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (run / "bundle").exists()
    assert "stopped" in place.run("runs", "list")
    place.run(*TRAIN, "--out", run, "--resume")
    files = [folder / "bundle" / "weights.safetensors" for folder in (run, place.folder / "runs" / "whole")]
    assert tensors(files[0]) == tensors(files[1])


def tensors(path: Path) -> bytes:
    """The weights alone; the header before them holds a digest of where they came from."""
    content = path.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


def test_killed_while_preparing_it_goes_on(workplace):
    place, partial = workplace, workplace.folder / "again.store.partial"
    words = ("data", "prepare", "films.parquet", "--size", 64, "--out", "again.store", "--workers", 1)
    process = place.start(*words)
    while process.poll() is None and not partial.exists():
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL) if process.poll() is None else None
    process.communicate()
    place.run(*words)
    stores = [json.loads((place.folder / name / "store.json").read_text()) for name in ("again.store", "films.store")]
    assert stores[0]["digest"] == stores[1]["digest"]
    assert not partial.exists()


def test_films_of_training_patients_are_no_test(trained):
    """The same phantoms, split otherwise: their patients were in the training set."""
    place = trained
    place.run("data", "import", "nih", "phantoms", "--out", "other.parquet")
    place.run("data", "split", "other.parquet", "--fractions", "0.4,0.2,0.4", "--seed", 7)
    words = (
        "evaluate", "--bundle", "runs/whole/bundle", "--manifest", "other.parquet", "--store", "films.store",
        "--out", "leak", "--bootstrap", 0,
    )  # fmt: skip
    refusal = place.run(*words, code=1)
    assert "were in this bundle's training set" in refusal
    listed = (place.folder / "leak" / "overlap.csv").read_text().splitlines()
    assert listed[0] == "image_id"
    assert len(listed) > 1
    assert not (place.folder / "leak" / "report.html").exists()


def test_stopped_by_hand_it_says_so_and_leaves_no_half_file(trained):
    place = trained
    process = place.start("predict", "phantoms", "--bundle", "runs/whole/bundle", "--out", "half.csv")
    deadline = time.monotonic() + 60
    while process.poll() is None and not list(place.folder.glob(".partial-*half.csv")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert not list(place.folder.glob("*half.csv"))
    assert not list(place.folder.glob(".partial-*"))
