import re

from hilum.records import Recalibration, ReferZone
from hilum.reporting import model_card, write_card


def rows(card, heading="Thresholds"):
    part = card.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in lines}


def test_thresholds_stand_with_rates_and_on_how_many_films(spec):
    table = rows(model_card(spec))
    assert table["Effusion"] == ["0.346", "0.812 (0.700–0.900)", "0.812 (0.700–0.900)", "1,040", "2,000", "–"]
    assert table["Hernia"] == ["–", "–", "–", "0", "3,040", "–"]


def test_calls_are_said_as_the_bundle_makes_them(spec):
    card = model_card(spec)
    assert "a call. “Present” from the threshold on, “absent” below." in card
    assert "refer”" not in card
    assert rows(card, "Calibration and refer zones")["Effusion"] == ["platt", *["–"] * 6]
    zone = ReferZone(
        low=0.2, high=0.5, allowed_missed=0.1, allowed_false_alarms=0.05, n_patients_with=1200, n_patients_without=90,
        missed=0.1, cleared=0.8, found=0.7, false_alarms=0.05,
    )  # fmt: skip
    changed = {"refer": zone, "threshold_rule": "youden", "n_patients": 1250}
    rules = spec.findings | {"Effusion": spec.findings["Effusion"].model_copy(update=changed)}
    card = model_card(spec.model_copy(update={"findings": rules}))
    assert "and between “refer”: a person should look. Without a zone: “present” from the threshold on" in card
    assert rows(card, "Calibration and refer zones")["Effusion"] == [
        "platt", "youden", "20.0 % to 50.0 %", "10.0 %", "5.0 %", "1,200", "90",
    ]  # fmt: skip
    assert rows(card)["Effusion"][-1] == "1,250"
    alone = model_card(spec.model_copy(update={"findings": {"Effusion": rules["Effusion"]}}))
    assert "Without a zone" not in alone


def test_reasons_limits_and_origin(spec):
    card = model_card(spec)
    for words in ("Not a medical device", "- Hernia: no validation film has it", "say little: Hernia.",
                  "Never called, for lack of a threshold: Hernia.", "b" * 64, "c" * 64, "patients: 2", "recipe: quick",
                  "224 px", "padded", "mean 0.5", "apache-2.0", "- torch: 2.9", "- timm: unknown",
                  "on the split “validation”"):  # fmt: skip
        assert words in card


def test_no_patient_stands_in_it(spec):
    card = model_card(spec)
    assert not any(patient in card or patient[:12] in card for patient in spec.training_patients)


def test_nothing_undefined_is_shown_as_nan(spec):
    assert not re.search(r"\b(nan|None|inf)\b", model_card(spec))


def test_phantoms_are_said_to_be_made_up(spec):
    assert "made-up" not in model_card(spec)
    assert "Trained on made-up films" in model_card(spec.model_copy(update={"phantom": True}))


def test_a_complete_model_has_no_needless_limits(spec):
    findings = {"Effusion": spec.findings["Effusion"]}
    rules = spec.input.model_copy(update={"resize": "stretch", "channels": 3, "mean": (0.1,) * 3, "std": (0.2,) * 3})
    card = model_card(spec.model_copy(update={"findings": findings, "input": rules}))
    assert "Never called" not in card
    assert "say little" not in card
    assert "undefined" not in card
    assert "stretched" in card
    assert "3 channels" in card


def test_hostile_words_stay_on_their_line(spec):
    card = model_card(spec.model_copy(update={"licence": "MIT\n# <script>x</script>"}))
    assert "<script" not in card
    assert "MIT # &lt;script>" in card


def test_what_was_measured_stands_in_the_card(spec, full, tmp_path):
    path = write_card(tmp_path / "MODEL_CARD.md", spec, full)
    card = path.read_text(encoding="utf-8")
    effusion = full.findings["Effusion"]
    point = effusion.operating_point
    (row,) = [cells for name, cells in rows(card, "What was measured").items() if name.startswith("Effusion at")]
    assert row[0] == f"{effusion.auroc.n_positive:,}"
    for cell, value in zip(
        row[1:],
        (effusion.auroc, effusion.auprc, point.sensitivity, point.specificity, point.predictive[0].ppv,
         point.predictive[0].npv, effusion.calibration.ece),
        strict=True,
    ):  # fmt: skip
        assert cell == f"{value.value:.3f} ({value.low:.3f}–{value.high:.3f})"
    assert "**Red flag.** Do &lt;b>not&lt;/b>." in card
    assert "groups measured, sex female is farthest" in card
    assert "What was measured" not in model_card(spec)


def test_an_older_study_and_a_silent_one_make_a_card(spec, old, silent):
    for evaluation in (old, silent):
        card = model_card(spec, evaluation)
        assert "## What was measured" in card
        assert not re.search(r"\b(nan|None|inf)\b", card)


def test_a_recalibrated_bundle_says_on_what(spec):
    new = Recalibration(
        n_images=1, n_patients=1, data_digest="1", parent_digest="2", ece_before=0.1, ece_after=0.02, note="Few."
    )
    card = model_card(spec.model_copy(update={"recalibration": new}))
    assert "fitted anew on 1 film of 1 patient: mean ECE 0.100 before, 0.020 after. Few." in card
    assert (
        "Chosen anew on the films of “Recalibrated” below; of a finding with too few of them there, on the split"
        in card
    )
    assert "never on the films it is judged on" not in card  # of the local films it was
    assert "how common findings are in the films of “Recalibrated”, not in yours" in card
