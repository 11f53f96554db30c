"""Small sets of films, labels and manifests."""

import numpy as np
import pandas as pd
import pytest

from hilum.data import Manifest
from hilum.findings import NIH_FINDINGS
from hilum.imaging import write_png

V2020 = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)


def make_manifest(n_images, *, paths=None, patients=None, targets=None, findings=NIH_FINDINGS, seed=0, **columns):
    """A manifest of ``n_images`` films, by default two per patient with findings at random."""
    ids = [f"{row:08d}_000.png" for row in range(n_images)]
    if targets is None:
        targets = (np.random.default_rng(seed).random((n_images, len(findings))) < 0.2).astype(np.float32)
    table = pd.DataFrame(
        {
            "image_id": ids,
            "path": [str(path) for path in paths] if paths else [f"/nowhere/{name}" for name in ids],
            "patient_id": [f"p{row // 2}" for row in range(n_images)] if patients is None else patients,
            "study_id": ids,
            "view": "PA",
            "sex": "F",
            "age_years": np.full(n_images, 50, dtype=np.float32),
            "split": pd.Series([None] * n_images, dtype=object),
            **dict(zip(findings, np.asarray(targets, dtype=np.float32).T, strict=True)),
        }
    ).assign(**columns)
    return Manifest(table, tuple(findings), source="made up")


@pytest.fixture
def manifest_of():
    return make_manifest


@pytest.fixture
def write_films(tmp_path):
    """Write ``n`` films of noise below a folder and return their paths."""

    def write(n, folder="films", size=40):
        root = tmp_path / folder
        root.mkdir(parents=True, exist_ok=True)
        paths = [root / f"{row:08d}_000.png" for row in range(n)]
        for row, path in enumerate(paths):
            rows, columns = np.mgrid[0:size, 0:size]
            write_png(path, ((rows * (row % 5 + 1) + columns * 2 + row * 7) % 256).astype(np.uint8))
        return paths

    return write


@pytest.fixture
def write_text(tmp_path):
    """Write lines to a file and return its path."""

    def write(name, *lines, encoding="utf-8"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return write


@pytest.fixture
def v2020():
    return V2020
