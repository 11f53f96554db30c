"""``--prevalence``: how common findings are where films come from."""

from hilum.errors import InvalidValueError
from hilum.findings import get_finding

__all__ = ["parse_prevalences"]


def parse_prevalences(text: str) -> dict[str, float]:
    """Return a prevalence per finding from ``Effusion=0.05,Mass=0.01``; nothing from an empty text.

    Raises:
        UnknownNameError: There is no such finding; the nearest is named.
        InvalidValueError: Not of this form, a share that is not between 0 and 1, or a finding that stands twice.
    """
    found: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, sign, value = (piece.strip() for piece in part.partition("="))
        try:
            share = float(value)
        except ValueError:
            share = float("nan")
        if not sign or not 0 < share < 1:
            raise InvalidValueError(
                f"--prevalence {part}: expected a finding and a share between 0 and 1, such as Effusion=0.05"
            )
        name = get_finding(name).name
        if name in found:
            raise InvalidValueError(f"--prevalence names {name} twice: once is enough")
        found[name] = share
    return found
