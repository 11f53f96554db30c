"""Films and labels: readers, the manifest, splits, the pixel store, augmentation, batches, phantom sets on disk."""

from hilum.data.augmentation import Augmentation, AugmentationSection
from hilum.data.batch import Batch, batches
from hilum.data.boxes import FilmBoxes, find_box_file, place_boxes, read_boxes
from hilum.data.describe import describe_manifest, preview_augmentation
from hilum.data.dicom_folder import JOINS, DicomLabels, read_dicom
from hilum.data.doctor import (
    LABEL_ENDINGS,
    Subject,
    examine_manifest,
    exclude_films,
    proposed_exclusions,
    read_exclusions,
    read_subject,
    write_exclusions,
)
from hilum.data.download import DATASETS, Fetched, KnownSet, Patience, SetCheck, check_dataset, get_dataset, known_set
from hilum.data.label_table import LabelTable, parse_age, read_label_table, targets_from_labels
from hilum.data.manifest import SPLITS, Manifest, Split, check_split, patient_hash, read_manifest
from hilum.data.masks import MASK_FOLDER, FilmMasks
from hilum.data.merge import merge_manifests
from hilum.data.nih import NIH_FILM, PHANTOM_MARKER, find_label_file, read_nih, read_nih_sample
from hilum.data.own_csv import read_csv
from hilum.data.phantom_set import PhantomSet, write_phantoms
from hilum.data.readers import (
    BLANKS,
    READERS,
    Reader,
    read_chestmnist,
    read_chestx_det10,
    read_chexpert,
    read_mimic,
    read_nih_google,
    read_openi,
    read_padchest,
    read_rsna,
    read_siim,
    read_vindr,
    recognise_set,
)
from hilum.data.split import nested_part, save_split, split_by_patient, split_folds, split_from_file, split_official
from hilum.data.store import PixelStore, Problem, prepare_store

__all__ = [
    "BLANKS",
    "DATASETS",
    "JOINS",
    "LABEL_ENDINGS",
    "MASK_FOLDER",
    "NIH_FILM",
    "PHANTOM_MARKER",
    "READERS",
    "SPLITS",
    "Augmentation",
    "AugmentationSection",
    "Batch",
    "DicomLabels",
    "Fetched",
    "FilmBoxes",
    "FilmMasks",
    "KnownSet",
    "LabelTable",
    "Manifest",
    "Patience",
    "PhantomSet",
    "PixelStore",
    "Problem",
    "Reader",
    "SetCheck",
    "Split",
    "Subject",
    "batches",
    "check_dataset",
    "check_split",
    "describe_manifest",
    "examine_manifest",
    "exclude_films",
    "find_box_file",
    "find_label_file",
    "get_dataset",
    "known_set",
    "merge_manifests",
    "nested_part",
    "parse_age",
    "patient_hash",
    "place_boxes",
    "prepare_store",
    "preview_augmentation",
    "proposed_exclusions",
    "read_boxes",
    "read_chestmnist",
    "read_chestx_det10",
    "read_chexpert",
    "read_csv",
    "read_dicom",
    "read_exclusions",
    "read_label_table",
    "read_manifest",
    "read_mimic",
    "read_nih",
    "read_nih_google",
    "read_nih_sample",
    "read_openi",
    "read_padchest",
    "read_rsna",
    "read_siim",
    "read_subject",
    "read_vindr",
    "recognise_set",
    "save_split",
    "split_by_patient",
    "split_folds",
    "split_from_file",
    "split_official",
    "targets_from_labels",
    "write_exclusions",
    "write_phantoms",
]
