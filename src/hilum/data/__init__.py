"""Films and labels: readers, the manifest, splits, the pixel store, augmentation, batches, phantom sets on disk."""

from hilum.data.augmentation import Augmentation, AugmentationSection
from hilum.data.batch import Batch, batches
from hilum.data.describe import describe_manifest, preview_augmentation
from hilum.data.doctor import (
    LABEL_ENDINGS,
    examine_manifest,
    exclude_films,
    proposed_exclusions,
    read_exclusions,
    read_subject,
    write_exclusions,
)
from hilum.data.manifest import SPLITS, Manifest, Split, check_split, patient_hash, read_manifest
from hilum.data.nih import read_nih
from hilum.data.own_csv import read_csv
from hilum.data.phantom_set import PhantomSet, write_phantoms
from hilum.data.split import save_split, split_by_patient, split_folds, split_from_file, split_official
from hilum.data.store import PixelStore, Problem, prepare_store

__all__ = [
    "LABEL_ENDINGS",
    "SPLITS",
    "Augmentation",
    "AugmentationSection",
    "Batch",
    "Manifest",
    "PhantomSet",
    "PixelStore",
    "Problem",
    "Split",
    "batches",
    "check_split",
    "describe_manifest",
    "examine_manifest",
    "exclude_films",
    "patient_hash",
    "prepare_store",
    "preview_augmentation",
    "proposed_exclusions",
    "read_csv",
    "read_exclusions",
    "read_manifest",
    "read_nih",
    "read_subject",
    "save_split",
    "split_by_patient",
    "split_folds",
    "split_from_file",
    "split_official",
    "write_exclusions",
    "write_phantoms",
]
