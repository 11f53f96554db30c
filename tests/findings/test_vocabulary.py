"""The vocabulary of findings and NIH's label cells."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import DataError, UnknownNameError
from hilum.findings import ANCESTOR_FINDINGS, FINDINGS, NIH_FINDINGS, NO_FINDING, get_finding, parse_labels, title_of

subsets = st.sets(st.sampled_from(NIH_FINDINGS), min_size=1)


def test_fourteen_findings_in_the_papers_order():
    assert len(NIH_FINDINGS) == 14
    assert NIH_FINDINGS[:8] == (
        "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
    )  # fmt: skip
    assert NO_FINDING not in NIH_FINDINGS
    assert set(ANCESTOR_FINDINGS) - {NO_FINDING} <= set(NIH_FINDINGS)


def test_every_finding_explains_itself():
    for name, finding in FINDINGS.items():
        assert finding.name == name
        assert " " not in name
        assert len(finding.meaning) > 10
    assert title_of("Pleural_Thickening") == "Pleural Thickening"


def test_a_misspelt_finding_gets_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown finding 'Efusion'. Did you mean 'Effusion'\?"):
        get_finding("Efusion")


@given(subsets)
def test_any_set_of_findings_is_read_back(names):
    assert parse_labels("|".join(names)) == names


@given(subsets)
def test_blanks_and_spaces_change_nothing(names):
    cell = " | ".join(name.replace("_", " ") for name in names) + " |"
    assert parse_labels(cell) == names


@pytest.mark.parametrize("cell", ["No Finding", " No Finding ", "No_Finding"])
def test_no_finding_is_the_empty_set(cell):
    assert parse_labels(cell) == frozenset()


@pytest.mark.parametrize("cell", ["", "  ", "|", " | "])
def test_an_empty_cell_is_refused(cell):
    with pytest.raises(DataError, match="an empty cell of finding labels: expected findings joined by"):
        parse_labels(cell)


@given(subsets)
def test_no_finding_beside_a_finding_is_refused(names):
    with pytest.raises(DataError, match="'No Finding' beside a finding"):
        parse_labels("|".join([*names, NO_FINDING]))


def test_a_name_outside_the_vocabulary_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'Mass'"):
        parse_labels("Effusion|Mas")


def test_the_vocabulary_may_be_a_smaller_or_another_one():
    assert parse_labels("Fracture", known=iter(["Fracture"])) == {"Fracture"}
    with pytest.raises(UnknownNameError, match="Known: Mass, No Finding"):
        parse_labels("Effusion", known=["Mass"])


def test_no_finding_explains_itself_and_is_none_of_the_fourteen():
    nothing = get_finding("No Finding")
    assert (nothing.name, title_of(nothing.name), nothing.meaning) == (
        "No Finding",
        "No Finding",
        "none of the fourteen findings",
    )
    assert "No Finding" not in {*FINDINGS, *NIH_FINDINGS}


def test_codes_have_the_form_of_their_systems():
    for finding in FINDINGS.values():
        assert re.fullmatch(r"(\d{6,18})?", finding.snomed_ct)
        assert not finding.snomed_ct or verhoeff(finding.snomed_ct) == 0
        assert re.fullmatch(r"(RID\d+)?", finding.radlex)
    for system in ("snomed_ct", "radlex"):
        codes = [code for finding in FINDINGS.values() if (code := getattr(finding, system))]
        assert len(codes) == len(set(codes))


def test_codes_that_dicom_has_are_dicoms():
    concepts = pytest.importorskip("pydicom.sr.codedict").codes.SCT
    assert FINDINGS["Effusion"].snomed_ct == concepts.PleuralEffusion.value
    assert FINDINGS["Pneumothorax"].snomed_ct == concepts.Pneumothorax.value
    assert FINDINGS["Edema"].snomed_ct == concepts.PulmonaryEdema.value


def verhoeff(digits):
    """The check digit that SNOMED CT identifiers end with: 0 where it is right."""
    permuted = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)

    def product(a, b):
        if a < 5:
            return (a + b) % 5 + 5 * (b >= 5) if b < 5 else (a + b - 5) % 5 + 5
        return (a - b) % 5 + 5 if b < 5 else (a - b) % 5

    check = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        for _ in range(place % 8):
            value = permuted[value]
        check = product(check, value)
    return check
