"""What one looks at first in a data set."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from hilum.records.base import Record

__all__ = ["Description", "SampleFilm"]


class Description(Record):
    """Counts of a manifest; ``data describe`` writes it as JSON and draws it.

    Attributes:
        n_images: Films.
        n_patients: Patients.
        manifest_digest: Digest of the manifest.
        positives: Films with the finding, per finding, ``No Finding`` last.
        unknown: Films whose label for the finding is unknown.
        co_occurrence: Films with both findings: ``co_occurrence[a][b]``; the diagonal is ``positives``.
        views: Films per view; the empty name means unknown.
        sexes: Films per sex; the empty name means unknown.
        age_histogram: Films per decade of age, keyed ``0-9`` ...; ``unknown`` where the age is missing.
        images_per_patient: How many patients have 1, 2, 3, ... films; ``10+`` is the last.
        splits: Films per split and finding; empty before ``data split``.
        pixel_histogram: Share of pixels per grey level of 64, over the sampled films.
        n_problems: Films sampled that could not be read.
    """

    n_images: int
    n_patients: int
    manifest_digest: str
    positives: dict[str, int]
    unknown: dict[str, int]
    co_occurrence: dict[str, dict[str, int]]
    views: dict[str, int]
    sexes: dict[str, int]
    age_histogram: dict[str, int]
    images_per_patient: dict[str, int]
    splits: dict[str, dict[str, int]]
    pixel_histogram: tuple[float, ...]
    n_problems: int


@dataclass(frozen=True)
class SampleFilm:
    """A small picture with a caption of findings, for sample grids and augmentation previews."""

    pixels: UInt8[np.ndarray, "height width"]
    caption: str
