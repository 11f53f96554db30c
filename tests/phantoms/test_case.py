import pickle
from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import InvalidValueError, UnknownNameError
from hilum.findings import NIH_FINDINGS, NO_FINDING
from hilum.phantoms import draw_case
from hilum.phantoms.case import GROUP_FILMS, GROUP_PATIENTS
from hilum.phantoms.prevalence import PREVALENCES

N = 3000


@pytest.fixture(scope="module", params=["balanced", "nih"])
def named_cases(request):
    return request.param, [draw_case(0, index, prevalence=request.param) for index in range(N)]


@pytest.fixture(scope="module")
def cases():
    return [draw_case(3, index) for index in range(1200)]


def test_prevalences_are_as_promised(named_cases):
    """A patient's three films share findings: the spread of a share is at most that of a third of the films."""
    name, drawn = named_cases
    for finding, share in PREVALENCES[name].items():
        seen = np.mean([finding in case.signs if finding != NO_FINDING else not case.signs for case in drawn])
        assert abs(seen - share) < 4 * np.sqrt(share * (1 - share) * 3 / N), finding


def test_films_of_a_patient_follow_each_other_and_count_from_0(cases):
    runs = [
        (number, [case.follow_up for case in films]) for number, films in groupby(cases, lambda c: c.patient_number)
    ]
    assert [number for number, _ in runs] == list(range(1, len(runs) + 1))
    assert all(follow_ups == list(range(len(follow_ups))) for _, follow_ups in runs)
    assert len(runs) * GROUP_FILMS == len(cases) * GROUP_PATIENTS
    assert 1 == min(len(films) for _, films in runs) < max(len(films) for _, films in runs)


def test_a_patient_stays_the_same_person(cases):
    for _, films in groupby(cases, lambda case: case.patient_number):
        first, *later = list(films)
        for case in later:
            assert case.patient == first.patient
            assert case.sex == first.sex
            assert first.age_years <= case.age_years <= first.age_years + case.follow_up
            assert case.anatomy.lungs.seed == first.anatomy.lungs.seed
            assert case.anatomy != first.anatomy, "another film is another breath"


def test_a_finding_stands_at_the_same_place_on_all_films_of_a_patient(cases):
    shared = 0
    for _, films in groupby(cases, lambda case: case.patient_number):
        signs = {}
        for case in films:
            for finding, sign in case.signs.items():
                shared += finding in signs
                assert signs.setdefault(finding, sign) == sign
    assert shared > 300


def test_most_findings_last_from_film_to_film(cases):
    """Two films both show what the patient came with in 0.6 x 0.6 of cases; else they agree by chance, at times."""
    pairs = [(one, two) for one, two in pairwise(cases) if one.patient_number == two.patient_number]
    assert 0.34 < np.mean([one.findings == two.findings for one, two in pairs]) < 0.48


def test_who_is_filmed(cases):
    ages = np.array([case.age_years for case in cases])
    assert ages.min() >= 18
    assert ages.max() <= 95
    assert 43 < ages.mean() < 53
    assert 0.5 < np.mean([case.sex == "M" for case in cases]) < 0.62
    assert 0.30 < np.mean([case.view == "AP" for case in cases]) < 0.45, "ChestX-ray14 has 40 %"


def test_the_view_says_nothing_about_the_findings(cases):
    bedside = np.array([case.view == "AP" for case in cases])
    ill = np.array([bool(case.signs) for case in cases])
    assert abs(ill[bedside].mean() - ill[~bedside].mean()) < 0.1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 10_000))
def test_a_case_can_be_drawn_again_anywhere(seed, index):
    case = draw_case(seed, index)
    assert pickle.dumps(case) == pickle.dumps(draw_case(seed, index))
    assert tuple(case.signs) == case.findings == tuple(sorted(case.signs, key=NIH_FINDINGS.index))
    assert len(case.signs) <= 3
    other = draw_case(seed + 1, index)
    assert case.patient != other.patient
    assert case.beam != other.beam


def test_without_takes_only_the_named_findings_away():
    case = draw_case(0, 0, prevalence={"Mass": 1.0, "Edema": 1.0, NO_FINDING: 0.0})
    assert case.findings == ("Mass", "Edema")
    assert case.without("Mass").findings == ("Edema",)
    assert case.without("Mass", "Edema").findings == ()
    assert case.without("Hernia") == case
    assert case.findings == ("Mass", "Edema")


def test_wrong_numbers_and_names_are_refused():
    with pytest.raises(InvalidValueError, match="at least 0, got -1 and 0"):
        draw_case(-1, 0)
    with pytest.raises(InvalidValueError, match="got 0 and -5"):
        draw_case(0, -5)
    with pytest.raises(UnknownNameError, match="Did you mean 'nih'"):
        draw_case(0, 0, prevalence="nihh")
