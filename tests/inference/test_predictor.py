"""One film, one answer: however it comes in, and never an answer where there can be none."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as Pillow
from scipy.special import logit

from hilum.calibration import calibrate, probability_interval
from hilum.data import Manifest, prepare_store
from hilum.errors import BundleError, DataError, InvalidValueError
from hilum.imaging import REFUSALS, FilmReader, read_image, resize_square, write_png
from hilum.inference import Predictor
from hilum.models import load_bundle
from hilum.records import PlattMap, ReferZone

TINY = 2e-6


def values(prediction, part="probability"):
    return np.array([getattr(answer, part) for answer in prediction.findings.values()])


@pytest.fixture(scope="module")
def store(films, tmp_path_factory):
    table = pd.DataFrame({"image_id": [film.name for film in films], "path": [str(film) for film in films]})
    table = table.assign(
        patient_id=table["image_id"], study_id="", view="", sex="", age_years=np.float32(50), split="test"
    )
    table = table.assign(Mass=np.float32(0))
    return prepare_store(Manifest(table, ("Mass",), source="t"), tmp_path_factory.mktemp("s") / "store", size_px=64)


def test_the_answer_is_the_sealed_models_answer_for_the_square(predictor, films):
    for film, prediction in zip(films, predictor.predict_files(films), strict=True):
        square = resize_square(read_image(film).pixels, 64, rule="pad")
        with torch.no_grad():
            logits = predictor.bundle.model(torch.tensor(square / 255, dtype=torch.float32)[None, None])[0]
        logits = logits.double().numpy()
        np.testing.assert_allclose(values(prediction, "score"), 1 / (1 + np.exp(-logits)), atol=TINY)
        slopes, intercepts = np.array([0.5, 2.0, 1.0]), np.array([-1.0, 0.5, 0.0])
        np.testing.assert_allclose(values(prediction), 1 / (1 + np.exp(-(slopes * logits + intercepts))), atol=TINY)


def test_films_get_different_answers(predictor, films):
    answers = np.stack([values(prediction, "score") for prediction in predictor.predict_files(films)])
    assert (np.ptp(answers, axis=0) > 100 * TINY).all(), "otherwise the other tests could not tell films apart"


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 100])
def test_no_answer_depends_on_the_batch(predictor, films, batch_size):
    expected = [values(prediction) for prediction in predictor.predict_files(films)]
    found = [values(prediction) for prediction in predictor.predict_files(films, batch_size=batch_size)]
    np.testing.assert_allclose(found, expected, atol=TINY)


def test_file_image_and_store_give_the_same_answer(predictor, films, store):
    by_file = [values(prediction) for prediction in predictor.predict_files(films)]
    by_image = [values(predictor.predict_image(read_image(film))) for film in films]
    rows = store.rows_of([film.name for film in films])
    by_store = calibrate(predictor.bundle.spec, predictor.logits_from_store(store, rows))
    np.testing.assert_allclose(by_image, by_file, atol=TINY)
    np.testing.assert_allclose(by_store, by_file, atol=TINY)


def test_a_bundle_loaded_anew_gives_the_same_answer(predictor, films):
    again = Predictor(load_bundle(predictor.bundle.folder))
    assert [p.findings for p in again.predict_files(films)] == [p.findings for p in predictor.predict_files(films)]


def test_formats_of_the_same_film_give_the_same_answer(predictor, pixels, films, dicom_twins, tmp_path):
    tiff = tmp_path / "film.tiff"
    Pillow.fromarray(pixels[0]).save(tiff)
    jpeg = tmp_path / "film.jpeg"
    Pillow.fromarray(pixels[0]).save(jpeg, quality=95)
    png, same, blurred, one, two = predictor.predict_files([films[0], tiff, jpeg, *dicom_twins])
    np.testing.assert_allclose(values(same), values(png), atol=TINY)
    np.testing.assert_allclose(values(blurred), values(png), atol=0.01)
    assert one.findings == two.findings
    assert (one.facts.inverted, two.facts.inverted) == (True, False)
    np.testing.assert_allclose(values(two), values(png), atol=0.01)
    assert [p.facts.file_format for p in (png, same, blurred, one)] == ["png", "tiff", "jpeg", "dicom"]


def test_there_is_one_prediction_per_path_in_order_with_refusals_among_them(predictor, films, tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "notes.png").write_text("no film")
    (tmp_path / "cut.png").write_bytes(films[1].read_bytes()[:200])
    absent = tmp_path / "absent.dcm"
    bad = [absent, tmp_path / "empty.png", tmp_path / "notes.png", tmp_path / "cut.png"]
    paths = [bad[0], films[0], bad[1], bad[2], films[1], bad[3], films[0]]
    for batch_size in (1, 2, 7):
        found = list(predictor.predict_files(paths, batch_size=batch_size))
        assert [prediction.path for prediction in found] == [str(path) for path in paths]
        assert [prediction.image_id for prediction in found] == [path.name for path in paths]
        assert [p.reason for p in found] == ["missing", "", "empty", "format", "", "truncated", ""]
        assert [p.status == "answered" for p in found] == [p.reason == "" for p in found]
        assert found[1].findings.keys() == {"Effusion", "Mass", "Nodule"}
        np.testing.assert_allclose(values(found[1]), values(found[6]), atol=TINY)
        for prediction in found:
            assert prediction.bundle_digest == predictor.bundle.digest
            if prediction.status == "refused":
                assert prediction.findings == {}
                assert prediction.facts is None
                assert prediction.advice.endswith(REFUSALS[prediction.reason])
    np.testing.assert_allclose(values(found[4]), values(next(iter(predictor.predict_files(films[1:2])))), atol=TINY)


def test_refused_films_alone_are_answered_with_refusals(predictor, tmp_path):
    assert [p.reason for p in predictor.predict_files([tmp_path, tmp_path / "x"])] == ["missing", "missing"]
    assert list(predictor.predict_files([])) == []


def test_files_are_opened_a_few_ahead_of_their_turn(predictor, films, tmp_path):
    late = tmp_path / "late.png"
    with FilmReader(workers=1) as reader:
        answers = predictor.predict_files([*[films[0]] * 6, late], reader=reader, batch_size=1)
        assert next(answers).status == "answered"
        late.write_bytes(films[1].read_bytes())
        assert [answer.status for answer in answers] == ["answered"] * 6
        assert reader.read(films[0]).pixels.size, "a reader that was handed in stays open"


def test_progress_counts_files(predictor, films):
    seen = []
    list(predictor.predict_files(films, batch_size=2, on_progress=lambda done, total: seen.append((done, total))))
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_the_call_is_the_probability_at_its_threshold(make_bundle, tmp_path, films):
    """Thresholds at, just above and just below a film's own probabilities."""
    spread = {"calibration": PlattMap(slope=0.7, intercept=0.1)}
    plain = make_bundle(tmp_path / "plain", rules=dict.fromkeys(("Effusion", "Mass", "Nodule"), spread))
    exact = values(next(iter(Predictor(plain).predict_files(films[:1]))))
    thresholds = [exact[0], np.nextafter(exact[1], 1), np.nextafter(exact[2], 0)]
    rules = {name: {**spread, "threshold": t} for name, t in zip(plain.findings, thresholds, strict=True)}
    answers = next(iter(Predictor(make_bundle(tmp_path / "at", rules=rules)).predict_files(films[:1]))).findings
    assert [answer.probability for answer in answers.values()] == list(exact)
    assert [answer.call for answer in answers.values()] == ["present", "absent", "present"]
    assert [answer.threshold for answer in answers.values()] == thresholds
    assert np.isnan([(answer.low, answer.high) for answer in answers.values()]).all()


def test_a_probability_comes_with_its_interval_and_a_zone_refers(make_bundle, tmp_path, films, predictor):
    for name, answer in predictor.predict_image(read_image(films[0])).findings.items():
        low, high = probability_interval(predictor.bundle.spec.findings[name].calibration, logit(answer.score)[None])
        assert (answer.low, answer.high) == (pytest.approx(low[0], abs=1e-6), pytest.approx(high[0], abs=1e-6))
        assert answer.low < answer.probability < answer.high
    shares = dict.fromkeys(
        ("allowed_missed", "allowed_false_alarms", "missed", "cleared", "found", "false_alarms"), 0.1
    )
    zone = ReferZone(low=0.0, high=1.0, n_patients_with=9, n_patients_without=9, **shares)
    bundle = make_bundle(tmp_path / "zone", rules={"Mass": {"refer": zone}})
    answers = Predictor(bundle).predict_image(read_image(films[0])).findings
    assert answers["Mass"].call == "refer"
    assert answers["Nodule"].call in {"present", "absent"}


def test_where_a_finding_is_rarer_its_probability_is_lower_and_its_call_the_same(make_bundle, tmp_path, films):
    rules = {name: {"n_positive": 40, "n_negative": 60} for name in ("Effusion", "Nodule")}
    bundle = make_bundle(tmp_path / "known", rules=rules | {"Mass": {"n_positive": 0, "n_negative": 9}})
    film, rarer = read_image(films[0]), {"Effusion": 0.02, "Mass": 0.02}
    plain = Predictor(bundle).predict_image(film).findings
    found = Predictor(bundle, prevalences=rarer).predict_image(film).findings
    before, after = plain["Effusion"], found["Effusion"]
    odds = (0.02 / 0.98) / (0.4 / 0.6)
    for part in ("probability", "low", "high", "threshold"):
        old, new = getattr(before, part), getattr(after, part)
        assert new == pytest.approx(old * odds / (old * odds + 1 - old), nan_ok=True)
    assert (after.score, after.call, after.prevalence) == (before.score, before.call, 0.02)
    assert (after.call == "present") == (after.probability >= after.threshold)
    assert found["Nodule"].probability == plain["Nodule"].probability  # nobody said how common it is
    assert found["Mass"].probability == plain["Mass"].probability  # nor how common it was


def test_without_a_threshold_there_is_no_call(predictor, films):
    for prediction in predictor.predict_files(films):
        nodule = prediction.findings["Nodule"]
        assert nodule.call is None
        assert math.isnan(nodule.threshold)
        assert 0 < nodule.probability < 1
        assert {prediction.findings[name].call for name in ("Effusion", "Mass")} <= {"present", "absent"}


@pytest.mark.parametrize("output", [-1e4, 1e4])
def test_extreme_logits_are_certain_and_finite(make_bundle, tmp_path, films, output):
    bundle = make_bundle(tmp_path / "extreme")
    bundle.model.head[-1].bias.data[:] = output
    for answer in Predictor(bundle).predict_image(read_image(films[0])).findings.values():
        assert answer.score == answer.probability == float(output > 0)


def test_a_model_that_gives_no_number_is_an_error_not_an_absence(make_bundle, tmp_path, films):
    bundle = make_bundle(tmp_path / "broken")
    bundle.model.head[-1].bias.data[1] = math.nan
    with pytest.raises(BundleError, match="outputs that are not finite on cpu"):
        Predictor(bundle).predict_image(read_image(films[0]))


def test_a_store_of_another_size_or_rule_is_refused_with_the_command_that_helps(make_bundle, tmp_path, store):
    other = Predictor(make_bundle(tmp_path / "other", size_px=96))
    expected = r"64 px \(pad\), the bundle wants 96 px \(pad\): `hilum data prepare --size 96 --rule pad`"
    with pytest.raises(DataError, match=expected):
        other.logits_from_store(store, np.array([0]))
    stretched = Predictor(make_bundle(tmp_path / "stretched", resize="stretch"))
    with pytest.raises(DataError, match=r"the bundle wants 64 px \(stretch\)"):
        stretched.logits_from_store(store, np.array([0]))


def test_rows_of_a_store_are_answered_in_their_order_whatever_the_batch(predictor, store):
    rows, seen = np.array([3, 0, 4, 0, 1]), []
    whole = predictor.logits_from_store(store, rows)
    parts = predictor.logits_from_store(store, rows, batch_size=2, on_progress=lambda *counts: seen.append(counts))
    np.testing.assert_allclose(parts, whole, atol=1e-5)
    np.testing.assert_allclose(whole[1], whole[3], atol=1e-5)
    np.testing.assert_allclose(whole[0], predictor.logits_from_store(store, rows[:1])[0], atol=1e-5)
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert whole.dtype == np.float64


def test_no_row_gives_no_logit_and_a_missing_film_is_an_error(predictor, store):
    assert predictor.logits_from_store(store, np.array([], dtype=np.int64)).shape == (0, 3)
    with pytest.raises(InvalidValueError, match="rows must lie in"):
        predictor.logits_from_store(store, np.array([-1]))


@pytest.mark.parametrize("batch_size", [0, -3])
def test_a_batch_without_films_is_refused(predictor, films, store, batch_size):
    with pytest.raises(InvalidValueError, match=f"batch_size must be at least 1, got {batch_size}"):
        list(predictor.predict_files(films, batch_size=batch_size))
    with pytest.raises(InvalidValueError, match=f"batch_size must be at least 1, got {batch_size}"):
        predictor.logits_from_store(store, np.array([0]), batch_size=batch_size)


def test_the_resize_rule_of_the_bundle_counts(make_bundle, tmp_path, films):
    """A wide film that is stretched answers as its stretched square does, not as its padded one."""
    padded, stretched = (Predictor(make_bundle(tmp_path / rule, resize=rule)) for rule in ("pad", "stretch"))
    film = read_image(films[0])
    square = tmp_path / "square.png"
    write_png(square, resize_square(film.pixels, 64, rule="stretch"))
    expected = values(padded.predict_image(read_image(square)))
    np.testing.assert_allclose(values(stretched.predict_image(film)), expected, atol=TINY)
    assert np.abs(values(padded.predict_image(film)) - expected).max() > 100 * TINY


def test_nothing_tells_who_the_film_is_of(predictor, dicom_twins, tmp_path):
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(dicom_twins[0].read_bytes()[:-500])
    for prediction in predictor.predict_files([*dicom_twins, cut]):
        text = prediction.to_json()
        assert "Doe" not in text
        assert "Jane" not in text
    assert prediction.status == "refused"


def test_the_image_may_be_named(predictor, films):
    assert predictor.predict_image(read_image(films[0])).image_id == "image"
    named = predictor.predict_image(read_image(films[0]), path=Path("study/a.png"))
    assert (named.image_id, named.path) == ("a.png", "study/a.png")


def test_it_prints_itself_usefully(predictor):
    assert "resnet10t_slim, 3 findings, 64 px" in repr(predictor)
    assert repr(predictor).endswith("cpu)")


@pytest.mark.shared
def test_real_films_of_every_kind_get_an_answer_or_a_reason(predictor, shared_data):
    files = (
        sorted((shared_data / "dicom").rglob("*.dcm"))[:12] + sorted((shared_data / "cxr-original").rglob("*.png"))[:3]
    )
    found = list(predictor.predict_files(files))
    assert len(found) == len(files) >= 12
    assert {p.status for p in found} == {"answered", "refused"}
    assert all(p.reason in REFUSALS for p in found if p.status == "refused")
    assert all(np.isfinite(values(p)).all() for p in found if p.status == "answered")
