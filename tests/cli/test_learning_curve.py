"""``hilum learning-curve``: parts are runs, judged on validation, and the same command goes on."""

import json
import re

import pytest

from hilum.data import nested_part, read_manifest
from hilum.evaluation import measure_growth
from hilum.records import LearningCurve


def call(hilum, films, recipe, out, *more):
    where = ("--manifest", films.manifest, "--store", films.store, "--recipe", recipe)
    return hilum("learning-curve", *where, "--out", out, *more)


@pytest.mark.slow
def test_parts_become_a_curve_and_are_not_trained_twice(hilum, films, recipe, tmp_path, monkeypatch):
    out = tmp_path / "curve"
    quick = ("--fractions", "0.4,0.7,1", "--bootstrap", 10, "--set", "training.epochs=1")
    answer = call(hilum, films, recipe, out, *quick)
    assert answer.code == 0, answer.err
    assert [path.name for path in sorted(out.glob("part-*"))] == ["part-0.4-seed-0", "part-0.7-seed-0", "part-1-seed-0"]
    for words in ("part 2/3: 0.7 of the training patients, seed 0", "doubling brings (95 %)", "never on test films"):
        assert words in answer.out
    assert "3 of 3 parts were best in their last epoch" in answer.out
    curve = LearningCurve.from_json((out / "learning_curve.json").read_text())
    manifest = read_manifest(films.manifest)
    assert curve.pedigree.n_images == len(manifest.rows("validation"))
    for part in curve.parts:
        assert part.n_images == len(nested_part(manifest, fraction=part.fraction, seed=0).rows("train"))
    assert curve.sentence.split(":")[0].rstrip(".") in (out / "learning_curve.html").read_text()

    def no_training(*_args, **_values):
        raise AssertionError("trained again")

    monkeypatch.setattr("hilum.training.loop.Trainer.fit", no_training)
    again = call(hilum, films, recipe, out, *quick)
    assert again.code == 0, again.err
    once_more = json.loads((out / "learning_curve.json").read_text())
    assert once_more["parts"] == json.loads(curve.to_json())["parts"]
    other = call(hilum, films, recipe, out, *quick[:-1], "training.epochs=2")
    assert other.code == 1
    assert "was started with another recipe" in other.err


def test_test_films_are_never_asked_for(hilum, films, recipe, tmp_path, monkeypatch):
    """The scores go to the validation films alone, in the order of their labels."""
    seen = {}

    def measured(parts, targets, groups, **given):
        seen.update(parts=parts, targets=targets, groups=groups)
        return measure_growth(parts, targets, groups, **given)

    monkeypatch.setattr("hilum.evaluation.measure_growth", measured)
    quick = ("--fractions", "1", "--seeds", "3", "--bootstrap", 0, "--set", "training.epochs=1")
    answer = call(hilum, films, recipe, tmp_path / "out", *quick)
    assert answer.code == 0, answer.err
    manifest = read_manifest(films.manifest)
    rows = manifest.rows("validation")
    assert (seen["targets"] == manifest.targets(rows)).all()
    assert list(seen["groups"]) == list(manifest.table["patient_id"].iloc[rows])
    assert seen["parts"][0].seed == 3
    recipe_text = (tmp_path / "out" / "part-1-seed-3" / "recipe.yaml").read_text()
    assert re.search(r"seed: 3\b", recipe_text)
    assert "no law for the mean: a law needs at least 3 sizes" in answer.out


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--fractions", "0.5,1.5", "above 0 and at most 1"),
        ("--fractions", "0,1", "above 0 and at most 1"),
        ("--fractions", "half", "--fractions takes numbers with commas between them, got 'half'"),
        ("--seeds", "0,x", "--seeds takes numbers"),
        ("--seeds", "-1", "at least 0"),
    ],
)
def test_wrong_lists_are_refused(hilum, films, recipe, tmp_path, option, value, sentence):
    answer = call(hilum, films, recipe, tmp_path / "out", f"{option}={value}")
    assert answer.code == 1
    assert sentence in answer.sentence


def test_a_manifest_without_validation_is_refused(hilum, films, recipe, tmp_path):
    manifest = read_manifest(films.manifest)
    path = tmp_path / "unsplit.parquet"
    manifest.with_splits("train" if split == "train" else None for split in manifest.table["split"]).save(path)
    answer = hilum(
        "learning-curve", "--manifest", path, "--store", films.store, "--recipe", recipe, "--out", tmp_path / "o"
    )
    assert answer.code == 1
    assert "no validation film" in answer.sentence
