"""Numbers that must not move unless somebody means it: a study, three phantoms and a split.

The expected numbers lie beside this file as JSON. After a change that is meant to move them, write them anew, look at
the difference, and say in the commit why they moved::

    python tests/golden/test_golden.py
    git diff tests/golden

Other tests say whether numbers are right; these say that they are still the same.
"""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hilum.calibration import choose_threshold
from hilum.data import Manifest, split_by_patient
from hilum.evaluation import evaluate_arrays
from hilum.phantoms import render_film

FOLDER = Path(__file__).parent
FINDINGS = ("Effusion", "Mass", "Cardiomegaly", "Hernia")
SIZE_PX, BLOCK_PX = 64, 8


def study():
    """120 films of 60 patients: many, some, few and no positives; every eleventh Mass unknown."""
    rng = np.random.default_rng(0)
    targets = (rng.random((120, 4)) < (0.4, 0.25, 0.1, 0.0)).astype(float)
    probabilities = np.round((0.3 * targets + rng.random((120, 4))) / 1.3, 3)
    targets[::11, 1] = np.nan
    known, every = ~np.isnan(targets[:, 1]), np.ones(120, dtype=bool)
    found = evaluate_arrays(
        probabilities,
        targets,
        findings=FINDINGS,
        groups=np.arange(120) // 2,
        thresholds={"Effusion": 0.5, "Mass": 0.6, "Cardiomegaly": 0.4, "Hernia": 0.9},
        thresholds_from="validation",
        bootstrap=50,
        seed=0,
    )
    chosen = {
        f"thresholds/{key}/{name}": choose_threshold(probabilities[rows, column], targets[rows, column], rule=rule)
        for key, rule in (("youden", "youden"), ("f1", "f_beta"), ("sensitivity", "sensitivity"))
        for column, (name, rows) in enumerate(zip(FINDINGS[:3], (every, known, every), strict=True))
    }
    curves = {"roc", "pr", "calibration", "rank", "decision", "refer"}
    measured = {
        "findings": {name: finding.model_dump(exclude=curves) for name, finding in found.findings.items()},
        "macro": {name: mean.model_dump() for name, mean in found.macro.items()},
        "measurable": {name: mean.model_dump() for name, mean in found.measurable.items()},
        "averages": found.averages.model_dump(),
    }
    return dict(flat(measured)) | chosen


def phantoms():
    """The first three films of the set 0: what they show, and the mean grey of every block."""
    films = [render_film(0, index, size_px=SIZE_PX) for index in range(3)]
    n = SIZE_PX // BLOCK_PX
    return [
        {
            "findings": [name for name, present in film.targets.items() if present],
            "view": film.view,
            "sex": film.sex,
            "age_years": film.age_years,
            "greys": film.pixels.reshape(n, BLOCK_PX, n, BLOCK_PX).mean(axis=(1, 3)).round(1).tolist(),
        }
        for film in films
    ]


def split():
    """48 films of 24 patients, a common and a rare finding, dealt out with seed 0."""
    films = np.arange(48)
    table = pd.DataFrame({"image_id": [f"{i:02d}.png" for i in films], "path": [f"/films/{i:02d}.png" for i in films]})
    table = table.assign(patient_id=[f"p{i // 2:02d}" for i in films], study_id="", view="", sex="")
    table = table.assign(age_years=np.float32(50), split=None)
    table = table.assign(Effusion=(films % 3 == 0).astype(np.float32), Hernia=(films % 16 == 5).astype(np.float32))
    dealt = split_by_patient(Manifest(table, ("Effusion", "Hernia"), "golden.csv"), seed=0)
    return {"digest": dealt.split_digest, **dict(zip(dealt.table["patient_id"], dealt.table["split"], strict=True))}


def flat(values, path=""):
    """Yield every number and word below, with the way to it; NaN as None."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield from flat(value, f"{path}/{name}".lstrip("/"))
    elif isinstance(values, tuple) and values and isinstance(values[0], dict):
        yield from flat(dict(enumerate(values)), path)
    elif isinstance(values, tuple):
        yield path, ", ".join(values)
    else:
        undefined = isinstance(values, float) and math.isnan(values)
        yield path, None if undefined else values


GOLDEN = {"study": study, "phantoms": phantoms, "split": split}


def expected(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def test_a_study_gives_the_numbers_it_gave():
    wanted, found = expected("study"), study()
    assert found.keys() == wanted.keys()
    for path, value in wanted.items():
        assert found[path] == (pytest.approx(value, abs=1e-9) if isinstance(value, float) else value), path
    assert sum(isinstance(value, float) for value in wanted.values()) > 80


@pytest.mark.parametrize("number", range(3))
def test_phantoms_look_as_they_looked(number):
    """Block means, with one grey level of room: another processor may round otherwise."""
    wanted, found = expected("phantoms")[number], phantoms()[number]
    np.testing.assert_allclose(found.pop("greys"), wanted.pop("greys"), rtol=0, atol=1.0)
    assert found == wanted


def test_a_seed_deals_patients_out_as_it_did():
    assert split() == expected("split")


def write():
    """Write what is expected anew."""
    for name, make in GOLDEN.items():
        (FOLDER / f"{name}.json").write_text(json.dumps(make(), indent=1) + "\n")


if __name__ == "__main__":
    write()
