"""The ``loss`` section of a recipe."""

import pytest
import torch

from hilum.config import dump, load
from hilum.errors import ConfigError, InvalidValueError, UnknownNameError
from hilum.losses import LOSSES, LossSection, asymmetric_loss, focal_loss, get_loss, make_loss
from hilum.losses.section import _OWNERS

LOGITS = torch.tensor([[0.5, -1.0], [2.0, 0.1]])
TARGET = torch.tensor([[1.0, 0.0], [0.0, torch.nan]])
PREVALENCE = torch.tensor([0.2, 0.6])


def test_settings_reach_the_loss():
    loss = make_loss(LossSection(name="focal", gamma=3.5), prevalence=PREVALENCE)
    assert loss(LOGITS, TARGET) == focal_loss(LOGITS, TARGET, gamma=3.5)
    settings = {"gamma_positive": 1.0, "gamma_negative": 2.0, "margin": 0.1}
    loss = make_loss(LossSection(name="asymmetric", **settings), prevalence=PREVALENCE)
    assert loss(LOGITS, TARGET) == asymmetric_loss(LOGITS, TARGET, **settings)


def test_prevalence_reaches_the_loss_that_weighs_by_it():
    one, other = (
        make_loss(LossSection(name="weighted_bce"), prevalence=p)(LOGITS, TARGET) for p in (PREVALENCE, 1 - PREVALENCE)
    )
    assert one != other


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'focal'"):
        LossSection(name="focl")
    with pytest.raises(UnknownNameError, match="Did you mean 'bce'"):
        get_loss("bcee")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{gamma: 1.5}", "gamma=1.5 is a setting of the loss focal, and the loss is bce: set name to focal"),
        ("{name: focal, margin: 0.2}", "margin=0.2 is a setting of the loss asymmetric"),
        ("{name: asymmetric, gamma: 1}", "gamma=1 is a setting of the loss focal"),
        ("{name: weighted_bce, gamma_negative: 1}", "or leave gamma_negative out"),
    ],
)
def test_a_setting_that_would_change_nothing_is_refused(text, words):
    with pytest.raises(ConfigError, match=words):
        load(LossSection, text)


@pytest.mark.parametrize("name", LOSSES)
def test_a_resolved_section_reads_back_with_all_its_defaults(name):
    section = LossSection(name=name)
    assert load(LossSection, dump(section)) == section


def test_every_setting_has_the_loss_that_reads_it():
    assert set(_OWNERS) == set(LossSection.model_fields) - {"name"}
    assert set(_OWNERS.values()) <= set(LOSSES)


@pytest.mark.parametrize("values", [{"gamma": -1}, {"margin": 1.0}, {"gamma_positive": float("nan")}])
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        LossSection(name="focal" if "gamma" in values else "asymmetric", **values)


def test_the_refusal_is_hilums_own_error():
    with pytest.raises(InvalidValueError):
        load(LossSection, "{gamma: -1, name: focal}")
