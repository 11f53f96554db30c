import numpy as np
import pytest

from hilum.errors import InvalidValueError
from hilum.metrics.known import check_pair, keep_known

NAN = float("nan")


def test_unknown_films_are_dropped_with_their_scores():
    scores, present = keep_known(np.array([0.1, 0.2, 0.3]), np.array([1.0, NAN, 0.0]))
    assert scores.tolist() == [0.1, 0.3]
    assert present.tolist() == [True, False]


def test_a_nan_score_is_refused_with_its_place():
    with pytest.raises(InvalidValueError, match=r"1 of 4 scores are NaN, the first at \(1, 0\).*leave out"):
        check_pair(np.array([[0.1, 0.2], [NAN, 0.4]]), np.zeros((2, 2)))


def test_a_nan_score_is_refused_even_where_the_target_is_unknown():
    with pytest.raises(InvalidValueError, match="NaN"):
        keep_known(np.array([NAN, 0.2]), np.array([NAN, 1.0]))


@pytest.mark.parametrize("strange", [2.0, -1.0, 0.5, np.inf])
def test_a_target_is_0_1_or_nan(strange):
    with pytest.raises(InvalidValueError, match=r"targets hold .*: expected 1 \(present\), 0 \(absent\) or NaN"):
        check_pair(np.array([0.1, 0.2]), np.array([1.0, strange]))


def test_shapes_must_be_the_same():
    with pytest.raises(InvalidValueError, match=r"probabilities have shape \(3,\), targets \(2,\)"):
        check_pair(np.zeros(3), np.zeros(2), name="probabilities")
