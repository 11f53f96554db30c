"""What one looks at first in a data set: counts, co-occurrence, ages, grey values, films."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float32

from hilum.data.augmentation import Augmentation, AugmentationSection
from hilum.data.manifest import SPLITS, Manifest
from hilum.errors import ImageRefusedError
from hilum.findings import NO_FINDING, title_of
from hilum.imaging import FilmReader
from hilum.metrics import no_finding_target
from hilum.records import Description, SampleFilm

__all__ = ["describe_manifest", "preview_augmentation"]

_SAMPLE_PX = 160
_N_SHOWN = 24
_N_LEVELS = 64
_MOST_FILMS = 10


def describe_manifest(manifest: Manifest, *, sample: int = 200, seed: int = 0) -> tuple[Description, list[SampleFilm]]:
    """Count everything in a manifest and open some of its films.

    Args:
        manifest: Split or not.
        sample: Films opened for grey values; up to 24 of them are shown.
        seed: Another seed, other films.

    Returns:
        The counts, and small pictures with their findings; films that cannot be read are counted, not shown.
    """
    table = manifest.table
    names = (*manifest.findings, NO_FINDING)
    targets = _with_no_finding(manifest)
    present = targets == 1
    opened = _open_sample(manifest, sample, seed)
    both = present.T.astype(int) @ present.astype(int)
    films_of = table.groupby("patient_id").size().clip(upper=_MOST_FILMS).value_counts().sort_index()
    description = Description(
        n_images=len(manifest),
        n_patients=manifest.n_patients,
        manifest_digest=manifest.digest,
        positives={name: int(n) for name, n in zip(names, present.sum(axis=0), strict=True)},
        unknown={name: int(n) for name, n in zip(names, np.isnan(targets).sum(axis=0), strict=True)},
        co_occurrence={a: dict(zip(names, map(int, row), strict=True)) for a, row in zip(names, both, strict=True)},
        views=_counts(table["view"]),
        sexes=_counts(table["sex"]),
        age_histogram=_decades(table["age_years"]),
        images_per_patient={f"{n}+" if n == _MOST_FILMS else f"{n}": int(count) for n, count in films_of.items()},
        splits=_splits(manifest, names, present),
        pixel_histogram=opened.histogram,
        n_problems=opened.n_problems,
    )
    return description, opened.films


def preview_augmentation(
    manifest: Manifest,
    *,
    section: AugmentationSection | None = None,
    n_films: int = 4,
    n_variants: int = 5,
    seed: int = 0,
) -> list[list[SampleFilm]]:
    """Return some films, each as it is and as augmentation makes it; fewer than ``n_films`` if few can be read."""
    augmentation = Augmentation(section or AugmentationSection(), seed=seed)
    rows = []
    for number, film in enumerate(_open_sample(manifest, 4 * n_films, seed).films[:n_films]):
        variants = [SampleFilm(film.pixels, "as it is")]
        for epoch in range(n_variants):
            changed = augmentation.apply(film.pixels[None], epoch=epoch, films=np.array([number]))
            pixels = (changed[0, 0].numpy() * 255).round().astype(np.uint8)
            variants.append(SampleFilm(pixels, f"epoch {epoch + 1}"))
        rows.append(variants)
    return rows


@dataclass(frozen=True)
class _Opened:
    films: list[SampleFilm]
    histogram: tuple[float, ...]
    n_problems: int


def _open_sample(manifest: Manifest, sample: int, seed: int) -> _Opened:
    rows = np.random.default_rng(seed).permutation(len(manifest))[:sample]
    films: list[SampleFilm] = []
    levels = np.zeros(_N_LEVELS, dtype=np.int64)
    n_problems = 0
    entries = [manifest.table.iloc[int(row)] for row in rows]
    with FilmReader() as reader:
        squares = reader.squares([Path(entry["path"]) for entry in entries], _SAMPLE_PX, rule="pad")
        for entry, pixels in zip(entries, squares, strict=True):
            if isinstance(pixels, ImageRefusedError):
                n_problems += 1
                continue
            levels += np.bincount(pixels.ravel() // (256 // _N_LEVELS), minlength=_N_LEVELS)
            if len(films) < _N_SHOWN:
                films.append(SampleFilm(pixels, _caption(entry, manifest.findings)))
    shares = levels / max(int(levels.sum()), 1)
    return _Opened(films, tuple(float(share) for share in shares), n_problems)


def _caption(entry: "pd.Series[float]", findings: Sequence[str]) -> str:
    present = [title_of(name) for name in findings if entry[name] == 1]
    if not present and (not findings or any(np.isnan(entry[name]) for name in findings)):
        return "labels unknown"
    return ", ".join(present) or NO_FINDING


def _with_no_finding(manifest: Manifest) -> Float32[np.ndarray, "image finding"]:
    """Return targets and a column more: whether none of the manifest's findings is there; unknown if it has none."""
    targets = manifest.targets()
    if not manifest.findings:
        return np.full((len(manifest), 1), np.nan, dtype=np.float32)
    return np.column_stack([targets, no_finding_target(targets)]).astype(np.float32)


def _counts(column: "pd.Series[str]") -> dict[str, int]:
    return {str(name): int(n) for name, n in column.fillna("").value_counts().items()}


def _decades(ages: "pd.Series[float]") -> dict[str, int]:
    decades = (ages.dropna() // 10).astype(int).value_counts().sort_index()
    known = {f"{10 * int(str(decade))}-{10 * int(str(decade)) + 9}": int(n) for decade, n in decades.items()}
    n_unknown = int(ages.isna().sum())
    return {**known, **({"unknown": n_unknown} if n_unknown else {})}


def _splits(manifest: Manifest, names: Sequence[str], present: np.ndarray) -> dict[str, dict[str, int]]:
    if not manifest.split_digest:
        return {}
    return {
        split: {
            "films": len(manifest.rows(split)),
            **dict(zip(names, map(int, present[manifest.rows(split)].sum(axis=0)), strict=True)),
        }
        for split in SPLITS
    }
