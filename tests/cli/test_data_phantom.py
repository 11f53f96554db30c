import json

import pytest


def test_same_seed_same_bytes(hilum, tmp_path):
    for name in ("a", "b"):
        answer = hilum("data", "phantom", tmp_path / name, "--count", 4, "--size", 64, "--seed", 5, "--workers", 1)
        assert answer.code == 0, answer.err
    files = [sorted(path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*.*")) for name in "ab"]
    assert files[0] == files[1]
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files[0])
    assert "knows nothing about people" in answer.out
    assert "hilum data import nih" in answer.out


def test_wishes_reach_the_set(hilum, tmp_path):
    answer = hilum(
        "data", "phantom", tmp_path / "p", "--count", 6, "--size", 64, "--prevalence", "nih", "--label-noise", 0.2,
        "--dicom", "--masks", "--workers", 1,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    facts = json.loads((tmp_path / "p" / "phantoms.json").read_text())
    assert (facts["prevalence"], facts["label_noise"]) == ("nih", 0.2)
    assert {path.suffix for path in (tmp_path / "p" / "images").iterdir()} == {".dcm"}
    assert (tmp_path / "p" / "masks").is_dir()


def test_a_folder_with_something_else_is_left_alone(hilum, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    answer = hilum("data", "phantom", tmp_path, "--count", 1, "--size", 64, "--workers", 1)
    assert answer.code == 1
    assert "holds something that is not a set of phantoms" in answer.err
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize("words", [("--size", "12"), ("--prevalence", "rare"), ("--label-noise", "0.9")])
def test_wrong_usage(hilum, tmp_path, words):
    assert hilum("data", "phantom", tmp_path / "p", *words).code == 2
