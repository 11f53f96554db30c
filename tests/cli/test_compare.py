"""``hilum compare``: what is printed, what is written, and how it refuses."""

import json
import shutil

import numpy as np
import pytest

from hilum.evaluation import write_predictions


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    targets = (rng.random((120, 2)) < 0.4).astype(float)
    for name, strength in (("good", 3.0), ("poor", 0.2)):
        scores = 1 / (1 + np.exp(-rng.normal(size=targets.shape) - strength * targets))
        write_predictions(
            tmp_path / f"{name}.csv",
            [f"f{row}" for row in range(120)],
            scores,
            findings=("Effusion", "Mass"),
            targets=targets,
            groups=np.arange(120) // 2,
        )
    return tmp_path / "good.csv", tmp_path / "poor.csv"


def test_it_prints_a_table_and_a_sentence(hilum, files):
    answer = hilum("compare", *files, "--bootstrap", 50)
    assert answer.code == 0, answer.err
    for words in (
        "Effusion",
        "difference (95 %)",
        "p (Holm)",
        "mean of 2",
        "Brier score (lower is better)",
        "findings that last",
        "good orders films better than poor: mean AU",
    ):
        assert words in answer.out
    assert "120 films that all models answered" in answer.out
    assert "--out DIR" in answer.out


def test_it_writes_a_record_and_a_page(hilum, files, tmp_path):
    answer = hilum("compare", *files, "--bootstrap", 20, "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    record = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert record["pedigree"]["command"].startswith("hilum compare ")
    assert (record["pedigree"]["n_bootstrap"], record["schema_version"]) == (20, 1)
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert record["pairs"][0]["sentence"].split(";")[0] in page
    assert f"wrote {tmp_path / 'out' / 'comparison.html'}" in answer.out


def test_without_intervals_and_tests_dashes_stand(hilum, files):
    answer = hilum("compare", *files, "--bootstrap", 0)
    assert answer.code == 0
    assert "no interval says whether by chance" in answer.out


def test_one_model_is_refused(hilum, files):
    answer = hilum("compare", files[0])
    assert answer.code == 1
    assert "at least 2 models, got 1" in answer.sentence


def test_a_run_against_its_copy_differs_in_nothing(hilum, judged, tmp_path):
    copy = shutil.copytree(judged / "evaluation", tmp_path / "copy")
    answer = hilum("compare", judged, copy, "--bootstrap", 10)
    assert answer.code == 0, answer.err
    assert "No difference is shown between tiny and copy" in answer.out
    assert "mind: The films are phantoms" in answer.out


def test_a_run_of_another_split_is_refused(hilum, judged, tmp_path):
    copy = shutil.copytree(judged / "evaluation", tmp_path / "random")
    text = (copy / "evaluation.json").read_text()
    digest = json.loads(text)["pedigree"]["split_digest"]
    (copy / "evaluation.json").write_text(text.replace(digest, "r" * 64))
    answer = hilum("compare", judged, copy)
    assert answer.code == 1
    assert "judged on different splits" in answer.sentence
