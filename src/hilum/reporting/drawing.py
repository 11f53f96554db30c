"""The few shapes a chart is made of, as inline SVG: sharp in print, in the page's own type and colours.

Colours, line widths and type sizes are the style sheet's (``resources/templates/page.css``); here are places and words.
Texts are escaped by the XML writer. One unit is one CSS pixel.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from hilum.records import Interval

__all__ = [
    "Panel",
    "Point",
    "RowForm",
    "add_area",
    "add_bar",
    "add_dot",
    "add_line",
    "add_path",
    "add_text",
    "add_whisker",
    "new_picture",
    "picture_text",
    "reach_around_zero",
    "round_limit",
]

Point = tuple[float, float]

_SMALLEST_REACH = 0.02


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


@dataclass(frozen=True)
class RowForm:
    """Where things stand in a chart of rows: words and whisker from the row's top, the rest from the left.

    Attributes:
        width: Of the picture.
        row: Height of a row.
        text: Base line of the row's words.
        whisker: Height of its interval.
        panel: Left edge and width of where values are shown.
    """

    width: float
    row: float
    text: float
    whisker: float
    panel: tuple[float, float]


def round_limit(largest: float) -> float:
    """Return the smallest of 0.01, 0.02, 0.05, 0.1 ... 1 that is at least ``largest``; 1 where that is undefined."""
    limits = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
    return next((limit for limit in limits if largest <= limit), 1.0)


def reach_around_zero(differences: Iterable[Interval]) -> float:
    """Return how far an axis goes to both sides of zero: a round number that no end lies beyond, at least 0.02."""
    ends = [abs(end) for value in differences for end in (value.value, value.low, value.high)]
    return round_limit(max(filter(math.isfinite, (*ends, _SMALLEST_REACH))))


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


def add_whisker(
    parent: Element, panel: Panel, y: float, value: Interval, *, dot: str = "dot", radius: float = 4.0, weight: str = ""
) -> None:
    """Draw a defined value as a dot, and its interval, if there is one, as a line through it.

    Args:
        parent: The picture.
        panel: Says where values stand.
        y: Height of both.
        value: In the panel's range, or shown at its edge.
        dot: Style of the dot.
        radius: Of the dot.
        weight: Further style of the line, such as `` strong``.
    """
    if math.isfinite(value.low) and math.isfinite(value.high):
        add_line(parent, (panel.x(value.low), y), (panel.x(value.high), y), f"whisker{weight}")
    add_dot(parent, (panel.x(value.value), y), radius, dot)


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
