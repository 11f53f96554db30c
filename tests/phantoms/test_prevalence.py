import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import InvalidValueError, UnknownNameError
from hilum.findings import NIH_FINDINGS, NO_FINDING
from hilum.phantoms.prevalence import MOST_FINDINGS, PREVALENCES, mixture_of


def chances(mixture):
    return np.diff(mixture.cumulative, prepend=0.0)


@pytest.mark.parametrize("name", PREVALENCES)
def test_the_mixture_has_the_prevalence_asked_for(name):
    mixture = mixture_of(name)
    wanted = PREVALENCES[name]
    assert mixture.cumulative[-1] == pytest.approx(1)
    marginal = dict(zip(NIH_FINDINGS, chances(mixture) @ mixture.sets, strict=True))
    assert marginal == pytest.approx({finding: wanted[finding] for finding in NIH_FINDINGS}, abs=1e-6)
    assert mixture.cumulative[0] == pytest.approx(wanted[NO_FINDING])
    assert not mixture.sets[0].any()
    assert mixture.sets.sum(axis=1).max() == MOST_FINDINGS


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0.01, 0.2), min_size=2, max_size=6).map(
        lambda shares: dict(zip(NIH_FINDINGS, shares, strict=False))
    )
)
def test_shares_of_ones_own_are_kept_and_what_is_left_out_does_not_occur(shares):
    healthy = 1 - (sum(shares.values()) + max(shares.values())) / 2
    mixture = mixture_of({**shares, NO_FINDING: healthy})
    marginal = chances(mixture) @ mixture.sets
    assert marginal == pytest.approx([shares.get(finding, 0.0) for finding in NIH_FINDINGS], abs=1e-3)
    assert mixture.cumulative[0] == pytest.approx(healthy)


def test_of_two_findings_alone_the_entropy_is_largest_when_they_are_independent():
    mixture = mixture_of({"Mass": 0.3, "Edema": 0.5})
    both = chances(mixture)[mixture.sets[:, NIH_FINDINGS.index("Mass")] & mixture.sets[:, NIH_FINDINGS.index("Edema")]]
    assert both.sum() == pytest.approx(0.15, abs=1e-5)


def test_nobody_is_ill_at_prevalence_0():
    assert mixture_of({}).draw(np.random.default_rng(0)) == ()


def test_draws_follow_the_mixture():
    mixture, rng = mixture_of("nih"), np.random.default_rng(0)
    drawn = [mixture.draw(rng) for _ in range(4000)]
    for finding, share in PREVALENCES["nih"].items():
        seen = sum((finding in findings) if finding != NO_FINDING else not findings for findings in drawn)
        assert abs(seen - 4000 * share) < 4.5 * np.sqrt(4000 * share * (1 - share)), finding
    assert all(list(findings) == sorted(findings, key=NIH_FINDINGS.index) for findings in drawn)


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="'balanced'"):
        mixture_of("balancd")
    with pytest.raises(UnknownNameError, match="'Effusion'"):
        mixture_of({"Efusion": 0.1})


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"Mass": 1.5}, "prevalence of Mass must lie between 0 and 1, got 1.5"),
        ({"Mass": -0.1}, "got -0.1"),
        ({"Mass": 0.1, NO_FINDING: 0.5}, "add up to 0.100"),
        (dict.fromkeys(NIH_FINDINGS, 0.5), "cannot be had"),
        ({"Mass": 0.6, "Nodule": 0.1, NO_FINDING: 0.5}, "change the prevalences"),
    ],
)
def test_prevalences_that_cannot_be_had_are_refused(shares, words):
    with pytest.raises(InvalidValueError, match=words):
        mixture_of(shares)
