"""Options that were given and that nothing would come of."""

from collections.abc import Mapping

from hilum.errors import InvalidValueError

__all__ = ["refuse_idle"]


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
