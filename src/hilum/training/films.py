"""The films a run may see: train and validation, and nothing else."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from hilum.data import Manifest, PixelStore
from hilum.errors import DataError
from hilum.findings import NO_FINDING
from hilum.training.recipe import Recipe

__all__ = ["Films", "select_films"]


@dataclass(frozen=True, eq=False)
class Films:
    """One split, as rows of the store.

    Attributes:
        rows: Rows of the store.
        targets: 1 present, 0 absent, NaN unknown; in train also between 0 and 1, where a label is uncertain and the
            manifest has a soft target for it.
        patients: Patient id per film.
        n_absent: Films of the split that could not be read when the store was made.
        n_left_out: Films of the split that the store was made without.
    """

    rows: Int64[np.ndarray, " image"]
    targets: Float32[np.ndarray, "image finding"]
    patients: tuple[str, ...]
    n_absent: int
    n_left_out: int = 0

    @property
    def prevalence(self) -> Float32[np.ndarray, " finding"]:
        """Share of the known labels that are present, an uncertain one in part; 0 where nothing is known."""
        known = np.maximum((~np.isnan(self.targets)).sum(axis=0), 1)
        return np.asarray(np.nansum(self.targets, axis=0, dtype=np.float64) / known, dtype=np.float32)


def select_films(manifest: Manifest, store: PixelStore, recipe: Recipe) -> tuple[Films, Films]:
    """Return train and validation; rows of the test split are never looked up.

    Raises:
        DataError: The manifest is not split or lacks a finding, the store does not belong to it or has another size
            than the recipe, or a split could not be learnt from.
    """
    if (store.size_px, store.rule) != (recipe.size_px, recipe.resize):
        raise DataError(
            f"the pixel store has films of {store.size_px} px ({store.rule}), the recipe wants {recipe.size_px} px "
            f"({recipe.resize}): `hilum data prepare --size {recipe.size_px} --rule {recipe.resize}`, "
            f"or --set size_px={store.size_px}"
        )
    known = {*manifest.findings, *([NO_FINDING] if manifest.derives_no_finding else [])}
    lacking = [name for name in recipe.findings if name not in known]
    if lacking:
        raise DataError(
            f"the manifest has no labels for {', '.join(lacking)}: set the recipe's findings to some of "
            f"{', '.join(manifest.findings)}"
        )
    if not manifest.split_digest:
        raise DataError("the manifest is not split yet: `hilum data split` first")
    return _films(manifest, store, recipe, "train"), _films(manifest, store, recipe, "validation")


def _films(manifest: Manifest, store: PixelStore, recipe: Recipe, split: str) -> Films:
    of_split = manifest.rows(split)
    table = manifest.table.iloc[of_split]
    rows = store.rows_of(table["image_id"])
    there = rows >= 0
    if not there.any():
        raise DataError(
            f"the pixel store holds none of the {len(table):,} films of the {split} split: was it prepared from this "
            "manifest, and does the split have films?"
        )
    targets = manifest.targets_for(recipe.findings, of_split[there], soft=split == "train")
    if not ((targets == 1).any(axis=0) & (targets == 0).any(axis=0)).any():
        raise DataError(
            f"the {split} split has no finding that is present in one film and absent in another: nothing could be "
            "learnt or measured; split anew or import more films"
        )
    n_absent = sum(name in store.unreadable for name in table["image_id"][~there])
    return Films(rows[there], targets, tuple(table["patient_id"][there]), n_absent, int((~there).sum()) - n_absent)
