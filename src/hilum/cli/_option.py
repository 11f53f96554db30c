"""An option that several verbs take, and options that were given and that nothing would come of."""

from collections.abc import Mapping
from typing import Annotated

import typer

from hilum.errors import InvalidValueError

__all__ = ["Method", "refuse_idle"]

Method = Annotated[str, typer.Option(help="How: grad_cam, grad_cam_plus_plus, or occlusion, which is slow.")]


def refuse_idle(options: Mapping[str, object], place: str, instead: str) -> None:
    """Refuse options that would change nothing.

    Args:
        options: Values by the option's name; None, False and nothing in a list is not given.
        place: For what they would change nothing.
        instead: Why, or what does it.

    Raises:
        InvalidValueError: One of them was given.
    """
    given = [name for name, value in options.items() if value not in (None, False) and value != []]
    if given:
        raise InvalidValueError(f"{', '.join(given)} would change nothing for {place}: {instead}")
