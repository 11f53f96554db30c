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
_TERMS = {"Modality", "ConversionType", "PresentationIntentType", "PatientSex"} | {
    *("BodyPartExamined", "ViewPosition", "PatientOrientation", "Laterality", "ImageLaterality"),
    *("PhotometricInterpretation", "PresentationLUTShape", "PixelIntensityRelationship", "VOILUTFunction"),
    *("BurnedInAnnotation", "LossyImageCompression", "LossyImageCompressionMethod"),
    *("PixelSpacingCalibrationType", "DetectorType", "DetectorConfiguration", "DetectorActiveShape", "Grid"),
    *("FieldOfViewShape", "FieldOfViewHorizontalFlip", "CollimatorShape", "ShutterShape", "PositionerType"),
    *("ExposureControlMode", "ExposureStatus", "FilterMaterial", "AnodeTargetMaterial"),
}
_UNITS_OF, _UNITS = {"RescaleType", "ModalityLUTType"}, {"US", "OD", "HU", "PCT"}
_KINDS_OF_IMAGE = {"ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY"}
_WORDS_OF_TERMS = (
    {"", "YES", "NO", "NONE", "00", "01", "M", "F", "O", "R", "L", "U", "B"}
    | _KINDS_OF_IMAGE
    | {
        *("CR", "DX", "DR", "RG", "OT", "SC", "DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN", "CHEST"),
        *("FOR PRESENTATION", "MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"),
        *("IDENTITY", "INVERSE", "LIN OD", "LIN", "LOG", "DISP", "LINEAR", "LINEAR_EXACT", "SIGMOID"),
        *("ISO_10918_1", "ISO_14495_1", "ISO_15444_1", "ISO_15444_2", "GEOMETRY", "FIDUCIAL"),
        *("DIRECT", "SCINTILLATOR", "STORAGE", "FILM", "AREA", "SLOT", "RECTANGLE", "ROUND", "OVAL", "HEXAGONAL"),
        *("FIXED", "FOCUSED", "RECIPROCATING", "PARALLEL", "CROSSED", "IN", "OUT"),
        *("RECTANGULAR", "CIRCULAR", "POLYGONAL", "BITMAP", "CARM", "COLUMN"),
        *("MANUAL", "AUTOMATIC", "NORMAL", "ABORTED"),
        *("MOLYBDENUM", "ALUMINUM", "COPPER", "RHODIUM", "NIOBIUM", "EUROPIUM", "LEAD", "TUNGSTEN"),
    }
)
_ORIENTATION = re.compile(r"[ALPRFH]{0,3}")
_CODE = re.compile(r"\d{6,18}|[A-Z]-[0-9A-Z]{5}")
_SCHEMES = {"SCT", "SRT", "SNM3"}
_PIXELS = {"PixelData", "FloatPixelData", "DoubleFloatPixelData"}
_LUTS = {"ModalityLUTSequence", "VOILUTSequence"}
_CHARACTERS = re.compile(r"|ISO_IR \d{1,3}|ISO 2022 IR \d{1,3}|GB18030|GBK")
_NUMBERS = {"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT", "US or SS"}
_DECIMALS, _WORDS = {"DS", "IS"}, {"CS", "LO", "SH", "UC"}
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
    chest, kinds, has_part = names_chest(dataset), _kinds_of_image(dataset), "BodyPartExamined" in dataset
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
    if kinds:
        dataset.ImageType = kinds
    dataset.ViewPosition = view if view in FRONTAL | LATERAL else ""
    if has_part:
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


def _clean_level(dataset: "Dataset", key: IdentityKey, inside: str = "") -> None:
    """Clean one level of a data set, the top or that of a sequence, and, before it, those nested in it."""
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
        elif not (_is_picture(dataset, element, inside) or _may_stay(element)):
            del dataset[element.tag]


def _clean_sequence(dataset: "Dataset", element: "DataElement", key: IdentityKey) -> None:
    if element.keyword not in _SEQUENCES:
        del dataset[element.tag]
        return
    if element.keyword.endswith(("CodeSequence", "RegionSequence")):
        element.value = [code for item in element.value if (code := _code(item)) is not None]
        return
    for item in element.value:
        _clean_level(item, key, element.keyword)


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


def _is_picture(dataset: "Dataset", element: "DataElement", inside: str) -> bool:
    """Whether an element holds the film's own pixels, or the entries of a table that is used, which are cut to them."""
    if not inside:
        return element.keyword in _PIXELS
    if element.keyword != "LUTData" or inside not in _LUTS:
        return False
    n_entries = int(dataset.LUTDescriptor[0]) or 65536
    wide = isinstance(element.value, bytes) and (
        int(dataset.LUTDescriptor[2]) > 8 or len(element.value) > n_entries + 1
    )
    element.value = element.value[: n_entries * (2 if wide else 1)]
    return True


def _may_stay(element: "DataElement") -> bool:
    """Whether an element that the profile leaves may stay: empty, a number, or text known by name."""
    keyword, kind = element.keyword, element.VR
    if element.is_empty:
        return True
    if kind in _NUMBERS:
        return _means_number(element)
    if kind in _DECIMALS:
        return all(_is_number(part) for part in _texts(element))
    if kind == "SQ":
        return keyword in _SEQUENCES
    if kind not in _WORDS:
        return False
    if keyword in _UNITS_OF:
        return set(_texts(element)) <= _UNITS
    if keyword == "SpecificCharacterSet":
        return all(_CHARACTERS.fullmatch(part) for part in _texts(element))
    return keyword in _NAMES or (keyword in _TERMS and all(_is_term(keyword, part) for part in _texts(element)))


def _means_number(element: "DataElement") -> bool:
    """Whether the standard, too, has a number there: a text can be declared as numbers and spell what it likes."""
    from pydicom.datadict import dictionary_VR

    return dictionary_VR(element.tag) in _NUMBERS | _DECIMALS  # "US or OW" is a table: see _is_picture


def _is_term(keyword: str, text: str) -> bool:
    """Whether it is a word of the standard: others may be anybody's."""
    text = text.strip(" \0")
    return text in _WORDS_OF_TERMS or (keyword == "PatientOrientation" and bool(_ORIENTATION.fullmatch(text)))


def _kinds_of_image(dataset: "Dataset") -> list[str]:
    """Return the first two values of the image's type, which the standard lists; makers add words of their own."""
    value = dataset.get("ImageType") or ()
    parts = [str(part).strip() for part in ([value] if isinstance(value, str) else value)][:2]
    return parts if set(parts) <= _KINDS_OF_IMAGE else []


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
