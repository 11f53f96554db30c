"""Train, validation and test: always by patient, written down with a digest.

Source of the stratification: Sechidis et al., "On the Stratification of Multi-Label Data", ECML PKDD 2011,
algorithm 1. Departures: patients, not films, are dealt out, each with the counts of all its films; and a part that has
its share of films gets no more, so that shares are kept to the films of one patient.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from hilum.data.manifest import SPLITS, Manifest, digest_of_split
from hilum.errors import DataError, InvalidValueError
from hilum.runs import write_text
from hilum.wording import count

__all__ = ["nested_part", "save_split", "split_by_patient", "split_folds", "split_from_file", "split_official"]

_SCHEMA = 1
_VALIDATION_SHARE = 0.125


def split_by_patient(
    manifest: Manifest, *, fractions: tuple[float, float, float] = (0.7, 0.1, 0.2), seed: int = 0
) -> Manifest:
    """Deal patients out to train, validation and test so that rare findings spread as evenly as they can.

    Args:
        manifest: Any; an earlier split is forgotten.
        fractions: Shares of the films for train, validation, test; above 0 for train, 1 in sum.
        seed: Another seed, another split.

    Raises:
        InvalidValueError: The fractions are no shares of 1.
        DataError: There are fewer patients than splits with a share.
    """
    shares = np.array(fractions, dtype=float)
    if shares.shape != (3,) or (shares < 0).any() or shares[0] == 0 or abs(shares.sum() - 1) > 1e-6:
        raise InvalidValueError(
            f"fractions must be three shares (train, validation, test) that sum to 1, train above 0; got {fractions}"
        )
    parts = _deal(manifest.table, manifest.findings, shares, seed)
    return manifest.with_splits(SPLITS[part] for part in parts)


def split_folds(manifest: Manifest, *, folds: int, fold: int, seed: int = 0) -> Manifest:
    """Cut the patients into ``folds`` parts: number ``fold`` is test, the next one validation, the rest train.

    Raises:
        InvalidValueError: Fewer than three folds, or ``fold`` is none of 0 .. folds - 1.
        DataError: There are fewer patients than folds.
    """
    if folds < 3 or not 0 <= fold < folds:
        raise InvalidValueError(f"folds must be at least 3 and fold one of 0 .. folds - 1; got {folds} and {fold}")
    parts = _deal(manifest.table, manifest.findings, np.full(folds, 1 / folds), seed)
    names = {fold: "test", (fold + 1) % folds: "validation"}
    return manifest.with_splits(names.get(int(part), "train") for part in parts)


def split_official(
    manifest: Manifest,
    *,
    train_validation: Path,
    test: Path,
    validation_fraction: float = _VALIDATION_SHARE,
    seed: int = 0,
) -> Manifest:
    """Split by lists of image names; validation is cut by patient from the first list.

    Args:
        manifest: Any; an earlier split is forgotten.
        train_validation: One image name a line (``.txt`` or ``.txt.gz``), such as NIH's ``train_val_list``.
        test: The same for the test split.
        validation_fraction: Share of the first list's films that become validation.
        seed: Of the cut.

    Returns:
        The split manifest. Films in neither list get no split; ``notes`` says how many, as of listed films that
        the manifest does not hold.

    Raises:
        DataError: A list is missing, a film stands in both, or the manifest holds no film of a list.
        LeakError: A patient stands in both.
        InvalidValueError: The fraction is not between 0 and 1.
    """
    if not 0 < validation_fraction < 1:
        raise InvalidValueError(f"validation_fraction must lie between 0 and 1, got {validation_fraction}")
    first, second = _read_list(train_validation), _read_list(test)
    if first & second:
        raise DataError(
            f"{count(len(first & second), 'film', 'stand')} in both lists, the first is {min(first & second)}"
        )
    ids = manifest.table["image_id"]
    splits = np.where(ids.isin(first), "train", np.where(ids.isin(second), "test", "")).astype(object)
    for name, path in (("train", train_validation), ("test", test)):
        if not (splits == name).any():
            raise DataError(f"the manifest holds no film of {path.name}: does the list belong to these films?")
    pool = splits == "train"
    shares = np.array([1 - validation_fraction, validation_fraction])
    parts = _deal(manifest.table[pool], manifest.findings, shares, seed)
    splits[pool] = [SPLITS[part] for part in parts]
    n_strangers, n_absent = int((splits == "").sum()), len((first | second) - set(ids))
    notes = []
    if n_strangers:
        notes.append(f"{count(n_strangers, 'film', 'stand')} in neither list, so in no split")
    if n_absent:
        notes.append(f"{count(n_absent, 'listed film', 'are')} not in the manifest")
    return manifest.with_splits((split or None for split in splits), notes=notes)


def split_from_file(manifest: Manifest, path: Path) -> Manifest:
    """Split as a file that :func:`save_split` wrote says, to repeat a study.

    Raises:
        DataError: The file is missing or no split, was changed since, or names no film of the manifest.
        LeakError: A patient of this manifest falls into two splits.
    """
    try:
        content = json.loads(path.read_text())
        listed = [(str(image), name) for name in SPLITS for image in content["images"][name]]
        digest = content["split_digest"]
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(f"{path} is no split that hilum wrote: `hilum data split` makes one") from None
    if digest_of_split(pd.DataFrame(listed, columns=["image_id", "split"])) != digest:
        raise DataError(f"{path} was changed since hilum wrote it (its digest differs): `hilum data split` makes one")
    of_image = dict(listed)
    splits = [of_image.get(image) for image in manifest.table["image_id"]]
    if not any(splits):
        raise DataError(f"{path} names no film of the manifest: does it belong to these films?")
    n_strangers = splits.count(None)
    notes = (f"{count(n_strangers, 'film', 'are')} not in {path.name}, so in no split",) if n_strangers else ()
    return manifest.with_splits(splits, notes=notes)


def nested_part(manifest: Manifest, *, fraction: float, seed: int = 0) -> Manifest:
    """Keep a part of the training patients, and validation and test as they are; the others' films get no split.

    Args:
        manifest: Split.
        fraction: Share of the training patients, in (0, 1]. With one seed a smaller part lies within a larger one.
        seed: Of the choice.

    Raises:
        InvalidValueError: The fraction is not above 0 and at most 1.
        DataError: The manifest has no training film.
    """
    if not 0 < fraction <= 1:
        raise InvalidValueError(f"a part is a share of the training patients, above 0 and at most 1; got {fraction:g}")
    table = manifest.table
    patients = np.unique(table["patient_id"].to_numpy(dtype=str)[manifest.rows("train")])
    if not len(patients):
        raise DataError(f"{manifest.source} has no training film: `hilum data split` makes splits")
    order = np.random.default_rng(seed).permutation(len(patients))
    kept = set(patients[order[: max(1, round(fraction * len(patients)))]])
    left_out = (table["split"] == "train") & ~table["patient_id"].astype(str).isin(kept)
    splits = [None if out else split for out, split in zip(left_out, table["split"], strict=True)]
    notes = (f"{fraction:g} of the training patients, chosen by seed {seed}",) if fraction < 1 else ()
    return manifest.with_splits(splits, notes=(*manifest.split_notes, *notes))


def save_split(manifest: Manifest, path: Path, *, method: str) -> None:
    """Write which image is in which split, with digests and counts, as JSON.

    Raises:
        StorageError: The file cannot be written.
    """
    table = manifest.table
    parts = {name: table.iloc[manifest.rows(name)] for name in SPLITS}
    content = {
        "schema_version": _SCHEMA,
        "method": method,
        "split_digest": manifest.split_digest,
        "manifest_digest": manifest.digest,
        "films": {name: len(part) for name, part in parts.items()},
        "patients": {name: int(part["patient_id"].nunique()) for name, part in parts.items()},
        "positives": {
            name: {finding: int((part[finding] == 1).sum()) for finding in manifest.findings}
            for name, part in parts.items()
        },
        "images": {name: sorted(part["image_id"]) for name, part in parts.items()},
    }
    write_text(path, json.dumps(content, indent=1) + "\n")


def _read_list(path: Path) -> set[str]:
    if not path.is_file():
        raise DataError(f"there is no list {path}: expected a file with one image name a line")
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        names = {line.strip() for line in content.decode("utf-8-sig").splitlines()} - {""}
    except (OSError, EOFError, UnicodeDecodeError, zlib.error):
        raise DataError(f"{path.name} is no readable list: expected UTF-8 text, plain or gzipped") from None
    if not names:
        raise DataError(f"{path.name} is empty: expected one image name a line")
    return names


def _deal(
    table: pd.DataFrame, findings: Sequence[str], shares: Float[np.ndarray, " part"], seed: int
) -> Int[np.ndarray, " image"]:
    """Return the part of every film; all films of a patient are in one part."""
    patient, names = pd.factorize(table["patient_id"])
    n_parts = int((shares > 0).sum())
    if len(names) < n_parts:
        raise DataError(f"{len(names)} patients cannot be dealt out to {n_parts} splits: more patients are needed")
    # One column per finding, the last one for the films themselves.
    marks = np.column_stack([table[list(findings)].to_numpy(dtype=float) == 1, np.ones(len(table))])
    counts = np.zeros((len(names), marks.shape[1]))
    np.add.at(counts, patient, marks)
    order = np.random.default_rng(seed).permutation(len(names))
    part_of = np.full(len(names), -1)
    part_of[order] = _stratified(counts[order], shares)
    return part_of[patient]


def _stratified(
    counts: Float[np.ndarray, "patient mark"], shares: Float[np.ndarray, " part"]
) -> Int[np.ndarray, " patient"]:
    """Deal the rarest finding's patients first, each to the part that still wants it most."""
    wanted = shares[:, None] * counts.sum(axis=0)
    wanted[shares == 0] = -np.inf
    part_of = np.full(len(counts), -1)
    for finding in _rarest_first(counts):
        open_patients = np.flatnonzero((part_of < 0) & (counts[:, finding] > 0))
        largest_first = open_patients[np.argsort(-counts[open_patients, finding], kind="stable")]
        for patient in largest_first:
            part = _neediest(wanted, finding)
            part_of[patient] = part
            wanted[part] -= counts[patient]
    return _fill_empty(part_of, shares)


def _rarest_first(counts: Float[np.ndarray, "patient mark"]) -> Iterable[int]:
    totals = counts[:, :-1].sum(axis=0)
    return (*(int(finding) for finding in np.argsort(totals, kind="stable")), counts.shape[1] - 1)


def _neediest(wanted: Float[np.ndarray, "part mark"], finding: int) -> int:
    """Return the part that wants a finding most among those that want films at all; of several, the emptiest.

    Without the first condition, parts of small sets with many findings grow far beyond their share.
    """
    hungry = wanted[:, -1] > 0
    wish = np.where(hungry, wanted[:, finding], -np.inf) if hungry.any() else wanted[:, -1]
    ties = np.flatnonzero(wish == wish.max())
    return int(ties[np.argmax(wanted[ties, -1])])


def _fill_empty(
    part_of: Int[np.ndarray, " patient"], shares: Float[np.ndarray, " part"]
) -> Int[np.ndarray, " patient"]:
    """Give every part with a share at least one patient, from the part that has most."""
    for part in np.flatnonzero(shares > 0):
        if not (part_of == part).any():
            largest = np.bincount(part_of, minlength=len(shares)).argmax()
            part_of[np.flatnonzero(part_of == largest)[-1]] = part
    return part_of
