import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import fbeta_score

from hilum.calibration import THRESHOLD_RULES, choose_threshold
from hilum.errors import InvalidValueError, UnknownNameError

NAN = float("nan")


def made_up(seed, decimals=2, n=60):
    generator = np.random.default_rng(seed)
    targets = (generator.random(n) < 0.3).astype(float)
    targets[:2] = [0, 1]
    return (1 / (1 + np.exp(-generator.normal(size=n) - targets))).round(decimals), targets


def sensitivity_of(targets, calls):
    return (calls & (targets == 1)).sum() / (targets == 1).sum()


def youden(targets, calls):
    return sensitivity_of(targets, calls) + sensitivity_of(1 - targets, ~calls)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["youden", "f_beta", "cost"]), st.sampled_from([0.5, 1.0, 2.0, 20.0]))
def test_no_other_threshold_serves_better(seed, rule, weight):
    merit = {
        "youden": youden,
        "f_beta": lambda targets, calls: fbeta_score(targets, calls, beta=weight),
        "cost": lambda targets, calls: -(weight * (targets[~calls] == 1).sum() + (targets[calls] == 0).sum()),
    }[rule]
    probabilities, targets = made_up(seed)
    threshold = choose_threshold(probabilities, targets, rule=rule, beta=weight, cost_ratio=weight)
    chosen = merit(targets, probabilities >= threshold)
    assert chosen == pytest.approx(max(merit(targets, probabilities >= cut) for cut in probabilities))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.9, 1.0]))
def test_the_highest_threshold_that_finds_enough(seed, wanted):
    probabilities, targets = made_up(seed)
    threshold = choose_threshold(probabilities, targets, rule="sensitivity", sensitivity=wanted)
    assert sensitivity_of(targets, probabilities >= threshold) >= wanted - 1e-9
    higher = [cut for cut in probabilities if cut > threshold]
    next_above = sorted(set(higher))[1] if len(set(higher)) > 1 else 2.0
    assert sensitivity_of(targets, probabilities >= next_above) < wanted


@pytest.mark.parametrize("rule", THRESHOLD_RULES)
def test_it_lies_between_two_films_so_rounding_moves_none(rule):
    probabilities, targets = made_up(7, decimals=9)
    threshold = choose_threshold(probabilities, targets, rule=rule)
    same = probabilities.astype(np.float32) >= np.float32(threshold)
    np.testing.assert_array_equal(same, probabilities >= threshold)
    assert threshold not in probabilities


def test_of_equally_good_ones_the_highest():
    probabilities, targets = np.array([0.2, 0.4, 0.6, 0.8]), np.array([0.0, 1.0, 0.0, 1.0])
    assert choose_threshold(probabilities, targets) == pytest.approx(0.7)


def test_everything_called_stops_at_the_lowest_film():
    assert choose_threshold(np.array([0.1, 0.9]), np.array([1.0, 0.0]), rule="sensitivity") == 0.1


def test_neighbouring_numbers_have_no_middle():
    low = 0.5
    high = np.nextafter(low, 1)
    assert choose_threshold(np.array([low, high]), np.array([0.0, 1.0])) == high


def test_unknown_targets_are_left_out():
    probabilities = np.array([0.1, 0.3, 0.35, 0.7, 0.9])
    assert choose_threshold(probabilities, np.array([0.0, 0.0, NAN, 1.0, 1.0])) == 0.5


@pytest.mark.parametrize("targets", [[0.0, 0.0], [1.0, 1.0], [NAN, 1.0]])
@pytest.mark.parametrize("rule", THRESHOLD_RULES)
def test_a_missing_class_gives_none(rule, targets):
    assert np.isnan(choose_threshold(np.array([0.1, 0.2]), np.array(targets), rule=rule))


def test_wrong_rules_are_refused():
    data = np.array([0.1, 0.2]), np.array([0.0, 1.0])
    with pytest.raises(UnknownNameError, match="Did you mean 'youden'"):
        choose_threshold(*data, rule="yuden")
    with pytest.raises(InvalidValueError, match="sensitivity must be above 0 and at most 1, got 90"):
        choose_threshold(*data, rule="sensitivity", sensitivity=90)
    with pytest.raises(InvalidValueError, match="beta must be above 0 and finite, got 0"):
        choose_threshold(*data, rule="f_beta", beta=0)
    with pytest.raises(InvalidValueError, match="cost_ratio must be above 0 and finite, got inf"):
        choose_threshold(*data, rule="cost", cost_ratio=float("inf"))
