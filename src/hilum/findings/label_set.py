"""The labels of public data sets, and which finding each of them is.

A label that is no finding of hilum's says why. Where a label is not quite the finding, a note says how it differs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hilum.findings.vocabulary import NIH_FINDINGS

__all__ = ["LABEL_SETS", "Label", "LabelSet"]


@dataclass(frozen=True)
class Label:
    """One label of a data set.

    Attributes:
        findings: The findings that are present where the label is; none for a label that hilum leaves out.
        note: Why it is left out, or how it differs from the finding.
    """

    findings: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class LabelSet:
    """The labels of one data set.

    Attributes:
        title: What the set is called; the ``source`` of its films.
        citation: Who made it.
        labels: Every label that the set's own files name, as they spell it.
        silence: What it means that a film has not got a label.
        films: The set that the films were taken from, where it is another one.
    """

    title: str
    citation: str
    labels: Mapping[str, Label]
    silence: str
    films: str = ""

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings that the set has labels for, each once, in the order of its labels."""
        return tuple(dict.fromkeys(name for label in self.labels.values() for name in label.findings))

    def labels_of(self, finding: str) -> tuple[str, ...]:
        """Return the set's own labels that are this finding; empty if it has none."""
        return tuple(name for name, label in self.labels.items() if finding in label.findings)


def _same(*names: str) -> dict[str, Label]:
    """Labels that are spelt as the finding is, but for a blank instead of an underscore."""
    return {name: Label((name.replace(" ", "_"),)) for name in names}


def _each(finding: str, *names: str, note: str = "") -> dict[str, Label]:
    return {name: Label((finding,), note) for name in names}


def _none(reason: str, *names: str) -> dict[str, Label]:
    return {name: Label((), reason) for name in names}


_DERIVED = "follows from the findings"
_NO_SUCH_FINDING = "hilum has no such finding"
_NOT_IN_LUNG = "not in the lung"

_NIH_LABELS = {**_same(*NIH_FINDINGS), **_none(_DERIVED, "No Finding")}

_CHEXPERT_LABELS = {
    **_none(_DERIVED, "No Finding"),
    **_same("Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation"),
    **_same("Pneumonia", "Atelectasis", "Pneumothorax"),
    "Pleural Effusion": Label(("Effusion",)),
    "Pleural Other": Label(("Pleural_Other",), "thickening and plaques among others"),
    **_same("Fracture", "Support Devices"),
}

_GOOGLE_LABELS = {
    **_same("Fracture", "Pneumothorax"),
    "Airspace opacity": Label(("Lung_Opacity",), "filled airspaces alone: interstitial opacities do not count"),
    "Nodule or mass": Label(("Lung_Lesion",)),
}

_VINDR_LABELS = {
    **_none(_NO_SUCH_FINDING, "Aortic enlargement"),
    **_same("Atelectasis", "Calcification", "Cardiomegaly"),
    **_each("Fracture", "Clavicle fracture"),
    **_same("Consolidation", "Edema", "Emphysema"),
    **_none(_NO_SUCH_FINDING, "Enlarged PA"),
    **_same("ILD", "Infiltration"),
    "Lung Opacity": Label(
        ("Lung_Opacity",), "an opacity that none of the set's other labels names: 0 beside Consolidation"
    ),
    **_none(_NO_SUCH_FINDING, "Lung cavity", "Lung cyst", "Mediastinal shift"),
    "Nodule/Mass": Label(("Lung_Lesion",)),
    "Pleural effusion": Label(("Effusion",)),
    "Pleural thickening": Label(("Pleural_Thickening",)),
    **_same("Pneumothorax"),
    "Pulmonary fibrosis": Label(("Fibrosis",)),
    **_each("Fracture", "Rib fracture"),
    **_none("names no finding in particular", "Other lesion"),
    **_none("a diagnosis; Emphysema has a label of its own", "COPD"),
    **_none("a diagnosis; what is seen has the label Nodule/Mass", "Lung tumor"),
    **_same("Pneumonia", "Tuberculosis"),
    **_none("names no finding in particular", "Other diseases", "Other disease"),
    **_none(_DERIVED, "No finding"),
}

_RSNA_LABELS = {
    "Target": Label(("Pneumonia",), "an opacity that a radiologist, without the case's history, takes for pneumonia"),
    "Lung Opacity": Label(("Lung_Opacity",), "unknown on 'No Lung Opacity / Not Normal', which holds other opacities"),
    **_none("says that something else is there, not what", "No Lung Opacity / Not Normal"),
    **_none(_DERIVED, "Normal"),
}

_DET10_LABELS = _same(
    "Atelectasis",
    "Calcification",
    "Consolidation",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Fracture",
    "Mass",
    "Nodule",
    "Pneumothorax",
)

_OPENI_LABELS = {
    **_same("Cardiomegaly"),
    **_each("Atelectasis", "Pulmonary Atelectasis", "Atelectasis"),
    **_each("Effusion", "Pleural Effusion"),
    **_each("Infiltration", "Infiltrate"),
    **_same("Mass", "Nodule", "Pneumonia", "Pneumothorax", "Consolidation"),
    **_each("Edema", "Pulmonary Edema"),
    **_each("Emphysema", "Pulmonary Emphysema", "Emphysema"),
    **_each("Fibrosis", "Pulmonary Fibrosis"),
    **_each("Hernia", "Hernia, Hiatal"),
    **_each("Fracture", "Fractures, Bone"),
    **_each("Calcification", "Calcified Granuloma", "Calcinosis"),
    **_each("ILD", "Lung Diseases, Interstitial"),
    **_each("Tuberculosis", "Tuberculosis, Pulmonary", "Tuberculosis"),
    **_each("Support_Devices", "Catheters, Indwelling", "Implanted Medical Device", "Medical Device"),
    **_each("Support_Devices", "Tube, Inserted"),
    **_none("an opacity of any shape, beside labels for some of them", "Opacity", "Density", "Airspace Disease"),
    **_none("where it is thickened is a qualifier", "Thickening"),
    **_none(_DERIVED, "normal"),
    **_none(
        "the report was not indexed: every finding is unknown",
        "No Indexing",
        "Technical Quality of Image Unsatisfactory",
    ),
}

_PADCHEST_LABELS = {
    **_each("Atelectasis", "atelectasis", "laminar atelectasis", "lobar atelectasis", "total atelectasis"),
    **_each("Atelectasis", "round atelectasis", "segmental atelectasis", "atelectasis basal"),
    **_each("Cardiomegaly", "cardiomegaly"),
    **_each("Effusion", "pleural effusion", "loculated pleural effusion", "loculated fissural effusion"),
    "hydropneumothorax": Label(("Effusion", "Pneumothorax")),
    **_each("Infiltration", "infiltrates"),
    **_each("Mass", "mass", "pulmonary mass"),
    **_each("Nodule", "nodule", "multiple nodules"),
    **_each("Pneumonia", "pneumonia", "atypical pneumonia"),
    **_each("Pneumothorax", "pneumothorax"),
    **_each("Consolidation", "consolidation"),
    **_each("Edema", "pulmonary edema"),
    **_each("Emphysema", "emphysema"),
    **_each("Fibrosis", "pulmonary fibrosis"),
    **_each("Pleural_Thickening", "pleural thickening", "apical pleural thickening"),
    "calcified pleural thickening": Label(("Pleural_Thickening", "Calcification")),
    **_each("Hernia", "hiatal hernia"),
    **_each("Fracture", "fracture", "rib fracture", "callus rib fracture", "vertebral fracture", "clavicle fracture"),
    **_each("Calcification", "calcified granuloma", "calcified densities", "calcified adenopathy"),
    **_each("Calcification", "calcified mediastinal adenopathy", "calcified pleural plaques"),
    **_each("Tuberculosis", "tuberculosis", "tuberculosis sequelae"),
    **_each("Support_Devices", "NSG tube", "endotracheal tube", "tracheostomy tube", "chest drain tube", "catheter"),
    **_each("Support_Devices", "central venous catheter", "central venous catheter via jugular vein"),
    **_each("Support_Devices", "central venous catheter via subclavian vein", "reservoir central venous catheter"),
    **_each("Support_Devices", "central venous catheter via umbilical vein", "pacemaker", "dual chamber device"),
    **_each("Support_Devices", "single chamber device", "dai", "electrical device", "artificial heart valve"),
    **_each("Support_Devices", "artificial aortic heart valve", "artificial mitral heart valve", "gastrostomy tube"),
    **_each("Support_Devices", "ventriculoperitoneal drain tube"),
    **_none("a pattern with several causes", "interstitial pattern", "reticular interstitial pattern"),
    **_none("a pattern with several causes", "reticulonodular interstitial pattern", "miliary opacities"),
    **_none("a pattern with several causes", "alveolar pattern", "ground glass pattern", "costophrenic angle blunting"),
    **_none("named only where nothing more particular is: no label for any opacity", "increased density"),
    **_none("the shadow of a nipple or a vessel", "pseudonodule", "nipple shadow"),
    **_none(
        _NOT_IN_LUNG, "mediastinal mass", "breast mass", "pleural mass", "soft tissue mass", "subcutaneous emphysema"
    ),
    **_none(_NOT_IN_LUNG, "humeral fracture", "humeral prosthesis"),
    **_none("a diagnosis; what is seen has labels of its own", "COPD signs", "heart insufficiency"),
    **_none(_DERIVED, "normal"),
    **_none("says nothing of its own: every finding is unknown", "unchanged", "exclude", "suboptimal study"),
}

_WHOLE_REPORT = "absent: the whole report was labelled"
_EVERY_LABEL = "absent: readers looked for every label"

LABEL_SETS: dict[str, LabelSet] = {
    "nih": LabelSet(
        "ChestX-ray14", 'Wang et al., "ChestX-ray8", CVPR 2017', _NIH_LABELS, "absent: the report does not name it"
    ),
    "nih-google": LabelSet(
        "ChestX-ray14 (Google)",
        'Majkowska et al., "Chest Radiograph Interpretation with Deep Learning Models", Radiology 2020',
        _GOOGLE_LABELS,
        "absent: radiologists judged every film for all four",
        films="ChestX-ray14",
    ),
    "chexpert": LabelSet(
        "CheXpert",
        'Irvin et al., "CheXpert", AAAI 2019',
        _CHEXPERT_LABELS,
        "unknown: the report does not mention it (`--blank zero`: absent)",
    ),
    "mimic": LabelSet(
        "MIMIC-CXR-JPG",
        'Johnson et al., "MIMIC-CXR-JPG", 2019',
        _CHEXPERT_LABELS,
        "unknown: the report does not mention it (`--blank zero`: absent)",
    ),
    "padchest": LabelSet(
        "PadChest", 'Bustos et al., "PadChest", Medical Image Analysis 2020', _PADCHEST_LABELS, _WHOLE_REPORT
    ),
    "vindr": LabelSet("VinDr-CXR", 'Nguyen et al., "VinDr-CXR", Scientific Data 2022', _VINDR_LABELS, _EVERY_LABEL),
    "rsna": LabelSet(
        "RSNA Pneumonia",
        'Shih et al., "Augmenting the NIH Chest Radiograph Dataset", Radiology: Artificial Intelligence 2019',
        _RSNA_LABELS,
        _EVERY_LABEL,
        films="ChestX-ray14",
    ),
    "siim": LabelSet(
        "SIIM-ACR Pneumothorax",
        "SIIM-ACR Pneumothorax Segmentation challenge, Kaggle 2019",
        _same("Pneumothorax"),
        "absent: no area is outlined",
        films="ChestX-ray14",
    ),
    "openi": LabelSet(
        "Open-I", 'Demner-Fushman et al., "Preparing a collection", JAMIA 2016', _OPENI_LABELS, _WHOLE_REPORT
    ),
    "chestx-det10": LabelSet(
        "ChestX-Det10", 'Liu et al., "ChestX-Det10", arXiv 2020', _DET10_LABELS, _EVERY_LABEL, films="ChestX-ray14"
    ),
    "chestmnist": LabelSet(
        "ChestMNIST",
        'Yang et al., "MedMNIST v2", Scientific Data 2023',
        _same(*NIH_FINDINGS),
        "absent: the report does not name it",
        films="ChestX-ray14",
    ),
}
"""Public data sets by the name that ``hilum data import`` has for them."""
