"""The data sets that can be fetched, and what each holds when it is whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hilum.errors import UnknownNameError

__all__ = ["DATASETS", "KnownSet", "known_set"]


@dataclass(frozen=True)
class KnownSet:
    """A public data set.

    Attributes:
        title: What it is, for people.
        handle: Its name at Kaggle, owner and data set.
        n_films: Different films it holds; as many rows stand in its label file.
        label_files: Patterns of its label file.
        lists: Entries of each further file that belongs to it, by the file's name.
        archive_bytes: About what is downloaded; the films need as much again once they are unpacked.
        licence: Under which terms it may be used.
        citation: What to cite.
        part_sizes: Films per official archive, in the order of their names; empty if it comes in one.
    """

    title: str
    handle: str
    n_films: int
    label_files: tuple[str, ...]
    archive_bytes: int
    licence: str
    citation: str
    lists: Mapping[str, int] = field(default_factory=dict)
    part_sizes: tuple[int, ...] = ()


_LICENCE = (
    "free to use without restriction, if the NIH Clinical Center is acknowledged as the source, "
    "its download site is linked and the paper is cited"
)
_CITATION = (
    "Wang X, Peng Y, Lu L, Lu Z, Bagheri M, Summers RM. ChestX-ray8: Hospital-scale Chest X-ray Database and "
    "Benchmarks on Weakly-Supervised Classification and Localization of Common Thorax Diseases. CVPR 2017."
)

DATASETS: dict[str, KnownSet] = {
    "nih": KnownSet(
        title="ChestX-ray14, whole",
        handle="nih-chest-xrays/data",
        n_films=112_120,
        label_files=("Data_Entry_2017*.csv*",),
        archive_bytes=45_100_000_000,
        licence=_LICENCE,
        citation=_CITATION,
        lists={"train_val_list.txt": 86_524, "test_list.txt": 25_596, "BBox_List_2017.csv": 984},
        part_sizes=(4_999, *[10_000] * 10, 7_121),
    ),
    "nih-sample": KnownSet(
        title="a sample of ChestX-ray14",
        handle="nih-chest-xrays/sample",
        n_films=5_606,
        label_files=("sample_labels*.csv*",),
        archive_bytes=4_500_000_000,
        licence=_LICENCE,
        citation=_CITATION,
    ),
}
"""Data sets by their name on the command line."""


def known_set(name: str) -> KnownSet:
    """Return the data set called ``name``; raises UnknownNameError with the nearest name."""
    try:
        return DATASETS[name]
    except KeyError:
        raise UnknownNameError("data set", name, DATASETS) from None
