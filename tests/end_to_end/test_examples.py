"""The examples run as they stand."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs(example, tmp_path):
    ran = subprocess.run([sys.executable, example, tmp_path], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert "mean AUROC of" in ran.stdout
    assert "Effusion" in ran.stdout
    assert (tmp_path / "report.html").is_file()


def test_there_is_an_example():
    assert EXAMPLES
