"""The fourteen findings of ChestX-ray14, in the order of the data set's own paper.

Source: Wang et al., "ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks",
CVPR 2017, and its extension to fourteen findings in the data set's release notes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hilum.errors import DataError, UnknownNameError

__all__ = [
    "ANCESTOR_FINDINGS",
    "FINDINGS",
    "NIH_FINDINGS",
    "NO_FINDING",
    "Finding",
    "get_finding",
    "parse_labels",
]

NO_FINDING = "No Finding"
"""NIH's label for a film without any of the fourteen; derived (1 - any), never trained unless asked."""


@dataclass(frozen=True)
class Finding:
    """One thing a model answers for.

    Attributes:
        name: As in ChestX-ray14's label file, with an underscore for a blank.
        meaning: One line a reader of a report understands.
    """

    name: str
    meaning: str

    @property
    def title(self) -> str:
        """The name as it is shown to people: ``Pleural Thickening``."""
        return self.name.replace("_", " ")


FINDINGS: dict[str, Finding] = {
    finding.name: finding
    for finding in (
        Finding("Atelectasis", "part of a lung has lost its air and collapsed"),
        Finding("Cardiomegaly", "the heart is enlarged"),
        Finding("Effusion", "fluid between lung and chest wall"),
        Finding("Infiltration", "hazy density within the lung, cause left open"),
        Finding("Mass", "a round density in the lung of 3 cm or more"),
        Finding("Nodule", "a round density in the lung below 3 cm"),
        Finding("Pneumonia", "infection of the lung"),
        Finding("Pneumothorax", "air between lung and chest wall"),
        Finding("Consolidation", "airspaces filled, vessels no longer seen"),
        Finding("Edema", "fluid in the lung tissue, mostly from the heart"),
        Finding("Emphysema", "destroyed, over-inflated airspaces"),
        Finding("Fibrosis", "scarring of the lung"),
        Finding("Pleural_Thickening", "the lining of the lung is thickened"),
        Finding("Hernia", "part of the stomach lies above the diaphragm"),
    )
}

NIH_FINDINGS: tuple[str, ...] = tuple(FINDINGS)

_NOTHING = Finding(NO_FINDING, "none of the fourteen findings")

ANCESTOR_FINDINGS: tuple[str, ...] = ("Atelectasis", "Effusion", "Infiltration", "Mass", NO_FINDING)
"""The five rows of the ancestor's results table."""


def get_finding(name: str) -> Finding:
    """Return the finding called ``name``, ``No Finding`` included; raises UnknownNameError with the nearest name."""
    if name == NO_FINDING:
        return _NOTHING
    try:
        return FINDINGS[name]
    except KeyError:
        raise UnknownNameError("finding", name, FINDINGS) from None


def parse_labels(text: str, *, known: Iterable[str] = NIH_FINDINGS) -> frozenset[str]:
    """Read one cell of NIH's ``Finding Labels`` column.

    Args:
        text: Findings joined by ``|``, or ``No Finding`` alone.
        known: The findings that may stand in the cell.

    Returns:
        The findings present; empty for ``No Finding``.

    Raises:
        UnknownNameError: A name is not among ``known``.
        DataError: The cell is empty, or holds ``No Finding`` beside a finding.

    Example:
        >>> sorted(parse_labels("Effusion|Mass"))
        ['Effusion', 'Mass']
        >>> parse_labels("No Finding")
        frozenset()
    """
    known = tuple(known)
    names = [part.strip().replace(" ", "_") for part in text.split("|") if part.strip()]
    if not names:
        raise DataError("an empty cell of finding labels: expected findings joined by '|', or 'No Finding'")
    nothing = NO_FINDING.replace(" ", "_")
    if nothing in names:
        if len(names) > 1:
            raise DataError(f"finding labels {text!r} hold 'No Finding' beside a finding: keep one of the two")
        return frozenset()
    for name in names:
        if name not in known:
            raise UnknownNameError("finding", name, (*known, NO_FINDING))
    return frozenset(names)
