"""A small set of phantoms with its store, made once, and recipes that train on it in about a second."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from hilum.config import load
from hilum.data import (
    Manifest,
    PixelStore,
    prepare_store,
    read_manifest,
    read_nih,
    split_by_patient,
    write_phantoms,
)
from hilum.models import Bundle
from hilum.runs import Run
from hilum.training import Recipe, train

SIZE_PX = 64
WHAT = f"""
name: tiny
size_px: {SIZE_PX}
findings: [Effusion, Pneumothorax, Cardiomegaly]
model: {{backbone: resnet10t_slim, dropout: 0.2}}
"""
HOW = "training: {epochs: 2, batch_size: 8, warmup_epochs: 0.5, ema_decay: 0.9}\n"


@dataclass(frozen=True)
class Films:
    """Where everything lies, and the two things read."""

    manifest_path: Path
    store_path: Path
    manifest: Manifest
    store: PixelStore


@pytest.fixture(scope="session")
def films(tmp_path_factory) -> Films:
    folder = tmp_path_factory.mktemp("films")
    write_phantoms(folder / "phantoms", count=56, size_px=SIZE_PX, seed=3, prevalence="balanced")
    path = folder / "manifest.parquet"
    split_by_patient(read_nih(folder / "phantoms"), fractions=(0.55, 0.3, 0.15)).save(path)
    manifest = read_manifest(path)
    store = prepare_store(manifest, folder / "store", size_px=SIZE_PX, workers=1)
    return Films(path, folder / "store", manifest, store)


@pytest.fixture(autouse=True)
def _one_version(monkeypatch):
    """The commit may move on while a test runs; two runs are to be compared byte by byte."""
    for name in ("train", "seal"):
        monkeypatch.setattr(sys.modules[f"hilum.training.{name}"], "versions", lambda: {"hilum": "test"})


@pytest.fixture
def tiny():
    """Makes the tiny recipe; ``tiny("training.epochs=3")`` changes a setting."""
    return lambda *overrides: load(Recipe, WHAT + HOW, overrides=overrides)


@pytest.fixture
def tiny_text():
    """The tiny recipe as YAML, with another ``training`` section."""
    return lambda how: f"{WHAT}{how}\n"


@pytest.fixture
def train_tiny(films, tmp_path):
    """Trains in ``tmp_path / name``; other films, recipes and listeners on request."""

    def go(name: str, recipe: Recipe, *, manifest=None, store=None, on_event=None, resume=False) -> tuple[Run, Bundle]:
        with Run.create(tmp_path / name, resume=resume) as run:
            bundle = train(
                manifest or films.manifest,
                store or films.store,
                recipe,
                run=run,
                write_card=lambda spec: f"# {len(spec.findings)} findings\n",
                on_event=on_event,
            )
        return run, bundle

    return go
