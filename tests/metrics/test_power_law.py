"""The law against laws that are known, against a search over every exponent, and where there is none."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hilum.errors import InvalidValueError
from hilum.metrics import fit_power_law

SIZES = np.array([125, 250, 500, 1000])


@given(st.floats(0.6, 0.99), st.floats(0.01, 0.2), st.floats(0.2, 1.5))
@example(ceiling=0.75, gap=0.1875, exponent=1.5)
@settings(max_examples=40, deadline=None)
def test_a_known_law_is_found(ceiling, gap, exponent):
    law = fit_power_law(SIZES, ceiling - gap * (SIZES / 1000) ** -exponent)
    assert law.reason == ""
    assert law.gain() == pytest.approx(gap * (1 - 2**-exponent), abs=2e-4)
    assert law.at(np.array([1000]))[0] == pytest.approx(ceiling - gap, abs=1e-4)


def searched(sizes, values):
    """The smallest sum of squares over a fine grid of exponents, ceiling and gap by linear least squares."""
    best = math.inf
    for exponent in np.linspace(0.05, 3, 600):
        power = (sizes / sizes.max()) ** -exponent
        slope = np.cov(power, values, bias=True)[0, 1] / power.var()
        gap = max(-slope, 0.0)
        ceiling = values.mean() + gap * power.mean()
        if ceiling > 1:
            ceiling, gap = 1.0, max(((1 - values) @ power) / (power @ power), 0.0)
        best = min(best, ((ceiling - gap * power - values) ** 2).sum())
    return best


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_no_exponent_fits_better(seed):
    rng = np.random.default_rng(seed)
    values = np.minimum(0.8 - 0.06 * (SIZES / 1000) ** -0.5 + rng.normal(0, 0.01, 4), 1)
    law = fit_power_law(SIZES, values)
    if not law.reason:
        assert ((law.at(SIZES) - values) ** 2).sum() <= searched(SIZES, values) + 1e-6
        assert law.ceiling <= 1
        assert law.gap > 0


@pytest.mark.parametrize("values", [[0.8, 0.8, 0.8, 0.8], [0.8, 0.78, 0.76, 0.75], [0.7, 0.9, 0.6, 0.65]])
def test_what_does_not_rise_has_no_law(values):
    law = fit_power_law(SIZES, np.array(values))
    assert math.isnan(law.gain())
    assert law.reason == "it does not rise with the number of films"


@pytest.mark.parametrize("values", [[0.7, 0.8, math.nan, math.nan], [math.nan] * 4])
def test_fewer_than_three_sizes_have_no_law(values):
    law = fit_power_law(SIZES, np.array(values))
    assert math.isnan(law.ceiling)
    assert "at least 3 sizes" in law.reason


def test_a_size_without_a_value_is_left_out():
    whole = 0.9 - 0.1 * (SIZES / 1000) ** -0.5
    law = fit_power_law(SIZES, np.where(SIZES == 250, np.nan, whole))
    assert law.gain() == pytest.approx(0.1 * (1 - 2**-0.5), abs=1e-4)


@pytest.mark.parametrize(
    ("sizes", "values", "sentence"),
    [
        ([1, 2, 0], [0.1, 0.2, 0.3], "above 0"),
        ([1, 2, 3], [0.1, 0.2, 1.3], "at most 1, got 1.3"),
        ([1, 2, 3], [0.1, 0.2], "one value per size"),
    ],
)
def test_what_cannot_be_a_curve_is_refused(sizes, values, sentence):
    with pytest.raises(InvalidValueError, match=sentence):
        fit_power_law(np.array(sizes), np.array(values))
