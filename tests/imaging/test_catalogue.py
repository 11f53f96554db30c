"""Every case of the input catalogue through the one way in."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from catalogue.case import FOR_THE_SERVICE, GROUPS, ROWS, ProgramMissingError, of_row
from catalogue.cases import CASES
from catalogue.film import CANARY, JPEG_LOSSLESS, JPEG_LS, JPEG_SV1
from PIL import Image as Pillow

from hilum.errors import ImageRefusedError
from hilum.imaging import FLAGS, REFUSALS, FilmReader, read_image

HOSTILE = [case for case in CASES if case.group == "hostile"]
CHEAP = [case for case in CASES if case.row != "cut"]
MOST_S, MOST_BYTES = 2.0, 256 * 2**20


def files_of(case, folder):
    try:
        return case.files(folder)
    except ProgramMissingError as error:
        pytest.skip(f"{error}: this case did NOT run")


def outcome(reading, path):
    """The image, or its refusal."""
    try:
        return reading(path)
    except ImageRefusedError as error:
        return error


def check(case, answer):
    """Outcome, code, sentence, advice, grey values; and nobody is named."""
    said = str(answer) if isinstance(answer, ImageRefusedError) else repr(answer.facts)
    assert CANARY.lower() not in said.lower()
    if case.outcome == "refuse":
        assert isinstance(answer, ImageRefusedError), f"answered, with flags {answer.facts.flags}"
        assert answer.code in case.codes, said
        assert answer.advice == REFUSALS[answer.code]
        assert answer.sentence.endswith(".")
        assert answer.sentence[0].isupper() or answer.sentence[0].isdigit()
        return
    assert not isinstance(answer, ImageRefusedError), said
    flags = set(answer.facts.flags)
    assert set(case.codes) <= flags, f"flags are {flags}"
    assert flags - set(case.codes) <= set(case.also)
    truth = case.truth()
    assert (answer.pixels.shape, answer.pixels.dtype) == (truth.shape, np.float32)
    difference = np.abs(answer.pixels - truth)
    assert difference.max() <= case.tolerance
    assert difference.mean() <= (case.tolerance if case.mean_tolerance is None else case.mean_tolerance)


@pytest.mark.parametrize("case", CHEAP, ids=lambda case: case.name)
def test_case(case, tmp_path):
    for path in files_of(case, tmp_path):
        check(case, outcome(read_image, path))


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if case.row == "cut"], ids=lambda case: case.name)
def test_every_cut_is_refused(case, tmp_path):
    paths = files_of(case, tmp_path)
    assert len(paths) == 64
    for path in paths:
        check(case, outcome(read_image, path))


@pytest.mark.slow
def test_hostile_files_cost_little(tmp_path):
    """Measured in processes of their own: at most 2 s of processor time and 256 MB."""
    cases = [case for case in HOSTILE if case.row != "cut"]
    paths = [str(path) for number, case in enumerate(cases) for path in case.files(tmp_path / str(number))]
    said = subprocess.run(
        [sys.executable, "-m", "catalogue.measure"],
        input="".join(json.dumps(path) + "\n" for path in paths),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"},
    ).stdout
    costs = [json.loads(line) for line in said.splitlines()]
    assert len(costs) == len(cases)
    for case, cost in zip(cases, costs, strict=True):
        assert cost.get("code", "") in (case.codes or ("",)), (case.name, cost)
        assert cost["cpu_s"] < MOST_S, (case.name, cost)
        assert cost["bytes"] < MOST_BYTES, (case.name, cost)


def test_hostile_files_in_processes_that_can_be_thrown_away(tmp_path):
    cases = [case for case in HOSTILE if case.row != "cut"]
    paths = [path for number, case in enumerate(cases) for path in case.files(tmp_path / str(number))]
    good = next(case for case in CASES if case.name == "dicom explicit")
    film = good.files(tmp_path / "film")[0]
    with FilmReader(workers=1) as reader:
        for case, path in zip(cases, paths, strict=True):
            check(case, outcome(reader.read, path))
        check(good, reader.read(film))


def dcmtk_for(path):
    """The program that renders a file's transfer syntax: each of them is dcm2pnm with another decoder."""
    syntax = pydicom.dcmread(path, stop_before_pixels=True, force=True).file_meta.TransferSyntaxUID
    program = {JPEG_LS: "dcml2pnm", JPEG_SV1: "dcmj2pnm", JPEG_LOSSLESS: "dcmj2pnm"}.get(syntax, "dcm2pnm")
    if shutil.which(program) is None:
        pytest.skip(f"{program} (Debian package dcmtk) is not installed: this did NOT run")
    return program


@pytest.mark.parametrize("case", [case for case in CASES if case.oracle], ids=lambda case: case.name)
def test_dcmtk_renders_the_same(case, tmp_path):
    """Another implementation of the same standard, in C++, to 8 bits."""
    path, picture = files_of(case, tmp_path)[0], tmp_path / "film.pgm"
    image = read_image(path)
    shown = {"window": ["+Wi", "1"], "VOI LUT": ["+Wl", "1"]}
    options = next((options for name, options in shown.items() if image.facts.window.startswith(name)), [])
    subprocess.run([dcmtk_for(path), "+op", *options, path, picture], check=True, capture_output=True, timeout=60)
    with Pillow.open(picture) as rendered:
        levels = np.asarray(rendered).astype(float)
    assert np.abs(levels - image.pixels * 255).max() <= 1.1


# --- the catalogue itself --------------------------------------------------------------------------------------------


def test_nothing_is_dropped():
    assert all(of_row(CASES).values()), "a row without a case"
    assert {case.row for case in CASES} <= ROWS.keys()
    assert all(reason for reason in FOR_THE_SERVICE.values())
    counts = Counter(case.group for case in CASES)
    assert counts.keys() == GROUPS.keys()
    assert counts["equivalent"] >= 34
    assert counts["refuse"] >= 36
    assert counts["flag"] >= 14
    assert counts["hostile"] >= 16


def test_names_and_codes_are_in_order():
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        known = REFUSALS if case.outcome == "refuse" else FLAGS
        assert set(case.codes) <= known.keys(), case.name
        assert set(case.also) <= FLAGS.keys(), case.name
        assert bool(case.codes) == (case.outcome != "accept"), case.name
        assert case.truth is not None or case.outcome == "refuse", case.name
        assert case.what, case.name


def test_every_code_has_a_case():
    shown = {code for case in CASES for code in case.codes}
    # Only a decoder that fails under its limits gives too_costly: tests/imaging/test_film_reader.py.
    assert set(REFUSALS) - shown == {"too_costly"}
    assert set(FLAGS) - shown == set()
