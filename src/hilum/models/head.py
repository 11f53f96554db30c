"""The table of heads: pooled features in, one logit per finding out."""

from collections.abc import Callable

from torch import nn

from hilum.errors import UnknownNameError

__all__ = ["HEADS", "Head", "ancestor_head", "get_head", "linear_head"]

Head = Callable[..., nn.Sequential]


def linear_head(n_features: int, n_findings: int, *, dropout: float) -> nn.Sequential:
    """Return dropout and one linear layer: features to logits."""
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(n_features, n_findings))


def ancestor_head(n_features: int, n_findings: int, *, dropout: float) -> nn.Sequential:
    """Return the ancestor's head: 512 and 256 units with ReLU and dropout, then one logit per finding."""
    return nn.Sequential(
        nn.Linear(n_features, 512),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(512, 256),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(256, n_findings),
    )


HEADS: dict[str, Head] = {
    "ancestor": ancestor_head,
    "linear": linear_head,
}


def get_head(name: str) -> Head:
    """Return the head called ``name``; raises UnknownNameError with the nearest name."""
    try:
        return HEADS[name]
    except KeyError:
        raise UnknownNameError("head", name, HEADS) from None
