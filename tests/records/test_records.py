"""Records: immutable, closed, and the same after a trip through JSON, NaN included."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hilum.errors import DataError
from hilum.findings import NIH_FINDINGS
from hilum.records import (
    BetaMap,
    BundleSpec,
    Description,
    Evaluation,
    Explanation,
    FindingAnswer,
    FindingRule,
    Image,
    ImageFacts,
    InputRules,
    Interval,
    IsotonicMap,
    MacroMetric,
    PlattMap,
    Prediction,
    ReferZone,
    SampleFilm,
    TemperatureMap,
)

numbers = st.one_of(st.floats(allow_infinity=False), st.just(math.nan))
shares = st.floats(0, 1)
intervals = st.builds(Interval, value=numbers, low=numbers, high=numbers)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
counts = st.dictionaries(names, st.integers(0, 10**6), max_size=3)

answers = st.builds(
    FindingAnswer,
    score=shares,
    probability=shares,
    threshold=numbers,
    low=numbers,
    high=numbers,
    call=st.sampled_from(["present", "refer", "absent", None]),
)
facts = st.builds(
    ImageFacts,
    file_format=st.sampled_from(["png", "dicom"]),
    width_px=st.integers(1, 5000),
    height_px=st.integers(1, 5000),
    bits=st.sampled_from([8, 12, 16]),
    spacing_mm=st.none() | st.tuples(st.floats(0.01, 2), st.floats(0.01, 2)),
    flags=st.lists(names, max_size=3).map(tuple),
)
predictions = st.builds(
    Prediction,
    image_id=names,
    path=names,
    status=st.sampled_from(["answered", "refused"]),
    facts=st.none() | facts,
    findings=st.dictionaries(st.sampled_from(NIH_FINDINGS), answers, max_size=3),
    bundle_digest=names,
)
maps = st.one_of(
    st.builds(PlattMap, slope=st.floats(-9, 9), covariance=st.sampled_from([(), ((1.0, 0.5), (0.5, 2.0))])),
    st.builds(TemperatureMap, temperature=st.floats(0.1, 9)),
    st.builds(BetaMap, a=st.floats(0, 9), c=st.floats(-9, 9)),
    st.builds(IsotonicMap, **dict.fromkeys(("logit", "probability", "low", "high"), st.lists(shares, min_size=1))),
)
zones = st.builds(
    ReferZone,
    **dict.fromkeys(("low", "high", "allowed_missed", "allowed_false_alarms", "missed", "cleared"), shares),
    **dict.fromkeys(("n_patients_with", "n_patients_without"), st.integers(0, 99)),
    **dict.fromkeys(("found", "false_alarms"), numbers),
)
rules = st.builds(
    FindingRule,
    calibration=maps,
    threshold=numbers,
    sensitivity=intervals,
    specificity=intervals,
    n_positive=st.integers(0, 99),
    n_negative=st.integers(0, 99),
    refer=st.none() | zones,
    reason=names,
)
specs = st.builds(
    BundleSpec,
    findings=st.dictionaries(st.sampled_from(NIH_FINDINGS), rules, max_size=3),
    input=st.builds(InputRules, size_px=st.integers(1, 999), mean=st.just((0.5,)), std=st.just((0.25,))),
    model=st.dictionaries(names, st.integers() | names | st.booleans() | st.none(), max_size=3),
    recipe=st.just({}),
    manifest_digest=names,
    split_digest=names,
    training_patients=st.lists(names).map(tuple),
    licence=names,
    versions=st.just({"hilum": "0.1.0"}),
)
descriptions = st.builds(
    Description,
    n_images=st.integers(0, 9),
    n_patients=st.integers(0, 9),
    manifest_digest=names,
    positives=counts,
    unknown=counts,
    co_occurrence=st.dictionaries(names, counts, max_size=2),
    views=counts,
    sexes=counts,
    age_histogram=counts,
    images_per_patient=counts,
    splits=st.just({}),
    pixel_histogram=st.lists(shares, max_size=4).map(tuple),
    n_problems=st.integers(0, 9),
)


@given(st.one_of(intervals, answers, facts, predictions, rules, specs, descriptions))
def test_json_and_back_is_the_same(record):
    text = record.to_json()
    again = type(record).from_json(text)
    assert again.to_json() == text
    assert repr(again) == repr(record)  # NaN equals NaN here
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_undefined_is_null_never_zero():
    assert json.loads(Interval().to_json()) == {"value": None, "low": None, "high": None}
    assert math.isnan(Interval.from_json('{"value": null}').value)
    assert json.loads(Interval(value=math.inf).to_json())["value"] is None


def test_a_record_cannot_be_changed_nor_extended():
    with pytest.raises(ValidationError, match="frozen"):
        Interval().value = 1.0
    with pytest.raises(ValidationError, match="extra"):
        Interval(middle=1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "evaluation.json is no Interval: document: invalid json"),
        ("[]", "evaluation.json is no Interval: document: input should be"),
        ('{"value": "much"}', "evaluation.json is no Interval: value: input should be a valid number"),
        ('{"vale": 1}', "evaluation.json is no Interval: vale: extra inputs"),
        (b"\xff", "evaluation.json is no Interval: document: invalid json"),
    ],
)
def test_a_wrong_file_is_named_with_its_first_wrong_field(text, message):
    with pytest.raises(DataError, match=message):
        Interval.from_json(text, source="evaluation.json")


def test_a_field_deep_inside_is_named_by_its_path():
    text = '{"image_id": "a", "path": "a", "status": "answered", "bundle_digest": "", "findings": {"Mass": {}}}'
    with pytest.raises(DataError, match=r"findings\.Mass\.score: field required"):
        Prediction.from_json(text)


def _prediction(**values: object) -> Prediction:
    return Prediction(image_id="a.png", path="films/a.png", bundle_digest="d", **{"status": "answered", **values})


def test_the_stable_row_of_an_answered_film():
    answer = FindingAnswer(
        score=0.75, probability=0.5, low=0.375, high=0.625, threshold=0.25, call="present", call_share=0.875
    )
    unsure = FindingAnswer(score=0.125, probability=0.25, threshold=math.nan, call=None)
    row = _prediction(findings={"Mass": answer, "Nodule": unsure}).row(("Nodule", "Mass"))
    assert row == {
        "image_id": "a.png", "path": "films/a.png", "status": "answered", "reason": "",
        "score_Nodule": 0.125, "score_Mass": 0.75,
        "probability_Nodule": 0.25, "probability_Mass": 0.5,
        "low_Nodule": "", "low_Mass": 0.375, "high_Nodule": "", "high_Mass": 0.625,
        "call_Nodule": "", "call_Mass": "present", "call_share_Nodule": "", "call_share_Mass": 0.875,
    }  # fmt: skip
    assert list(row)[:4] == ["image_id", "path", "status", "reason"]


def test_the_stable_row_of_a_refused_film_has_empty_cells():
    row = _prediction(status="refused", reason="truncated").row(("Mass",))
    assert list(row.values()) == ["a.png", "films/a.png", "refused", "truncated", *[""] * 6]


@given(predictions)
def test_every_row_has_the_same_columns(prediction):
    columns = ["image_id", "path", "status", "reason"]
    columns += [
        f"{part}_{name}"
        for part in ("score", "probability", "low", "high", "call", "call_share")
        for name in NIH_FINDINGS
    ]
    assert list(prediction.row(NIH_FINDINGS)) == columns


def test_a_call_is_one_of_the_known_words():
    with pytest.raises(ValidationError, match="'present', 'refer' or 'absent'"):
        FindingAnswer(score=0.5, probability=0.5, threshold=0.5, call="maybe")


def test_arrays_travel_in_plain_classes():
    pixels = np.zeros((2, 3), np.float32)
    image = Image(pixels=pixels, facts=ImageFacts(file_format="png", width_px=3, height_px=2, bits=8))
    assert image.facts.flags == ()
    assert Explanation("a.png", "Mass", "grad_cam", pixels, 0.5).heat.shape == (2, 3)
    assert SampleFilm(pixels.astype(np.uint8), "Mass").caption == "Mass"
    with pytest.raises(AttributeError):
        image.pixels = pixels


def test_a_mean_says_over_how_many_findings():
    assert MacroMetric(value=0.8, findings=("Mass", "Nodule")).n_findings == 2


@pytest.mark.parametrize(("kind", "again"), [(Evaluation, "Evaluate again"), (Prediction, "Predict again")])
@pytest.mark.parametrize("version", [0, 3, None, "1"])
def test_another_schema_version_is_refused_before_its_fields(kind, again, version):
    text = json.dumps({"schema_version": version, "field_of_another_form": 1})
    with pytest.raises(
        DataError, match=rf"e\.json is {kind.__name__} of schema version {version}.*version \d\. {again}"
    ):
        kind.from_json(text, source="e.json")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"schema_version": 2}', b"\xff"])
def test_what_has_no_version_to_refuse_is_refused_for_its_fields(text):
    with pytest.raises(DataError, match=r"e\.json is no Evaluation"):
        Evaluation.from_json(text, source="e.json")
