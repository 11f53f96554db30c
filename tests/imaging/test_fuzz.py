"""Files that nobody thought of: read, or refused with a code, in time; never anything else.

``HILUM_FUZZ=50000 pytest tests/imaging/test_fuzz.py -m slow -s`` makes fifty thousand of them instead of ten thousand,
and prints what became of them and how long it took.
"""

import os
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from catalogue.fuzz import dicom_files, picture_files, read_or_refuse
from hypothesis import HealthCheck, given, settings
from pydicom.data import get_testdata_files

N_SLOW = int(os.environ.get("HILUM_FUZZ", "10000"))
PARTS = 64


def run(files, path, count, *, derandomize):
    """Read ``count`` files of a strategy; returns how many came to what."""
    found = Counter()

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=derandomize,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(files)
    def one(content):
        path.write_bytes(content)
        found[read_or_refuse(path)] += 1

    start = time.perf_counter()
    one()
    sys.stdout.write(f"{found.total()} files in {time.perf_counter() - start:.0f} s: {dict(found.most_common())}\n")
    return found


def test_dicom_of_any_kind(tmp_path):
    found = run(dicom_files(), tmp_path / "film", 300, derandomize=True)
    assert found["read"] > 30, "too many are broken: nothing behind the header is tried"
    assert len(found) > 6


@pytest.mark.slow
def test_much_dicom_of_any_kind(tmp_path):
    run(dicom_files(), tmp_path / "film", N_SLOW, derandomize=False)


def test_damaged_pictures(tmp_path):
    found = run(picture_files(), tmp_path / "film", 200, derandomize=True)
    assert found["read"] > 20
    assert found["truncated"] > 5


@pytest.mark.slow
def test_files_that_pydicom_ships_whole_and_cut(tmp_path):
    """Every kind of DICOM there is, and its beginnings: 1/64 of each, 2/64 ..."""
    found, cut, path, start = Counter(), Counter(), tmp_path / "film.dcm", time.perf_counter()
    files = [Path(name) for name in get_testdata_files() if Path(name).is_file()]
    for file in files:
        content = file.read_bytes()
        for part in range(1, PARTS + 1):
            path.write_bytes(content[: len(content) * part // PARTS])
            (found if part == PARTS else cut)[read_or_refuse(path)] += 1
    sys.stdout.write(f"{found.total()} files {dict(found)}, {cut.total()} cuts {dict(cut)}, ")
    sys.stdout.write(f"{time.perf_counter() - start:.0f} s\n")
    assert found["read"]
    assert not cut["read"]
    assert len(files) > 50
