"""The tables of the pages that benchmarks write."""

from collections.abc import Iterable, Sequence

__all__ = ["table"]


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, align: str = "") -> str:
    """Return a table in Markdown; ``align`` has a letter per column, ``l`` or ``r``, all to the left if empty."""
    rule = [{"l": "---", "r": "---:"}[letter] for letter in align or "l" * len(header)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *rows))
