"""A film's facts, flags or refusal as lines for people; nothing in them tells who the film is of."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hilum.errors import ImageRefusedError
from hilum.imaging import FLAGS, REFUSALS, FilmReader, header_facts

if TYPE_CHECKING:
    from hilum.records import ImageFacts

__all__ = ["accepted_lines", "refused_lines"]

Line = tuple[str, str]


def accepted_lines(facts: "ImageFacts") -> list[Line]:
    """Return what a film is, what was done to it, and every flag in a sentence."""
    return [
        ("accepted", "hilum answers for this film" if not facts.flags else "hilum answers for this film, and says:"),
        *((f"! {code}", FLAGS[code]) for code in facts.flags),
        *_facts(facts),
    ]


def _facts(facts: "ImageFacts") -> Iterator[Line]:
    yield "format", " · ".join(part for part in (facts.file_format, f"{facts.bits} bit", facts.photometric) if part)
    yield "size", f"{facts.width_px} x {facts.height_px} pixels"
    if facts.modality:
        yield "modality", facts.modality
    if facts.view:
        yield "view", facts.view
    turned = ", turned so that dense tissue is bright" if facts.inverted else ""
    yield "grey values", f"{facts.window}{turned}"
    if facts.spacing_mm:
        row, column = facts.spacing_mm
        yield "pixel size", f"{row:g} x {column:g} mm{f', by {facts.spacing_from}' if facts.spacing_from else ''}"
    if facts.content_box:
        top, left, height, width = facts.content_box
        yield "exposed field", f"{width} x {height} pixels, from column {left} and row {top}; nothing was cropped"


def refused_lines(error: ImageRefusedError, reader: FilmReader, path: Path) -> list[Line]:
    """Return why a film is refused, what to do, and what its header says of its kind."""
    lines = [("refused", error.code), ("why", error.sentence), ("what to do", REFUSALS[error.code])]
    if error.code == "missing":
        return lines
    answer = next(iter(reader.map(header_facts, [path])))
    facts = {} if isinstance(answer, ImageRefusedError) else answer["facts"]
    return [*lines, *((f"header: {name}", str(value)) for name, value in dict(facts).items())]
