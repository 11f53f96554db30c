"""The charts of a data set's description, as inline SVG."""

from collections.abc import Mapping, Sequence

from hilum.reporting.drawing import Panel, add_bar, add_line, add_text, new_picture, picture_text

__all__ = ["bar_chart", "histogram_chart"]

_ROW = 22.0
_WIDTH = 240.0
_NAMES = 62.0
_COUNTS = 50.0


def bar_chart(counts: Mapping[str, int], label: str) -> str:
    """Return a bar with its number per entry, in the order given; empty if there is no entry."""
    if not counts:
        return ""
    picture = new_picture(_WIDTH, _ROW * len(counts), label)
    panel = Panel(
        _NAMES, 0.0, _WIDTH - _NAMES - _COUNTS, _ROW * len(counts), across=(0.0, float(max(1, *counts.values())))
    )
    for number, (name, n) in enumerate(counts.items()):
        top = _ROW * number
        add_text(picture, (_NAMES - 8, top + 15.5), name, "quiet end")
        add_bar(picture, (panel.left, top + 4), (panel.x(n) - panel.left, _ROW - 8), "bar", hint=f"{name}: {n:,}")
        add_text(picture, (panel.x(n) + 6, top + 15.5), f"{n:,}")
    return picture_text(picture)


def histogram_chart(shares: Sequence[float], label: str) -> str:
    """Return a bar per grey level, dark to bright; empty if there is no share above 0."""
    highest = max(shares, default=0.0)
    if not highest > 0:
        return ""
    panel = Panel(0.0, 4.0, 640.0, 130.0, across=(0.0, float(len(shares))), up=(0.0, highest))
    picture = new_picture(640, 158, label)
    for level, share in enumerate(shares):
        left = panel.x(level)
        size = (panel.x(level + 1) - left - 1, panel.bottom - panel.y(share))
        add_bar(picture, (left, panel.y(share)), size, "bar", hint=f"{100 * share:.2f} %")
    add_line(picture, (0, panel.bottom), (panel.right, panel.bottom), "frame")
    for x, words, style in ((0.0, "black", ""), (panel.right, "white", " end")):
        add_text(picture, (x, panel.bottom + 17), words, f"quiet small{style}")
    return picture_text(picture)
