"""What tests of downloads share: a stand-in for Kaggle on loopback, and a home without credentials."""

import importlib.util
from pathlib import Path

import pytest

from hilum.data.download import DATASETS, Patience


@pytest.fixture(scope="session")
def made():
    """The stand-in's module: files, archives, the server."""
    spec = importlib.util.spec_from_file_location("stand_in_kaggle", Path(__file__).with_name("stand_in_kaggle.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def server(made, monkeypatch):
    """The plan of a running server that Kaggle's client takes for Kaggle."""
    kaggle_env = pytest.importorskip("kagglesdk.kaggle_env")
    plan = made.Plan()
    with made.serving(plan) as plan.address:
        monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, plan.address)
        yield plan


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path_factory):
    """A home without credentials, and no proxy: nothing here looks at the real one."""
    config = pytest.importorskip("kagglehub.config")
    folder = tmp_path_factory.mktemp("home")
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR", "KAGGLE_API_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(config, "DEFAULT_KAGGLE_CREDENTIALS_FOLDER", str(folder / ".kaggle"))
    # It looks for Keras in every frame of the stack; in a process with as many modules as this one that takes long.
    monkeypatch.setattr("kagglehub.clients.get_user_agent", lambda: "kagglehub")
    return folder


@pytest.fixture
def token(monkeypatch):
    value = "KGAT_secret-token-of-a-test"
    monkeypatch.setenv("KAGGLE_API_TOKEN", value)
    return value


@pytest.fixture
def quick():
    """No pauses; what hangs is waited for as long as a busy machine may need."""
    return Patience(timeout_s=10, attempts=4, first_pause_s=0.001)


@pytest.fixture
def small_nih(monkeypatch, made):
    """The data set ``nih``, expected to be small; returns its files."""
    monkeypatch.setitem(DATASETS, "nih", made.small(DATASETS["nih"]))
    return made.nih_files()
