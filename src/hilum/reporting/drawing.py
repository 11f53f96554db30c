"""The few shapes a chart is made of, as inline SVG: sharp in print, in the page's own type and colours.

Colours, line widths and type sizes are the style sheet's (``resources/templates/page.css``); here are places and words.
Texts are escaped by the XML writer. One unit is one CSS pixel.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

__all__ = [
    "Panel",
    "Point",
    "add_area",
    "add_bar",
    "add_dot",
    "add_line",
    "add_path",
    "add_text",
    "new_picture",
    "picture_text",
]

Point = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """A rectangle of the picture and the range of values it shows.

    Attributes:
        left: Of the rectangle; the other three likewise.
        top: Smaller is higher.
        width: Above 0.
        height: Above 0.
        across: Values at the left and right edge; they differ.
        up: Values at the lower and upper edge; they differ.
    """

    left: float
    top: float
    width: float
    height: float
    across: tuple[float, float] = (0.0, 1.0)
    up: tuple[float, float] = (0.0, 1.0)

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height

    def x(self, value: float) -> float:
        """Where a value stands; values outside the range stand at the edge."""
        low, high = self.across
        return self.left + self.width * min(max((value - low) / (high - low), 0.0), 1.0)

    def y(self, value: float) -> float:
        """How high a value stands; values outside the range stand at the edge."""
        low, high = self.up
        return self.bottom - self.height * min(max((value - low) / (high - low), 0.0), 1.0)

    def points(self, x: Sequence[float], y: Sequence[float]) -> list[Point]:
        """Return where the defined ones among the values stand."""
        pairs = zip(x, y, strict=True)
        return [(self.x(a), self.y(b)) for a, b in pairs if math.isfinite(a) and math.isfinite(b)]


def new_picture(width: float, height: float, label: str) -> Element:
    """Return an empty picture; ``label`` says in words what it shows."""
    size = {"viewBox": f"0 0 {_short(width)} {_short(height)}", "width": _short(width), "height": _short(height)}
    return Element("svg", {**size, "role": "img", "aria-label": label})


def picture_text(picture: Element) -> str:
    """Return the picture as it stands in a page."""
    return tostring(picture, encoding="unicode", short_empty_elements=False)


def add_line(parent: Element, start: Point, end: Point, style: str) -> None:
    """Draw a straight line."""
    (x1, y1), (x2, y2) = start, end
    places = {"x1": _short(x1), "y1": _short(y1), "x2": _short(x2), "y2": _short(y2)}
    SubElement(parent, "line", {**places, "class": style})


def add_text(parent: Element, place: Point, words: str, style: str = "") -> None:
    """Write words; they begin at ``place`` unless the style says that they end there or are centred."""
    element = SubElement(parent, "text", {"x": _short(place[0]), "y": _short(place[1]), "class": style})
    element.text = words


def add_dot(parent: Element, place: Point, radius: float, style: str) -> None:
    """Draw a dot."""
    SubElement(parent, "circle", {"cx": _short(place[0]), "cy": _short(place[1]), "r": _short(radius), "class": style})


def add_bar(parent: Element, place: Point, size: tuple[float, float], style: str, *, hint: str = "") -> Element:
    """Draw a filled rectangle from its upper left corner; ``hint`` is shown when the pointer rests on it."""
    sides = {"width": _short(size[0]), "height": _short(size[1])}
    bar = SubElement(parent, "rect", {"x": _short(place[0]), "y": _short(place[1]), **sides, "class": style})
    if hint:
        SubElement(bar, "title").text = hint
    return bar


def add_path(parent: Element, points: Iterable[Point], style: str) -> None:
    """Draw straight lines from point to point; points that cannot be told apart on paper are left out."""
    kept = _thinned([(round(x, 1), round(y, 1)) for x, y in points])
    if kept:
        steps = " ".join(f"{_short(x)},{_short(y)}" for x, y in kept)
        SubElement(parent, "polyline", {"points": steps, "class": style})


def add_area(parent: Element, lower: Sequence[Point], upper: Sequence[Point], style: str) -> None:
    """Fill what lies between two lines, both from left to right."""
    if lower and upper:
        steps = " ".join(f"{_short(x)},{_short(y)}" for x, y in (*lower, *reversed(upper)))
        SubElement(parent, "polygon", {"points": steps, "class": style})


def _thinned(points: list[Point]) -> list[Point]:
    """Leave out repeated points and those on the way from the one before to the one after."""
    kept: list[Point] = []
    for point in points:
        if kept and point == kept[-1]:
            continue
        while len(kept) > 1 and _on_the_way(kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    return kept


def _on_the_way(a: Point, b: Point, c: Point) -> bool:
    """Whether b lies on the line from a to c, between them."""
    first, second = (b[0] - a[0], b[1] - a[1]), (c[0] - b[0], c[1] - b[1])
    turn = first[0] * second[1] - first[1] * second[0]
    return abs(turn) < 1e-6 and first[0] * second[0] + first[1] * second[1] > 0


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
