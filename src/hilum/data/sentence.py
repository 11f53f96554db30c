"""Counts in sentences, right in number."""

__all__ = ["count"]

_SINGULAR = {"are": "is", "were": "was", "have": "has"}


def count(number: int, noun: str, verb: str = "", *, of: int | None = None, plural: str = "") -> str:
    """Return ``1 film``, ``12,340 films``, with a verb and out of how many where they are given.

    Example:
        >>> count(1, "film"), count(2000, "box", "lie", plural="boxes")
        ('1 film', '2,000 boxes lie')
        >>> count(1, "film", "are", of=5), count(1, "film", "stand")
        ('1 of 5 films is', '1 film stands')
    """
    whole = number if of is None else of
    start = f"{number:,} " if of is None else f"{number:,} of {of:,} "
    end = _SINGULAR.get(verb, f"{verb}s") if verb and number == 1 else verb
    return f"{start}{noun if whole == 1 else plural or noun + 's'} {end}".rstrip()
