"""What all tests share: threads, and real films where they are at hand."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def _few_threads():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real films used in development; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("HILUM_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip("real films are not on this machine (set HILUM_SHARED to their folder): this test did NOT run")
    return folder
