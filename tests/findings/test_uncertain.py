import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import UnknownNameError
from hilum.findings import UNCERTAIN_POLICIES, check_policy, smooth_target


@given(st.text(), st.sampled_from(["Edema", "Mass"]))
def test_a_soft_target_is_the_same_for_the_same_film_and_lies_in_its_range(image_id, finding):
    value = smooth_target(image_id, finding)
    assert 0.55 <= value < 0.85
    assert smooth_target(image_id, finding) == value


def test_soft_targets_are_spread_evenly():
    values = np.array([smooth_target(f"{n}.png", "Edema") for n in range(2000)])
    counts, _ = np.histogram(values, bins=10, range=(0.55, 0.85))
    assert counts.min() > 140
    assert smooth_target("0.png", "Mass") != smooth_target("0.png", "Edema")


def test_an_unknown_policy_gets_the_nearest():
    assert [check_policy(name) for name in UNCERTAIN_POLICIES] == ["ignore", "zero", "one", "smooth"]
    with pytest.raises(UnknownNameError, match="Did you mean 'ignore'"):
        check_policy("ignored")
