import re

from hilum.reporting import model_card


def rows(card):
    lines = [line.strip("| ").split(" | ") for line in card.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in lines}


def test_thresholds_stand_with_rates_and_on_how_many_films(spec):
    table = rows(model_card(spec))
    assert table["Effusion"] == ["0.346", "0.812 (0.700–0.900)", "0.812 (0.700–0.900)", "1,040", "2,000"]
    assert table["Hernia"] == ["–", "–", "–", "0", "3,040"]


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
