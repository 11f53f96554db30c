"""The table of backbones: names, statistics, sizes. What holds for every row: contracts/test_backbones.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import InvalidValueError, UnknownNameError
from hilum.models import BACKBONES, Backbone, get_backbone


def test_the_ancestors_networks_and_its_wishes_are_there():
    assert {"densenet121", "resnet50v2", "mobilenetv3_large", "inception_resnet_v2"} <= BACKBONES.keys()
    assert any(row.layout == "tokens" for row in BACKBONES.values())


def test_an_unknown_name_is_answered_with_the_nearest():
    assert get_backbone("densenet121") is BACKBONES["densenet121"]
    with pytest.raises(UnknownNameError, match=r"unknown backbone 'densnet121'\. Did you mean 'densenet121'\?"):
        get_backbone("densnet121")


def test_one_channel_takes_the_mean_of_the_colours():
    row = Backbone("x", 224, "mit", "paper", mean=(0.1, 0.2, 0.6), std=(0.2, 0.3, 0.4))
    assert row.statistics(3) == ((0.1, 0.2, 0.6), (0.2, 0.3, 0.4))
    (mean,), (std,) = row.statistics(1)
    assert mean == pytest.approx(0.3)
    assert std == pytest.approx(0.3)


@given(size=st.integers(-5, 400), minimum=st.integers(1, 100), step=st.integers(1, 40))
def test_a_size_is_taken_or_the_nearest_that_works_is_named(size, minimum, step):
    row = Backbone("net", 224, "mit", "paper", minimum_size_px=minimum, size_step_px=step)
    works = [side for side in range(1, 600) if side >= minimum and side % step == 0]
    if size in works:
        row.check_size(size)
        return
    with pytest.raises(InvalidValueError, match=rf"net takes square films of at least {minimum} px") as caught:
        row.check_size(size)
    named = int(str(caught.value).split("size_px=")[1].rstrip("."))
    assert named in works
    assert abs(named - size) == min(abs(side - size) for side in works)
