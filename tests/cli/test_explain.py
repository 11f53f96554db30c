import shutil

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def bundle(make_bundle, tmp_path_factory):
    """Calls every Effusion and no Mass."""
    folder = tmp_path_factory.mktemp("bundles") / "bundle"
    make_bundle(
        folder, rules={"Effusion": {"threshold": 0.0}, "Mass": {"threshold": 1.0}, "Nodule": {"threshold": 1.0}}
    )
    return folder


def test_a_picture_per_called_finding(hilum, bundle, films, tmp_path):
    answer = hilum("explain", *films.images[:2], "--bundle", bundle, "--out", tmp_path)
    assert answer.code == 0, answer.err
    expected = [tmp_path / f"{film.stem}_Effusion.png" for film in films.images[:2]]
    assert answer.out.splitlines() == [f" wrote {path}" for path in expected]
    assert sorted(tmp_path.iterdir()) == expected
    picture = np.asarray(Image.open(expected[0]))
    assert picture.shape == (64, 64, 3)


def test_a_named_finding_is_explained_whatever_its_call(hilum, bundle, films, tmp_path):
    words = ("explain", films.images[0], "--bundle", bundle, "--out", tmp_path)
    assert hilum(*words, "--finding", "Mass", "--finding", "Nodule").code == 0
    stem = films.images[0].stem
    assert {path.name for path in tmp_path.iterdir()} == {f"{stem}_Mass.png", f"{stem}_Nodule.png"}


def test_what_a_person_should_look_at_is_explained_too(hilum, make_bundle, films, tmp_path):
    wide = {"low": 0.0, "high": 1.0, "allowed_missed": 0.1, "allowed_false_alarms": 0.1}
    undecided = wide | {"missed": 0.1, "cleared": 0.6, "found": 0.7, "false_alarms": 0.05}
    undecided |= {"n_patients_with": 20, "n_patients_without": 90}
    rules = {"Mass": {"threshold": 0.5, "refer": undecided}, "Nodule": {"threshold": 1.0}}
    make_bundle(tmp_path / "b", findings=("Mass", "Nodule"), rules=rules)
    answer = hilum("explain", films.images[0], "--bundle", tmp_path / "b", "--out", tmp_path / "maps")
    assert answer.code == 0, answer.err
    assert [path.name for path in (tmp_path / "maps").iterdir()] == [f"{films.images[0].stem}_Mass.png"]


def test_nothing_called(hilum, make_bundle, films, tmp_path):
    make_bundle(tmp_path / "b", findings=("Mass",), rules={"Mass": {"threshold": 1.0}})
    answer = hilum("explain", films.images[0], "--bundle", tmp_path / "b", "--out", tmp_path / "maps")
    assert answer.code == 0
    assert "nothing was called present or referred" in answer.out
    assert not (tmp_path / "maps").exists()


def test_films_that_cannot_be_read(hilum, bundle, films, tmp_path):
    (tmp_path / "cut.png").write_bytes(films.images[0].read_bytes()[:200])
    out = tmp_path / "maps"
    some = hilum("explain", tmp_path / "cut.png", films.images[0], "--bundle", bundle, "--out", out)
    assert some.code == 0
    assert "cut.png   not answered: truncated" in some.err
    none = hilum("explain", tmp_path / "cut.png", "--bundle", bundle, "--out", out)
    assert (none.code, none.out) == (1, "")


def test_wrong_wishes(hilum, bundle, films, tmp_path):
    words = ("explain", films.images[0], "--bundle", bundle, "--out", tmp_path / "maps")
    answer = hilum(*words, "--finding", "Efusion")
    assert (answer.code, "Did you mean 'Effusion'?" in answer.sentence) == (1, True)
    answer = hilum(*words, "--finding", "Hernia")
    assert (answer.code, "does not answer for Hernia" in answer.sentence) == (1, True)
    answer = hilum(*words, "--method", "grad_cm")
    assert (answer.code, "Did you mean 'grad_cam'?" in answer.err) == (1, True)


def test_two_films_of_one_name(hilum, bundle, films, tmp_path):
    shutil.copy(films.images[0], tmp_path)
    answer = hilum("explain", films.images[0], tmp_path, "--bundle", bundle, "--out", tmp_path / "maps")
    assert answer.code == 1
    assert "have the same name" in answer.sentence
