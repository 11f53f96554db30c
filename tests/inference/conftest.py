"""Films on disk in every format, and a bundle that answers for them."""

import numpy as np
import pytest

from hilum.imaging import write_dicom, write_png
from hilum.inference import Predictor
from hilum.phantoms import draw_case, render_phantom
from hilum.records import PlattMap

KNOWN = {"covariance": ((0.01, 0.001), (0.001, 0.04))}
RULES = {
    "Effusion": {"calibration": PlattMap(slope=0.5, intercept=-1.0, **KNOWN), "threshold": 0.2},
    "Mass": {"calibration": PlattMap(slope=2.0, intercept=0.5, **KNOWN), "threshold": 0.9},
    "Nodule": {"calibration": PlattMap(**KNOWN), "threshold": float("nan"), "reason": "no positive film on validation"},
}


@pytest.fixture(scope="session")
def bundle(make_bundle, tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("inference") / "bundle", rules=RULES)


@pytest.fixture
def predictor(bundle):
    return Predictor(bundle)


@pytest.fixture(scope="session")
def pixels():
    """Five films of odd sizes, as grey values of 8 bits."""
    films = [render_phantom(draw_case(7, index, prevalence="balanced"), 96).pixels for index in range(5)]
    return [np.ascontiguousarray(film[: 96 - 3 * index, : 70 + 5 * index]) for index, film in enumerate(films)]


@pytest.fixture(scope="session")
def films(pixels, tmp_path_factory):
    """The same films as PNG files."""
    folder = tmp_path_factory.mktemp("films")
    for number, film in enumerate(pixels):
        write_png(folder / f"{number}.png", film)
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def dicom_twins(pixels, tmp_path_factory):
    """One film as DICOM of both polarities."""
    folder = tmp_path_factory.mktemp("dicom")
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        write_dicom(
            folder / f"{photometric}.dcm", pixels[0], patient_id="Doe^Jane", instance_number=1, view="PA", age_years=50,
            sex="F", photometric=photometric,
        )  # fmt: skip
    return folder / "MONOCHROME1.dcm", folder / "MONOCHROME2.dcm"
