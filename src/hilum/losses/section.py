"""The ``loss`` section of a recipe, and the table it chooses from."""

from collections.abc import Callable
from functools import partial

from jaxtyping import Float
from torch import Tensor

from hilum.config import Section, setting
from hilum.errors import InvalidValueError, UnknownNameError
from hilum.losses.asymmetric import asymmetric_loss
from hilum.losses.cross_entropy import cross_entropy_loss, weighted_cross_entropy_loss
from hilum.losses.focal import focal_loss

__all__ = ["LOSSES", "Loss", "LossSection", "get_loss", "make_loss"]

Loss = Callable[[Tensor, Tensor], Tensor]


class LossSection(Section):
    """Which loss, and its settings; a setting of another loss stays at its default.

    Attributes:
        name: A name of ``LOSSES``.
        gamma: Focusing exponent of ``focal``.
        gamma_positive: Exponent of ``asymmetric`` for present labels.
        gamma_negative: Exponent of ``asymmetric`` for absent labels.
        margin: Margin of ``asymmetric``.
    """

    name: str = "bce"
    gamma: float = setting(default=2.0, ge=0)
    gamma_positive: float = setting(default=0.0, ge=0)
    gamma_negative: float = setting(default=4.0, ge=0)
    margin: float = setting(default=0.05, ge=0, lt=1)

    def model_post_init(self, _context: object, /) -> None:
        """Refuse an unknown name, and a setting that would change nothing, before anything is built."""
        get_loss(self.name)
        for key, owner in _OWNERS.items():
            if owner != self.name and getattr(self, key) != type(self).model_fields[key].default:
                raise InvalidValueError(
                    f"{key}={getattr(self, key):g} is a setting of the loss {owner}, and the loss is {self.name}: "
                    f"set name to {owner}, or leave {key} out"
                )


_OWNERS = {"gamma": "focal", "gamma_positive": "asymmetric", "gamma_negative": "asymmetric", "margin": "asymmetric"}
"""The one loss that reads each setting."""

Maker = Callable[[LossSection, Tensor], Loss]

LOSSES: dict[str, Maker] = {
    "asymmetric": lambda section, _prevalence: partial(
        asymmetric_loss,
        gamma_positive=section.gamma_positive,
        gamma_negative=section.gamma_negative,
        margin=section.margin,
    ),
    "bce": lambda _section, _prevalence: cross_entropy_loss,
    "focal": lambda section, _prevalence: partial(focal_loss, gamma=section.gamma),
    "weighted_bce": lambda _section, prevalence: partial(weighted_cross_entropy_loss, prevalence=prevalence),
}


def get_loss(name: str) -> Maker:
    """Return what makes the loss called ``name``; raises UnknownNameError with the nearest name."""
    try:
        return LOSSES[name]
    except KeyError:
        raise UnknownNameError("loss", name, LOSSES) from None


def make_loss(section: LossSection, *, prevalence: Float[Tensor, " finding"]) -> Loss:
    """Return a function of logits and target (NaN unknown) to a scalar, in nats.

    Args:
        section: Name and settings.
        prevalence: Share of the known training labels that are present, per finding.
    """
    return get_loss(section.name)(section, prevalence)
