import importlib.util
import re
from pathlib import Path

import pytest

from hilum.data import DATASETS


@pytest.fixture(scope="module")
def made():
    """Files of a small set, and a server that gives them."""
    path = Path(__file__).resolve().parents[1] / "data" / "download" / "stand_in_kaggle.py"
    spec = importlib.util.spec_from_file_location("stand_in_kaggle", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def nih(made, monkeypatch):
    monkeypatch.setitem(DATASETS, "nih", made.small(DATASETS["nih"]))
    return made.nih_files()


@pytest.fixture
def kaggle(made, nih, monkeypatch, tmp_path):
    kaggle_env = pytest.importorskip("kagglesdk.kaggle_env")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_secret")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("KAGGLE_API_ENVIRONMENT", raising=False)
    monkeypatch.chdir(tmp_path)
    plan = made.Plan(archive=made.zipped(nih))
    with made.serving(plan) as address:
        monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, address)
        yield plan


def test_get_says_where_from_what_came_and_what_is_next(hilum, kaggle, tmp_path):
    kaggle.faults = [("cut", 500)]
    answer = hilum("data", "get", "nih")
    assert answer.code == 0, answer.err
    assert "from Kaggle (nih-chest-xrays/data), with your account there" in answer.out
    assert re.search(r"fetched 0\.0 MB; gone on with after 1 cut", answer.out)
    assert "the checksum of the archive is right" in answer.out
    assert re.search(r"films +6 +6 *\n *label rows +6 +6 *\n", answer.out)
    assert "cite: Wang X" in answer.out
    assert "next: hilum data import nih nih/Data_Entry_2017.csv --out nih.parquet" in answer.out
    assert "KGAT" not in answer.out + answer.err
    assert "downloading, MiB" in answer.err
    assert hilum("data", "import", "nih", "nih/Data_Entry_2017.csv", "--out", "nih.parquet").code == 0
    again = hilum("data", "get", "nih")
    assert again.code == 0
    assert "nih holds it already: nothing was downloaded" in again.out


def test_without_a_checksum_it_is_said(hilum, kaggle, tmp_path):
    kaggle.md5 = None
    answer = hilum("data", "get", "nih", "--out", tmp_path / "there")
    assert "no checksum of the archive was announced" in answer.out
    assert (tmp_path / "there" / "Data_Entry_2017.csv").exists()


def test_from_counts_a_folder_without_network(hilum, nih, made, tmp_path):
    made.laid_out(nih, tmp_path / "own set")
    answer = hilum("data", "get", "nih", "--from", tmp_path / "own set")
    assert answer.code == 0, answer.err
    assert f"next: hilum data import nih '{tmp_path}/own set/Data_Entry_2017.csv'" in answer.out
    assert "Kaggle" not in answer.out


def test_from_tells_what_is_missing(hilum, nih, made, tmp_path):
    del nih["images_001/images/00000001_000.png"]
    made.laid_out(nih, tmp_path)
    answer = hilum("data", "get", "nih", "--from", tmp_path)
    assert answer.code == 1
    assert re.search(r"films +5 +6", answer.out)
    assert "does not hold the whole set: 1 film of the label file is not there" in answer.err
    assert "next:" not in answer.out


def test_a_set_that_lies_twice_is_imported_from_one_place(hilum, nih, made, tmp_path, monkeypatch):
    twice = {f"again/{name}": content for name, content in nih.items()}
    made.laid_out({**nih, **twice}, tmp_path)
    answer = hilum("data", "get", "nih", "--from", tmp_path)
    assert answer.code == 0, answer.err
    command = answer.out.partition("next: ")[2].split()
    assert "--images" in command
    imported = hilum(*command[1:])
    assert imported.code == 0, imported.err
    assert "several folders" not in imported.out


def test_wrong_words_are_sentences(hilum, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Did you mean 'nih-sample'" in hilum("data", "get", "nih-sampel").sentence
    assert "there is no folder" in hilum("data", "get", "nih", "--from", tmp_path / "nowhere").err


def test_without_credentials_nothing_is_asked(hilum, kaggle, monkeypatch, tmp_path):
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    answer = hilum("data", "get", "nih")
    assert answer.code == 1
    assert "no usable Kaggle credentials were found" in answer.sentence
    assert kaggle.authorisations == []
    assert not (tmp_path / "nih").exists()
