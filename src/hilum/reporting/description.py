"""What one looks at first in a data set, as a page with pictures and as numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hilum.findings import NO_FINDING, title_of
from hilum.records import Description, SampleFilm
from hilum.reporting.description_chart import bar_chart, histogram_chart
from hilum.reporting.figure import ACCENT, INK, QUIET, encode_figure, new_figure, new_panels, quieten
from hilum.reporting.page import jpeg_uri, render_page
from hilum.reporting.table import Cell, Table
from hilum.runs import write_bytes, write_text
from hilum.wording import count, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["write_description"]

_ACROSS = 6
_LONGEST_CAPTION = 24
_DARKEST = 0.5


def write_description(
    description: Description,
    samples: Sequence[SampleFilm],
    preview: Sequence[Sequence[SampleFilm]],
    folder: Path,
) -> Path:
    """Write ``describe.html`` (which needs no other file), ``describe.json`` and the pictures in it.

    Args:
        description: The counts.
        samples: Films to show; without any there is no ``samples.png``.
        preview: Films, each as it is and as augmentation makes it; without any there is no ``augmentation.png``.
        folder: Made if it is missing.

    Returns:
        The page.

    Raises:
        StorageError: The disk is full or cannot be written.
    """
    sheets = {}
    if samples:
        sheets["samples"] = _grid([*samples], _ACROSS)
    if any(preview):
        sheets["augmentation"] = _grid([film for row in preview for film in row], max(len(row) for row in preview))
    for name, figure in {"counts": _counts_figure(description), **sheets}.items():
        write_bytes(folder / f"{name}.png", encode_figure(figure))
    write_text(folder / "describe.json", description.to_json())
    page = folder / "describe.html"
    write_text(
        page, _page(description, {name: jpeg_uri(encode_figure(figure, "jpeg")) for name, figure in sheets.items()})
    )
    return page


@dataclass(frozen=True)
class _MatrixCell:
    """Films with both findings, how dark the cell is, and whether it is on the diagonal."""

    count: str
    shade: float
    own: bool


def _page(description: Description, pictures: Mapping[str, str]) -> str:
    charts = {
        "Age": bar_chart(description.age_histogram, "Films per decade of age"),
        "Sex": bar_chart(_named(description.sexes), "Films per sex"),
        "View": bar_chart(_named(description.views), "Films per view"),
        "Films per patient": bar_chart(description.images_per_patient, "Patients with so many films"),
    }
    return render_page(
        "describe.html",
        title=f"{count(description.n_images, 'film')} of {count(description.n_patients, 'patient')}",
        description=description,
        counts=_count_table(description),
        splits=_split_table(description),
        charts={name: chart for name, chart in charts.items() if chart},
        grey_values=histogram_chart(description.pixel_histogram, "Share of pixels per grey value"),
        matrix=_matrix(description),
        matrix_names=[title_of(name) for name in description.co_occurrence],
        pictures=pictures,
    )


def _count_table(description: Description) -> Table:
    table = Table(("films with it", "share of known", "unknown"))
    for name, n in description.positives.items():
        n_unknown = description.unknown.get(name, 0)
        n_known = description.n_images - n_unknown
        share = table.share(n / n_known if n_known else float("nan"), "no film has a known label")
        cells = (Cell(f"{n:,}"), share, Cell(f"{n_unknown:,}"))
        (table.summarise if name == NO_FINDING else table.add)(title_of(name), *cells)
    return table


def _split_table(description: Description) -> Table | None:
    if not description.splits:
        return None
    table = Table(tuple(description.splits))
    names = list(dict.fromkeys(name for counts in description.splits.values() for name in counts))
    for name in names:
        cells = [Cell(f"{counts.get(name, 0):,}") for counts in description.splits.values()]
        (table.summarise if name == "films" else table.add)(title_of(name), *cells)
    return table


def _matrix(description: Description) -> list[tuple[str, list[_MatrixCell]]]:
    """Return a row per finding; shade is the share of the row's films that have the column's finding too."""
    rows = []
    for a, counts in description.co_occurrence.items():
        total = max(description.positives.get(a, 0), 1)
        cells = [_matrix_cell(n, total, own=a == b) for b, n in counts.items()]
        rows.append((title_of(a), cells))
    return rows


def _matrix_cell(n: int, total: int, *, own: bool) -> _MatrixCell:
    return _MatrixCell(f"{n:,}", 0.0 if own else round(_DARKEST * min(n / total, 1), 3), own)


def _named(counts: Mapping[str, int]) -> dict[str, int]:
    return {name or "unknown": n for name, n in counts.items()}


def _counts_figure(description: Description) -> "Figure":
    items = sorted(description.positives.items(), key=lambda item: item[1])
    figure = new_figure(7, 1.0 + 0.28 * len(items))
    axes = figure.add_subplot()
    quieten(axes, sides=())
    axes.barh(range(len(items)), [n for _, n in items], color=ACCENT, height=0.62)
    for y, (_, n) in enumerate(items):
        words = f" {n:,} ({percent(n / description.n_images)})" if description.n_images else f" {n:,}"
        axes.text(n, y, words, va="center", fontsize=8, color=QUIET)
    axes.set_yticks(range(len(items)), [title_of(name) for name, _ in items])
    axes.set_xticks([])
    axes.set_xlim(0, 1.25 * max([1, *(n for _, n in items)]))
    axes.tick_params(axis="y", colors=INK, labelsize=9)
    axes.set_title("Films with the finding", fontsize=10, color=INK, loc="left")
    return figure


def _grid(films: Sequence[SampleFilm], across: int) -> "Figure":
    figure, panels = new_panels(len(films), across, side=1.4, gap=(0.1, 0.22))
    for axes, film in zip(panels, films, strict=True):
        axes.imshow(film.pixels, cmap="gray", vmin=0, vmax=255)
        axes.set_axis_off()
        axes.set_title(_shortened(film.caption), fontsize=6.5, color=INK, pad=3)
    return figure


def _shortened(caption: str) -> str:
    return caption if len(caption) <= _LONGEST_CAPTION else caption[: _LONGEST_CAPTION - 1].rstrip(", ") + "…"
