import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hilum.cli._gallery import Mistake, choose_errors, choose_films, make_gallery

N_FINDINGS = 3
PROBABILITY = st.floats(0, 1, width=32)
THRESHOLDS = arrays(np.float64, N_FINDINGS, elements=st.one_of(PROBABILITY, st.just(np.nan)))


@st.composite
def answers(draw):
    n = draw(st.integers(1, 20))
    probabilities = draw(arrays(np.float64, (n, N_FINDINGS), elements=PROBABILITY))
    targets = draw(arrays(np.float64, (n, N_FINDINGS), elements=st.sampled_from([0.0, 1.0, np.nan])))
    return probabilities, targets, draw(THRESHOLDS)


@given(answers(), st.integers(1, 12))
def test_as_many_films_as_there_are_each_once(given_answers, n_films):
    probabilities, targets, thresholds = given_answers
    chosen = choose_films(probabilities, targets, thresholds, n_films=n_films)
    assert len(chosen) == len(set(chosen)) == min(n_films, len(probabilities))
    assert all(0 <= row < len(probabilities) for row in chosen)


def test_right_and_wrong_in_equal_parts():
    rng = np.random.default_rng(0)
    probabilities = rng.random((300, 5))
    targets = (rng.random((300, 5)) < 0.3).astype(float)
    thresholds = np.full(5, 0.5)
    chosen = choose_films(probabilities, targets, thresholds, n_films=12)
    called = probabilities >= 0.5
    hits, misses, alarms = chosen[:4], chosen[4:8], chosen[8:]
    assert all((called & (targets == 1))[row].any() for row in hits)
    assert all((~called & (targets == 1))[row].any() for row in misses)
    assert all((called & (targets == 0))[row].any() for row in alarms)
    best_hit = np.where(called & (targets == 1), probabilities, 0)
    assert hits[0] == np.unravel_index(best_hit.argmax(), best_hit.shape)[0]


def test_every_finding_gets_its_turn():
    # Finding 0 has the four clearest hits; the second clearest of all films is still another finding's.
    probabilities = np.array([[0.99, 0.1], [0.98, 0.1], [0.97, 0.1], [0.1, 0.6]])
    targets = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert choose_films(probabilities, targets, np.array([0.5, 0.5]), n_films=6)[:2] == [0, 3]


def test_without_a_threshold_nothing_is_a_hit():
    chosen = choose_films(np.array([[0.9], [0.1]]), np.array([[1.0], [0.0]]), np.array([np.nan]), n_films=2)
    assert chosen == [0, 1]


@pytest.fixture
def answered(films, make_bundle, tmp_path):
    from hilum.data import read_manifest
    from hilum.inference import Predictor
    from hilum.models import load_bundle

    make_bundle(tmp_path / "bundle")
    manifest = read_manifest(films.manifest)
    image_ids = tuple(manifest.table["image_id"][:8])
    probabilities = np.random.default_rng(1).random((8, 3))
    return Predictor(load_bundle(tmp_path / "bundle")), manifest, image_ids, probabilities


def test_films_carry_truth_and_answer(answered):
    predictor, manifest, image_ids, probabilities = answered
    gallery = make_gallery(predictor, manifest, image_ids, probabilities, n_films=5, n_errors=0)
    assert len(gallery) == 5
    for film in gallery:
        row = manifest.table.set_index("image_id").loc[film.image_id]
        answers = probabilities[image_ids.index(film.image_id)]
        assert film.truth == tuple(name for name in predictor.findings if row[name] == 1)
        assert list(film.probabilities.values()) == pytest.approx(answers.tolist())
        assert film.called == tuple(np.array(predictor.findings)[answers >= 0.5])
        assert film.pixels.shape == (64, 64)
        assert (film.overlay is None) == (not film.called)
        if film.overlay is not None:
            assert film.overlay.shape == (64, 64, 3)


def test_a_film_that_is_gone_is_left_out(answered, tmp_path):
    from dataclasses import replace

    predictor, manifest, image_ids, probabilities = answered
    paths = manifest.table["path"].copy()
    paths[0] = str(tmp_path / "gone.png")
    manifest = replace(manifest, table=manifest.table.assign(path=paths))
    gallery = make_gallery(predictor, manifest, image_ids, probabilities, n_films=8, n_errors=0)
    assert sorted(film.image_id for film in gallery) == sorted(image_ids[1:])


def all_mistakes(probabilities, targets, thresholds):
    """The definition, film by film."""
    kinds = {(True, 0.0): "false alarm", (False, 1.0): "missed"}
    return {
        Mistake(column, kinds[probabilities[row, column] >= thresholds[column], targets[row, column]], row)
        for row, column in np.ndindex(*probabilities.shape)
        if not np.isnan(thresholds[column])
        and (probabilities[row, column] >= thresholds[column], targets[row, column]) in kinds
    }


@given(answers(), st.integers(0, 3), st.integers(1, 5))
def test_errors_are_the_surest_of_their_kind_each_of_another_patient(given_answers, n_each, n_patients):
    probabilities, targets, thresholds = given_answers
    patients = np.arange(len(targets)) % n_patients
    wrong = all_mistakes(probabilities, targets, thresholds)
    chosen = choose_errors(probabilities, targets, thresholds, patients=patients, n_each=n_each)
    assert set(chosen) <= wrong
    assert len(chosen) == len(set(chosen))
    for column in range(N_FINDINGS):
        for kind, sign in (("missed", -1), ("false alarm", 1)):
            ours = [mistake.row for mistake in chosen if mistake[:2] == (column, kind)]
            theirs = [mistake.row for mistake in wrong if mistake[:2] == (column, kind)]
            assert len(ours) == len(set(patients[ours])) == min(n_each, len(set(patients[theirs])))
            sure = sign * probabilities[:, column]
            assert list(sure[ours]) == sorted(sure[ours], reverse=True)
            best = sorted(
                (max(sure[[r for r in theirs if patients[r] == p]]) for p in set(patients[theirs])), reverse=True
            )
            assert list(sure[ours]) == best[:n_each]


def test_the_errors_come_last_with_the_map_of_what_was_got_wrong(answered):
    predictor, manifest, _, _ = answered
    image_ids = tuple(manifest.table["image_id"])
    targets = manifest.table[list(predictor.findings)].to_numpy()
    upside_down = np.where(targets == 1, 0.1, 0.9)
    gallery = make_gallery(predictor, manifest, image_ids, upside_down, n_films=2, n_errors=1)
    assert [film.error is None for film in gallery[:3]] == [True, True, False]
    for film in gallery[2:]:
        called = film.error.finding in film.called
        assert film.error.kind == ("false alarm" if called else "missed")
        assert called != (film.error.finding in film.truth)
        assert film.error.threshold == 0.5
        assert film.overlay.shape == (64, 64, 3)
    kinds = {film.error.kind for film in gallery[2:]}
    assert kinds == {"missed", "false alarm"}


def test_truth_of_no_finding_follows_from_all_labels():
    from types import SimpleNamespace

    import pandas as pd

    from hilum.cli._gallery import _targets

    table = pd.DataFrame({"image_id": list("abcd"), "Mass": [1.0, 0.0, 0.0, np.nan], "Edema": [0.0, 0.0, 1.0, 0.0]})
    manifest = SimpleNamespace(table=table, findings=("Mass", "Edema"))
    targets = _targets(manifest, tuple("abcd"), ("No Finding", "Mass", "Hernia"))
    np.testing.assert_array_equal(targets[:, 0], [0.0, 1.0, 0.0, np.nan])
    np.testing.assert_array_equal(targets[:, 1], table["Mass"])
    assert np.isnan(targets[:, 2]).all()
