"""A page of the reference: Markdown from docstrings and rows; for ``generate.py``."""

import inspect
import re
from collections.abc import Iterable, Sequence
from functools import partial

__all__ = ["capital", "meanings", "noun", "page", "prose", "summary", "table"]

_NOTE = "<!-- Written by docs/generate.py from the code: change the code, then `make docs`. -->"


def meanings(kind: type) -> dict[str, str]:
    """Return what docstrings say of attributes under ``Attributes:``, those of base classes first."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        text = inspect.cleandoc(base.__dict__.get("__doc__") or "")
        _, _, block = text.partition("Attributes:\n")
        block = block.partition("\n\n")[0]
        for name, meaning in re.findall(r"^ {4}([a-z]\w*): (.+(?:\n {8,}.+)*)", block, flags=re.MULTILINE):
            found[name] = prose(meaning)
    return found


def summary(value: object) -> str:
    """Return a docstring's text before its first section, as one paragraph."""
    subject = value.func if isinstance(value, partial) else value
    text = inspect.getdoc(subject) or ""
    return prose(re.split(r"\n\n(?:Args|Attributes|Returns|Raises|Example|Source)s?:", text)[0])


def prose(text: str) -> str:
    """Return reST's little markup as Markdown, on one line."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text.replace("``", "`"))
    return " ".join(text.split())


def noun(sentence: str) -> str:
    """Return what a function gives, from the sentence that says so."""
    return capital(sentence.removeprefix("Return "))


def capital(text: str) -> str:
    """Return text with a capital, unless it begins with a name."""
    return text if text.startswith("`") else text[:1].upper() + text[1:]


def table(header: str, rows: Iterable[Sequence[str]]) -> str:
    """Return a table; names in ``header`` stand between bars."""
    names = header.split("|")
    lines = [names, ["---"] * len(names), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(title: str, *parts: str) -> str:
    """Return a page, which says how it was written."""
    return "\n\n".join([_NOTE, f"# {title}", *parts]) + "\n"
