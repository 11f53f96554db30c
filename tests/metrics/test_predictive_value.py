import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hilum.errors import InvalidValueError
from hilum.metrics import Rate, predictive_values, wilson_interval
from hilum.records import Interval

shares = st.floats(0, 1)


def rate(successes, n):
    return Rate(successes / n, *wilson_interval(successes, n))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(0, 40), st.integers(1, 40), st.integers(0, 40))
def test_at_the_films_own_prevalence_they_are_the_shares_of_the_calls(found, missed, spared, alarms):
    n_present, n_absent = found + missed, spared + alarms
    values = predictive_values(rate(found, n_present), rate(spared, n_absent), n_present / (n_present + n_absent))
    assert values.ppv.value == pytest.approx(found / (found + alarms), abs=1e-9)
    assert values.npv.value == pytest.approx(spared / (spared + missed), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30), shares)
@example(found=1, n_present=1, spared=0, n_absent=7, prevalence=0.9999999999999999)
def test_ends_lie_around_the_value_inside_the_worst_of_both(found, n_present, spared, n_absent, prevalence):
    sensitivity, specificity = rate(min(found, n_present), n_present), rate(min(spared, n_absent), n_absent)
    for ours, (right, wrong), prior in zip(
        predictive_values(sensitivity, specificity, prevalence),
        [(sensitivity, specificity), (specificity, sensitivity)],
        [prevalence, 1 - prevalence],
        strict=True,
    ):
        if math.isnan(ours.value):
            assert math.isnan(ours.low)
            continue
        assert 0 <= ours.low <= ours.value <= ours.high <= 1
        bounds = [
            end * prior / (end * prior + (1 - other) * (1 - prior) or math.nan)
            for end, other in ((right.low, wrong.low), (right.high, wrong.high))
        ]
        assert not ours.low < bounds[0] - 1e-9
        assert not ours.high > bounds[1] + 1e-9


def test_a_certain_rate_leaves_the_other_ones_interval():
    values = predictive_values(Rate(0.8, 0.7, 0.9), Rate(0.9, 0.9, 0.9), 0.1)
    assert values.ppv[1:] == pytest.approx([0.07 / (0.07 + 0.09), 0.09 / (0.09 + 0.09)], abs=1e-12)


def test_the_mean_way_is_symmetric():
    values = predictive_values(Rate(0.8, 0.7, 0.9), Rate(0.6, 0.5, 0.65), 0.3)
    turned = predictive_values(Rate(0.6, 0.5, 0.65), Rate(0.8, 0.7, 0.9), 0.7)
    assert values.npv == pytest.approx(turned.ppv)
    assert values.ppv == pytest.approx(turned.npv)


def test_it_is_donner_and_zous_interval_of_the_ratio():
    # Their formula for the ratio of sensitivity to 1 - specificity, as printed, then the odds of Bayes.
    se, fpr, prevalence = (0.8, 0.7, 0.88), (0.3, 0.25, 0.36), 0.2
    (a, l1, u1), (b, l2, u2) = se, fpr
    low = (a * b - math.sqrt((a * b) ** 2 - l1 * u2 * (2 * a - l1) * (2 * b - u2))) / (u2 * (2 * b - u2))
    high = (a * b + math.sqrt((a * b) ** 2 - u1 * l2 * (2 * a - u1) * (2 * b - l2))) / (l2 * (2 * b - l2))
    odds = prevalence / (1 - prevalence)
    values = predictive_values(Rate(*se), Rate(0.7, 0.64, 0.75), prevalence)
    assert values.ppv[1:] == pytest.approx([low * odds / (1 + low * odds), high * odds / (1 + high * odds)])


def test_intervals_cover():
    generator = np.random.default_rng(0)
    truth = predictive_values(Rate(0.85), Rate(0.92), 0.05)
    held = np.zeros(2)
    for _ in range(2000):
        found, spared = generator.binomial(120, 0.85), generator.binomial(1000, 0.92)
        ours = predictive_values(rate(int(found), 120), rate(int(spared), 1000), 0.05)
        held += [mine.low <= true.value <= mine.high for mine, true in zip(ours, truth, strict=True)]
    assert (np.abs(held / 2000 - 0.95) < 0.02).all()


def test_perfect_and_hopeless_rates_have_intervals():
    perfect = predictive_values(rate(20, 20), rate(50, 50), 0.1)
    assert perfect.ppv.value == perfect.npv.value == perfect.ppv.high == perfect.npv.high == 1
    assert 0 < perfect.ppv.low < 1
    hopeless = predictive_values(rate(0, 20), rate(0, 50), 0.1)
    assert hopeless.ppv.value == hopeless.npv.value == hopeless.ppv.low == 0
    assert 0 < hopeless.ppv.high < 1


@pytest.mark.parametrize(("prevalence", "ppv", "npv"), [(0.0, 0.0, 1.0), (1.0, 1.0, 0.0)])
def test_where_nobody_or_everybody_has_it(prevalence, ppv, npv):
    values = predictive_values(Rate(0.8, 0.7, 0.9), Rate(0.9, 0.8, 0.95), prevalence)
    assert values.ppv == (ppv, ppv, ppv)
    assert values.npv == (npv, npv, npv)


def test_what_is_undefined_is_nan():
    nobody_called = predictive_values(Rate(0.0, 0.0, 0.1), Rate(1.0, 0.9, 1.0), 0.1)
    assert np.isnan(nobody_called.ppv).all()
    assert nobody_called.npv.value == pytest.approx(0.9)
    for arguments in ((Rate(math.nan), Rate(0.9), 0.1), (Rate(0.5), Rate(0.5), math.nan)):
        values = predictive_values(*arguments)
        assert np.isnan([*values.ppv, *values.npv]).all()
    bare = predictive_values(Rate(0.5), Rate(0.5, 0.4, 0.6), 0.5)
    assert bare.ppv.value == 0.5
    assert np.isnan(bare.ppv[1:]).all()


def test_records_serve_as_rates():
    ours = predictive_values(Interval(value=0.8, low=0.7, high=0.9), Interval(value=0.9, low=0.8, high=0.95), 0.1)
    assert ours == predictive_values(Rate(0.8, 0.7, 0.9), Rate(0.9, 0.8, 0.95), 0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((Rate(0.5), Rate(0.5), 5.0), "prevalence must lie between 0 and 1, got 5"),
        ((Rate(80, 70, 90), Rate(0.5), 0.5), "sensitivity is 80 with an interval from 70 to 90"),
        ((Rate(0.5), Rate(0.5, 0.6, 0.7), 0.5), "specificity is 0.5 with an interval from 0.6 to 0.7"),
    ],
)
def test_wrong_input_is_refused(arguments, message):
    with pytest.raises(InvalidValueError, match=message):
        predictive_values(*arguments)
