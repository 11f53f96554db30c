import builtins
import json

import pytest

from hilum.data.download import require_credentials
from hilum.errors import DownloadError, MissingExtraError

SECRET = "f00dfeed" * 4


def message(environment):
    with pytest.raises(DownloadError) as caught:
        require_credentials(environment)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_every_place_and_how_to_get_a_token_is_named(home):
    text = message({"HOME": str(home)})
    for place in (
        "KAGGLE_API_TOKEN: not set",
        "~/.kaggle/access_token: not there",
        "KAGGLE_USERNAME: not set",
        "KAGGLE_KEY: not set",
        "~/.kaggle/kaggle.json: not there",
        "Create New Token",
    ):
        assert place in text
    assert str(home) not in text


@pytest.mark.parametrize("name", ["access_token", "access_token.txt"])
def test_a_token_in_the_home_is_found(home, name):
    (home / ".kaggle").mkdir()
    (home / ".kaggle" / name).write_text(SECRET)
    require_credentials({"HOME": str(home)})


def test_the_variables_are_found(home, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", SECRET)
    require_credentials({})
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", "someone")
    assert "KAGGLE_USERNAME: set; the variable KAGGLE_KEY: not set" in message({"KAGGLE_USERNAME": "someone"})
    monkeypatch.setenv("KAGGLE_KEY", SECRET)
    require_credentials({})


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_older_file_is_found(home, tmp_path, monkeypatch, elsewhere):
    folder = tmp_path / "config" if elsewhere else home / ".kaggle"
    folder.mkdir()
    if elsewhere:
        monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(folder))
    (folder / "kaggle.json").write_text(json.dumps({"username": "someone", "key": SECRET}))
    require_credentials({})


@pytest.mark.parametrize("text", ["", SECRET, "7", "[]", '{"username": "someone"}', json.dumps({"key": SECRET})])
def test_an_older_file_that_is_damaged_is_named_without_what_it_holds(home, tmp_path, monkeypatch, text):
    (tmp_path / "kaggle.json").write_text(text)
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    answer = message({"HOME": str(home), "KAGGLE_CONFIG_DIR": str(tmp_path)})
    assert "KAGGLE_CONFIG_DIR/kaggle.json: there, but not usable" in answer


def test_a_token_too_long_for_a_file_name_is_not_shown(home, monkeypatch):
    # Kaggle's client asks whether a file of that name exists; the system's error quotes the name.
    monkeypatch.setenv("KAGGLE_API_TOKEN", SECRET * 40)
    assert "KAGGLE_API_TOKEN: set, but not usable" in message({"HOME": str(home), "KAGGLE_API_TOKEN": SECRET * 40})


def test_without_the_extra_the_line_to_install_it_is_given(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **settings):
        if name.startswith("kagglehub"):
            raise ImportError(name)
        return real(name, *arguments, **settings)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'hilum\[download\]'"):
        require_credentials({})
