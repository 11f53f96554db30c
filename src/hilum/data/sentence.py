"""Counts in sentences, right in number."""

__all__ = ["are", "count"]


def count(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 film``, ``12,340 films``.

    Example:
        >>> count(1, "film"), count(2, "study", "studies")
        ('1 film', '2 studies')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def are(number: int) -> str:
    """Return the verb for a count: ``is`` or ``are``.

    Example:
        >>> are(1), are(0)
        ('is', 'are')
    """
    return "is" if number == 1 else "are"
