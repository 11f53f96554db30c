from importlib.resources import files

import pytest
import yaml

from hilum.records import Recalibration
from hilum.reporting.checklist import ANSWERS, CHECKLISTS, Study, fill_checklists

# Letters below a number of TRIPOD+AI; a number without any stands alone.
LETTERS = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef", 20: "abc", 23: "ab", 27: "abc"}
TRIPOD = [f"{number}{letter}" for number in range(1, 28) for letter in LETTERS.get(number, ("",))]


def lines(study, which=0):
    return {line.number: line for line in fill_checklists(study)[which].lines}


def test_every_item_of_both_checklists_is_there(whole):
    claim, tripod = fill_checklists(Study(whole))
    assert [line.number for line in claim.lines] == [str(number) for number in range(1, 45)]
    assert [line.number for line in tripod.lines] == TRIPOD


@pytest.mark.parametrize("kind", ["full", "whole", "odd", "bare", "silent", "old"])
@pytest.mark.parametrize("known", [True, False])
def test_every_item_has_an_answer_or_a_reason(kind, known, request, spec):
    study = Study(request.getfixturevalue(kind), spec if known else None, errors=known, heat_maps=known)
    for checklist in fill_checklists(study):
        for line in checklist.lines:
            assert line.answer.rstrip(".")
            assert line.filled != line.answer.startswith("Not reported because ")
            assert not line.answer.endswith(("because .", "because None."))
        assert 0 < checklist.n_filled < len(checklist.lines)


@pytest.mark.parametrize("key", CHECKLISTS)
def test_an_item_that_may_stay_empty_says_why(key, silent):
    text = (files("hilum") / "resources" / "checklists" / f"{key}.yaml").read_text(encoding="utf-8")
    for item in yaml.safe_load(text)["items"]:
        assert item.get("answer", "") in ("", *ANSWERS)
        always = "answer" in item and ANSWERS[item["answer"]](Study(silent))
        assert item.get("otherwise") or always, item["number"]


def test_every_answer_is_asked_for():
    asked = set()
    for key in CHECKLISTS:
        text = (files("hilum") / "resources" / "checklists" / f"{key}.yaml").read_text(encoding="utf-8")
        asked |= {item.get("answer") for item in yaml.safe_load(text)["items"]}
    assert set(ANSWERS) <= asked


def test_a_bundle_answers_more(whole, spec):
    alone, known = lines(Study(whole)), lines(Study(whole, spec, errors=True, heat_maps=True))
    assert not alone["9"].filled
    assert "Square of 224 px, padded with black" in known["9"].answer
    assert "resnet10t" in known["22"].answer
    assert "torch 2.9" in known["23"].answer
    assert "on 2 patients" in known["25"].answer
    assert not known["33"].filled
    assert not alone["39"].filled
    assert known["39"].filled


def test_what_was_measured_stands_in_its_items(full):
    claim, tripod = lines(Study(full)), lines(Study(full), 1)
    assert f"Mean AUROC {full.macro['auroc'].value:.3f}" in claim["37"].answer
    assert "sex, age, sex × age" in claim["30"].answer
    assert claim["36"].answer == "sex female: 140; sex male: 140; age <80+>: 104."
    assert claim["40"].answer == f"First screen: 1 red flag, {len(full.warnings)} cautions, each in a sentence."
    assert "films evaluated: 1,234." in claim["8"].answer
    assert "Somebody 2018" in tripod["3a"].answer
    assert f"Mass {full.findings['Mass'].auroc.n_positive:,}" in tripod["21"].answer


def test_own_split_is_internal_and_not_external(whole, spec):
    own = spec.model_copy(
        update={
            "split_digest": whole.pedigree.split_digest,
            "model": {"backbone": "resnet10t", "init": "pretrained"},
            "recipe": {"name": "quick", "loss": {"name": "focal"}, "training": {"epochs": 3}},
            "recalibration": Recalibration(
                n_images=200,
                n_patients=90,
                data_digest="1",
                parent_digest="2",
                ece_before=0.1,
                ece_after=0.02,
                note="N.",
            ),
        }
    )
    claim, tripod = lines(Study(whole, own)), lines(Study(whole, own), 1)
    assert claim["32"].answer == "The test part of the split that the model was trained with."
    assert claim["33"].answer.startswith("None: these films are of the split")
    assert claim["24"].answer == "Published weights of the backbone (timm). Licence: apache-2.0."
    assert "epochs 3" in claim["25"].answer
    assert "batch" not in claim["25"].answer
    assert tripod["13"].answer.startswith("Loss: focal;")
    assert "200 films of 90 patients: mean ECE 0.100 before, 0.020 after. N." in tripod["12f"].answer
    assert "34.2 % / " in tripod["20c"].answer


def test_a_study_without_warning_says_so(whole):
    assert "No warning was raised" in lines(Study(whole.model_copy(update={"warnings": ()})))["40"].answer


def test_leaked_films_are_not_called_disjoint(odd, whole):
    assert "Patients of the training are among these films" in lines(Study(odd))["20"].answer
    assert lines(Study(whole))["20"].answer.startswith("By patient; checked")


def test_start_weights_from_a_file_name_no_path(whole, spec):
    own = spec.model_copy(update={"model": {"init": "/home/somebody/weights.safetensors"}})
    answers = lines(Study(whole, own))
    assert answers["24"].answer == "Weights of a file or of an earlier bundle. Licence: apache-2.0."
    assert not any("/home" in line.answer for line in answers.values())
    assert lines(Study(whole, spec.model_copy(update={"model": {"init": "none"}})))["24"].answer == "At random."
