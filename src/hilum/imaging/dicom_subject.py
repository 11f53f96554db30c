"""What a DICOM header says about whom and what the film shows, as far as an answer depends on it.

Reads the patient's age; gives back codes alone. Source of codes: PS3.16 CID 4010 (DX View), CID 4009 (anatomy).
"""

import re
from typing import TYPE_CHECKING

from hilum.imaging.dicom_value import day_of, items_of, text_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["FRONTAL", "LATERAL", "names_chest", "subject_flags", "view_of"]

FRONTAL = {"PA", "AP"}
LATERAL = {"LL", "RL", "LATERAL", "LAT", "LLO", "RLO", "LAO", "RAO", "LPO", "RPO"}
_VIEW_CODES = {
    **dict.fromkeys(("272479007", "R-40888", "R-10214"), "PA"),
    **dict.fromkeys(("399348003", "R-10206"), "AP"),
    **dict.fromkeys(("399173006", "R-10236"), "LL"),
    **dict.fromkeys(("399198007", "R-10232"), "RL"),
    **dict.fromkeys(("399067008", "R-102CD", "399352003", "R-10228", "399260004", "R-10224"), "LATERAL"),
    **dict.fromkeys(("399135007", "R-10220"), "LAO"),
    **dict.fromkeys(("399356000", "R-40985"), "RAO"),
    **dict.fromkeys(("399006002", "R-10212"), "LPO"),
    **dict.fromkeys(("399038007", "R-10210"), "RPO"),
}
_CHEST = ("CHEST", "THORAX", "TORAX", "LUNG", "RIB", "HEART", "CLAVICLE", "STERNUM")
_CHEST_CODES = {"816094009", "51185008", "T-D3000"}
_YEARS_IN = {"Y": 1.0, "": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_ADULT_YEARS, _OLDEST_YEARS = 18, 110
_LONGEST_UID = 64


def view_of(dataset: "Dataset") -> str:
    """Return the view by ViewPosition, its code or, for a lateral, the patient's orientation; empty if unknown."""
    view = text_of(dataset, "ViewPosition")
    if view in FRONTAL | LATERAL:
        return view
    for item in items_of(dataset, "ViewCodeSequence"):
        if text_of(item, "CodeValue") in _VIEW_CODES:
            return _VIEW_CODES[text_of(item, "CodeValue")]
    row, column = _orientation(dataset)
    return "LATERAL" if row[:1] in {"A", "P"} and column[:1] in {"H", "F"} else ""


def names_chest(dataset: "Dataset") -> bool | None:
    """Whether the header names the chest as the part that is shown; None where it names nothing."""
    part = text_of(dataset, "BodyPartExamined")
    if part:
        return any(name in part for name in _CHEST)
    codes = {text_of(item, "CodeValue") for item in items_of(dataset, "AnatomicRegionSequence")}
    return None if codes.isdisjoint(_CHEST_CODES) else True


def subject_flags(dataset: "Dataset") -> list[str]:
    """Return the flags for what the header leaves open, contradicts, or says against the usual."""
    row, column = (name[:1] for name in _orientation(dataset))
    years = _age_years(dataset)
    marks = {
        "view_unknown": not view_of(dataset),
        "body_part_unknown": names_chest(dataset) is None,
        "age": years is None or not _ADULT_YEARS <= years <= _OLDEST_YEARS,
        "identity": not _is_uid(str(dataset.get("SOPInstanceUID") or "")),
        "mirrored": (row, column) == ("R", "F"),
        "turned": column == "H" or (row in {"H", "F"} and column in {"L", "R"}),
        "polarity_header": _contradicts_itself(dataset),
    }
    return [code for code, is_so in marks.items() if is_so]


def _contradicts_itself(dataset: "Dataset") -> bool:
    """Whether the sign of intensity (PS3.3 C.8.11.3: 1 is less beam at lower values) fits the way it is shown."""
    inverts = text_of(dataset, "PhotometricInterpretation") == "MONOCHROME1"
    inverts = inverts or text_of(dataset, "PresentationLUTShape") == "INVERSE"
    sign = text_of(dataset, "PixelIntensityRelationshipSign")
    return sign in {"1", "-1"} and (sign == "1") != inverts


def _orientation(dataset: "Dataset") -> tuple[str, str]:
    value = dataset.get("PatientOrientation") or ()
    parts = [str(part).strip().upper() for part in ([value] if isinstance(value, str) else value)]
    return (parts[0], parts[1]) if len(parts) == 2 else ("", "")


def _age_years(dataset: "Dataset") -> float | None:
    found = re.fullmatch(r"(\d{1,3})\s*([DWMY]?)", text_of(dataset, "PatientAge"))
    if found:
        return int(found[1]) * _YEARS_IN[found[2]]
    if text_of(dataset, "PatientAge"):
        return None
    born, seen = day_of(dataset, "PatientBirthDate"), day_of(dataset, "StudyDate")
    return None if born is None or seen is None else (seen - born).days / 365.25


def _is_uid(text: str) -> bool:
    return len(text) <= _LONGEST_UID and re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", text) is not None
