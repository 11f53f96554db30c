"""Films to examine: manifests made up, and thumbnails without files."""

import numpy as np
import pytest

from hilum.data.doctor.examination import Examination
from hilum.data.doctor.subject import subject_of
from hilum.data.doctor.thumbnails import Thumbnails


def thumbnails_of(n_images, *, pixels=None, sizes=None, flags=None, problems=None):
    return Thumbnails(
        pixels=np.full((n_images, 64, 64), 100, np.uint8) if pixels is None else pixels,
        boxes=np.tile(np.array([0, 0, 64, 64], np.int32), (n_images, 1)),
        sizes=np.full((n_images, 2), 1024, np.int32) if sizes is None else np.asarray(sizes, np.int32),
        views=("PA",) * n_images,
        groups=np.arange(n_images),
        flags=[()] * n_images if flags is None else flags,
        problems=problems or {},
    )


@pytest.fixture
def thumbnails():
    return thumbnails_of


@pytest.fixture
def examine():
    """Return the checks that a function finds, by code."""

    def find(check, manifest, **given):
        subject = manifest if hasattr(manifest, "splits") else subject_of(manifest)
        return {found.code: found for found in check(Examination(subject, **given))}

    return find
