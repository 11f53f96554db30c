"""What stays in a film's header, and how it is changed.

First the Basic Application Level Confidentiality Profile as ``dicom-anonymizer`` has it, at every level of nesting;
then, because a profile lists what is known to identify and a file may hold anything, a second pass keeps text by name
alone, numbers, and what is needed to show the film. Private, unknown and retired elements go.

Source: PS3.15 E.1-1 (edition 2026c) with the options Retain Longitudinal Temporal Information Modified Dates (113107)
and Retain Patient Characteristics (113108). Stricter than the profile: times of day are emptied, since to the second
they lead back to the archive; all free text is removed.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from hilum.imaging.dicom_subject import FRONTAL, LATERAL, names_chest
from hilum.imaging.dicom_value import day_of, text_of
from hilum.imaging.identity import age_of
from hilum.imaging.identity_key import IdentityKey

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

__all__ = ["METHOD_CODES", "Patient", "clean_header"]

METHOD_CODES: dict[str, str] = {
    "113100": "Basic Application Confidentiality Profile",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
}
"""Codes of PS3.16 CID 7050 that every file carries in its De-identification Method Code Sequence."""

_EDITION = "dicomfields_2026c"
_DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "AcquisitionDateTime")
_EMPTIED = ("PatientBirthDate", "StudyTime", "ContentTime", "ReferringPhysicianName", "AccessionNumber", "StudyID")
_SEQUENCES = {"ViewCodeSequence", "AnatomicRegionSequence", "ModalityLUTSequence", "VOILUTSequence"} | {
    *("SourceImageSequence", "ReferencedImageSequence")
}
_NAMES = {"Manufacturer", "ManufacturerModelName", "SoftwareVersions"} | {
    *("DetectorManufacturerName", "DetectorManufacturerModelName")
}
_TERMS = {"ImageType", "Modality", "ConversionType", "PresentationIntentType", "PatientSex", "SpecificCharacterSet"} | {
    *("BodyPartExamined", "ViewPosition", "PatientOrientation", "Laterality", "ImageLaterality"),
    *("PhotometricInterpretation", "PresentationLUTShape", "PixelIntensityRelationship", "VOILUTFunction"),
    *("BurnedInAnnotation", "LossyImageCompression", "LossyImageCompressionMethod"),
    *("PixelSpacingCalibrationType", "DetectorType", "DetectorConfiguration", "DetectorActiveShape", "Grid"),
    *("FieldOfViewShape", "FieldOfViewHorizontalFlip", "CollimatorShape", "ShutterShape", "PositionerType"),
    *("ExposureControlMode", "ExposureStatus", "FilterMaterial", "AnodeTargetMaterial"),
}
_UNITS_OF, _UNITS = {"RescaleType", "ModalityLUTType"}, {"US", "OD", "HU", "PCT"}
_TERM = re.compile(r"[A-Za-z0-9 _\\-]{0,16}")
_CODE = re.compile(r"\d{6,18}|[A-Z]-[0-9A-Z]{5}")
_SCHEMES = {"SCT", "SRT", "SNM3"}
_PIXELS = {"PixelData", "FloatPixelData", "DoubleFloatPixelData", "LUTData"}
_NUMBERS = {"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT", "US or SS", "US or OW", "US or SS or OW"}
_OURS = {"SQ", "UI", "DA", "DT", "TM", "PN", "AS", "OB", "UN"}
_SEXES = {"M", "F", "O"}
_OLDEST_YEARS = 89


@dataclass(frozen=True)
class Patient:
    """What stands for a patient in the new file."""

    pseudonym: str
    days: int


def clean_header(dataset: "Dataset", key: IdentityKey, patient: Patient) -> None:
    """Change a data set in place until nothing in its header tells who the film is of; pixels stay."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    dates = {name: shifted for name in _DATES if (shifted := _shifted(dataset, name, patient.days))}
    age, sex, view = _age(dataset), text_of(dataset, "PatientSex"), text_of(dataset, "ViewPosition")
    chest = names_chest(dataset)
    _clean_level(dataset, key)
    for name in _EMPTIED:
        setattr(dataset, name, "")
    dataset.PatientName = dataset.PatientID = patient.pseudonym
    dataset.PatientSex = sex if sex in _SEXES else ""
    dataset.PatientAge = age
    for name in _DATES:
        if name in dates:
            setattr(dataset, name, dates[name])
        elif name in dataset:
            delattr(dataset, name)
    dataset.StudyDate = dates.get("StudyDate", "")
    dataset.ViewPosition = view if view in FRONTAL | LATERAL else ""
    if "BodyPartExamined" in dataset:
        dataset.BodyPartExamined = "CHEST" if chest else ""
    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = "MODIFIED"
    dataset.DeidentificationMethod = [f"hilum, PS3.15 {_EDITION.removeprefix('dicomfields_')}"]
    methods = []
    for value, meaning in METHOD_CODES.items():
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
        methods.append(item)
    dataset.DeidentificationMethodCodeSequence = Sequence(methods)


def _clean_level(dataset: "Dataset", key: IdentityKey) -> None:
    """Clean one level of a data set and, before it, those nested in it."""
    from dicomanonymizer.simpledicomanonymizer import anonymize_dataset

    for element in list(dataset):
        if element.tag.is_private or element.tag.group & 0xFF00 in {0x5000, 0x6000} or not element.keyword:
            del dataset[element.tag]
        elif element.VR == "SQ":
            _clean_sequence(dataset, element, key)
    anonymize_dataset(dataset, delete_private_tags=True, base_rules_gen=_library_rules)
    for element in list(dataset):
        if element.VR == "UI":
            _map_uids(element, key)
        elif not _may_stay(element):
            del dataset[element.tag]


def _clean_sequence(dataset: "Dataset", element: "DataElement", key: IdentityKey) -> None:
    if element.keyword not in _SEQUENCES:
        del dataset[element.tag]
        return
    if element.keyword.endswith(("CodeSequence", "RegionSequence")):
        element.value = [code for item in element.value if (code := _code(item)) is not None]
        return
    for item in element.value:
        _clean_level(item, key)


def _code(item: "Dataset") -> "Dataset | None":
    """Return a coded term without the free text beside it; None if it is none of a public scheme."""
    from pydicom.dataset import Dataset

    value, scheme = text_of(item, "CodeValue"), text_of(item, "CodingSchemeDesignator")
    if not _CODE.fullmatch(value) or scheme not in _SCHEMES:
        return None
    clean = Dataset()
    clean.CodeValue, clean.CodingSchemeDesignator, clean.CodeMeaning = value, scheme, "see the code"
    return clean


@cache
def _library_rules() -> dict[tuple[int, ...], Callable[..., Any]]:
    """Return the library's actions, save for dates, UIDs, sequences and names: ours are shifted, mapped or removed."""
    from dicomanonymizer.simpledicomanonymizer import initialize_actions, keep
    from pydicom.datadict import dictionary_VR

    def is_left(tag: tuple[int, ...]) -> bool:
        try:
            return len(tag) == 2 and dictionary_VR(tag) in _OURS
        except KeyError:
            return False

    return {tag: keep if is_left(tag) else action for tag, action in initialize_actions(_EDITION).items()}


def _map_uids(element: "DataElement", key: IdentityKey) -> None:
    """Replace UIDs, save those that the standard names."""
    from pydicom.multival import MultiValue

    if not element.value:
        return
    values = element.value if isinstance(element.value, MultiValue) else [element.value]
    changed = [_mapped(str(value), key) for value in values]
    element.value = changed if len(changed) > 1 else changed[0]


def _mapped(value: str, key: IdentityKey) -> str:
    from pydicom.uid import UID

    # The standard's own have a name.
    return value if UID(value).name != value else key.uid(value)


def _may_stay(element: "DataElement") -> bool:
    """Whether an element that the profile leaves may stay: empty, a number, pixels, or text known by name."""
    keyword, kind = element.keyword, element.VR
    if element.is_empty:
        return True
    if kind in _NUMBERS or keyword in _PIXELS or keyword in _NAMES:
        return True
    if keyword in _UNITS_OF:
        return set(_texts(element)) <= _UNITS
    if keyword in _TERMS:
        return all(_TERM.fullmatch(part) for part in _texts(element))
    if kind in {"DS", "IS"}:
        return all(_is_number(part) for part in _texts(element))
    return kind == "SQ" and keyword in _SEQUENCES


def _texts(element: "DataElement") -> list[str]:
    from pydicom.multival import MultiValue

    return [str(part) for part in (element.value if isinstance(element.value, MultiValue) else [element.value])]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shifted(dataset: "Dataset", name: str, days: int) -> str:
    """Return a date or the date of a date with time, moved; empty if it is none."""
    day = day_of(dataset, name)
    if day is None:
        return ""
    try:
        return f"{day + timedelta(days=days):%Y%m%d}"
    except OverflowError:
        return ""


def _age(dataset: "Dataset") -> str:
    """Return the age, all above 89 years alike; empty if unknown."""
    age = age_of(dataset)
    return "090Y" if age.endswith("Y") and int(age[:-1]) > _OLDEST_YEARS else age
