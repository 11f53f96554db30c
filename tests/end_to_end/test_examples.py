"""The examples run as they stand."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
WRITES = {
    "01_quickstart": ({"AUROC", "Effusion"}, "report.html"),
    "02_doctor": (
        {"duplicate_across_splits", "missing", "refused_truncated", "pose_inverted", "pose_upside_down"},
        "doctor.html",
    ),
}
"""Words that an example prints, and the page that it writes."""


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs(example, tmp_path):
    ran = subprocess.run([sys.executable, example, tmp_path], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    said, page = WRITES[example.stem]
    assert said <= set(ran.stdout.split())
    assert (tmp_path / page).is_file()


def test_every_example_is_known():
    assert {example.stem for example in EXAMPLES} == WRITES.keys()
