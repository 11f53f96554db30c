"""The model section says no before anything is built."""

import pytest
from pydantic import ValidationError

from hilum.config import build
from hilum.errors import ConfigError, UnknownNameError
from hilum.models import BACKBONES, HEADS, ModelSection


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("head", HEADS)
def test_every_backbone_goes_with_every_head(backbone, head):
    assert ModelSection(backbone=backbone, head=head).init == "none"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"backbone": "resnet19"}, r"unknown backbone 'resnet19'\. Did you mean 'resnet18'"),
        ({"head": "liner"}, r"unknown head 'liner'\. Did you mean 'linear'"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(values, message):
    with pytest.raises(UnknownNameError, match=message):
        build(ModelSection, values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"backbone": "densenet121", "drop_path": 0.1}, r"drop_path=0\.1: densenet121 has no residual branches"),
        ({"backbone": "resnet10t_slim", "init": "pretrained"}, "no start weights are published for resnet10t_slim"),
        ({"channels": 2}, "channels: input should be 1 or 3, got 2"),
        ({"dropout": 1.0}, "dropout: input should be less than 1, got 1"),
        ({"drop_path": -0.1}, "drop_path: input should be greater than or equal to 0"),
        ({"init": ""}, "init: .*at least 1 character"),
        ({"normalisation": "imagenet"}, "normalisation: input should be 'data' or 'backbone'"),
        ({"dropot": 0.1}, r"model key dropot is unknown\. Nearest: dropout"),
    ],
)
def test_what_a_backbone_cannot_do_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        build(ModelSection, values, source="model")


def test_a_section_is_plain_values_and_back():
    section = ModelSection(backbone="vit_tiny", channels=3, drop_path=0.2)
    assert ModelSection.model_validate(section.model_dump(mode="json")) == section
    with pytest.raises(ValidationError, match="frozen"):
        section.channels = 1
