"""The vocabulary of findings: the fourteen of ChestX-ray14, in the order of its own paper, and what other sets add.

Source of the fourteen: Wang et al., "ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks",
CVPR 2017, and its extension to fourteen findings in the data set's release notes.

Source of the SNOMED CT codes: DICOM PS3.16, as in ``pydicom.sr``, for Effusion, Pneumothorax and Edema; published HL7
FHIR value sets and OMOP concept tables, two that agree for every code, for the others. PS3.16's own "Cardiomegaly"
(287272002, CID 12248) is SNOMED's enlarged septal foramen, so it is not taken. Source of the RadLex codes: RadLex
4.3's preferred labels, as two published maps give them. A code stays empty where no concept means the same (RadLex
has none for an enlarged heart, "opacity" and "medical device" say more than is meant here) or where only one source
was found.
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
    "title_of",
]

NO_FINDING = "No Finding"
"""NIH's label for a film without any of the fourteen; derived (1 - any), never trained unless asked."""


@dataclass(frozen=True)
class Finding:
    """One thing a model answers for.

    Attributes:
        name: As in ChestX-ray14's label file, or in that of the set that has it, with an underscore for a blank.
        meaning: One line a reader of a report understands.
        snomed_ct: Code of the concept in SNOMED CT; empty where no right one is known.
        radlex: The same in RadLex.
    """

    name: str
    meaning: str
    snomed_ct: str = ""
    radlex: str = ""


_NIH = (
    Finding("Atelectasis", "part of a lung has lost its air and collapsed", "46621007", "RID28493"),
    Finding("Cardiomegaly", "the heart is enlarged", "8186001"),
    Finding("Effusion", "fluid between lung and chest wall", "60046008", "RID34539"),
    Finding("Infiltration", "hazy density within the lung, cause left open", "409609008"),
    Finding("Mass", "a round density in the lung of 3 cm or more", "309529002", "RID39056"),
    Finding("Nodule", "a round density in the lung below 3 cm", "786838002", "RID50149"),
    Finding("Pneumonia", "infection of the lung", "233604007", "RID5350"),
    Finding("Pneumothorax", "air between lung and chest wall", "36118008", "RID5352"),
    Finding("Consolidation", "airspaces filled, vessels no longer seen", "95436008", "RID43255"),
    Finding("Edema", "fluid in the lung tissue, mostly from the heart", "19242006", "RID4866"),
    Finding("Emphysema", "destroyed, over-inflated airspaces", "87433001", "RID4799"),
    Finding("Fibrosis", "scarring of the lung", "51615001"),
    Finding("Pleural_Thickening", "the lining of the lung is thickened"),
    Finding("Hernia", "part of the stomach lies above the diaphragm", "84089009"),
)

_OTHERS = (
    Finding("Lung_Opacity", "any density in the lung that should not be there, whatever its cause"),
    Finding("Lung_Lesion", "a nodule or a mass in the lung, not told apart"),
    Finding("Enlarged_Cardiomediastinum", "the shadow of heart and mediastinum is widened"),
    Finding("Fracture", "a broken bone of the chest: rib, clavicle, spine", "125605004", "RID4650"),
    Finding("Pleural_Other", "a change of the pleura other than fluid or air"),
    Finding("Support_Devices", "tubes, lines, pacemakers and other devices"),
    Finding("Calcification", "calcium deposited in the lung, in the pleura or in a node", "", "RID5196"),
    Finding("ILD", "interstitial lung disease: the tissue between the airspaces is diseased", "233703007"),
    Finding("Tuberculosis", "tuberculosis of the lung, active or healed", "154283005"),
)

FINDINGS: dict[str, Finding] = {finding.name: finding for finding in (*_NIH, *_OTHERS)}

NIH_FINDINGS: tuple[str, ...] = tuple(finding.name for finding in _NIH)
"""The fourteen of ChestX-ray14, which recipes and phantoms have by default."""

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


def title_of(finding: str) -> str:
    """Return a finding's name as it is shown to people: ``Pleural Thickening``."""
    return finding.replace("_", " ")


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
