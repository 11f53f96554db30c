"""The catalogue as a page: the parts of ``docs/reference/inputs.md``."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from catalogue.case import FOR_THE_SERVICE, GROUPS, ROWS, Case, of_row
from catalogue.cases import CASES

__all__ = ["page_parts"]

NOT_SEEN = {
    "a JPEG-LS or 12-bit JPEG stream that was cut and then given an end mark": "the decoder fills up what is missing "
    "and does not say so",
    "bytes changed within a scan of JPEG or JPEG 2000": "these codes carry no checksum",
    "a JPEG whose header lies about its height or width": "the decoder reads what the header asks for",
    "a PNG of 16-bit colour, or of 16-bit grey with transparency": "it goes through 8 bits",
    "a signed 16-bit TIFF": "its zero is taken for the middle of the range",
}
_ANSWERS = {"accept": "read", "flag": "read and flagged", "refuse": "refused"}
Table = Callable[[str, Iterable[Sequence[str]]], str]


def page_parts(table: Table) -> list[str]:
    """The page's parts as Markdown; ``table`` makes a table of a header and rows."""
    counts = Counter(case.group for case in CASES)
    parts = [
        _intro(),
        table("group|cases|what it is", [(name, str(counts[name]), f"{text}.") for name, text in GROUPS.items()]),
    ]
    for row, cases in of_row(CASES).items():
        header = "case|what it is|answer|code|largest difference"
        parts += [f"## {ROWS[row]}", table(header, [_cells(case) for case in cases])]
    unseen = [(_sentence(what), f"{_sentence(why)}.") for what, why in NOT_SEEN.items()]
    later = [(_sentence(what), f"{_sentence(reason)}.") for what, reason in FOR_THE_SERVICE.items()]
    return [
        *parts,
        "## What one file cannot show",
        "Parts of the catalogue that concern a service or a network, not the reading of a file.",
        table("what|why not here", later),
        "## What hilum does not see",
        "Known, not mended: such files are read, and nothing but a flag of the picture itself may warn.",
        table("what|why", unseen),
    ]


def _intro() -> str:
    counts = Counter(case.outcome for case in CASES)
    return (
        f"{len(CASES)} kinds of file and what becomes of each: {counts['accept']} are read, {counts['flag']} read and "
        f"flagged, {counts['refuse']} refused. Every case is a file that the tests build and read "
        "(`tests/imaging/test_catalogue.py`); this page is written from the same table (`tests/catalogue/`). The codes "
        "of [refusals](tables.md#refusals) and [flags](tables.md#flags) have their meaning elsewhere. Differences are "
        "of grey values between 0 and 1; none means equal up to the last digits of a 32-bit number."
    )


def _cells(case: Case) -> tuple[str, ...]:
    codes = " or ".join(f"`{code}`" for code in case.codes)
    allowed = "none" if case.tolerance <= 1e-5 else f"{case.tolerance:.2g}"
    if case.mean_tolerance is not None:
        allowed = f"{case.mean_tolerance:g} in the mean"
    return (case.name, _sentence(case.what), _ANSWERS[case.outcome], codes, "" if case.outcome == "refuse" else allowed)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
