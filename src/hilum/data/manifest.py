"""The manifest: one row per image, with what is known about it and where it lies."""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32, Int64

from hilum.errors import DataError, LeakError
from hilum.findings import NIH_FINDINGS, NO_FINDING, get_finding
from hilum.metrics import no_finding_target
from hilum.runs import atomic_path

__all__ = ["SPLITS", "Manifest", "Split", "check_split", "digest_of_split", "patient_hash", "read_manifest"]

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

_COLUMNS = ("image_id", "path", "patient_id", "study_id", "view", "sex", "age_years", "split")
_METADATA = b"hilum"
_SCHEMA = 1
_NAMED_IN_A_MESSAGE = 5


@dataclass(frozen=True, eq=False, repr=False)
class Manifest:
    """Films, labels and splits; valid from construction on.

    Attributes:
        table: One row per image: ``image_id``, ``path`` (absolute), ``patient_id``, ``study_id``, ``view``, ``sex``
            (empty where unknown), ``age_years`` (NaN where unknown), ``split`` (None before a split), and one float32
            column per finding: 1 present, 0 absent, NaN unknown.
        findings: The findings, in the order of the columns.
        source: What was read, in a few words.
        phantom: Whether the films are made up.
        notes: What a reader should know about the import, a sentence each.

    Raises:
        DataError: A column is missing, an image id is missing or stands twice, a target is neither 0, 1 nor NaN.
        LeakError: A patient stands in two splits.
    """

    table: pd.DataFrame
    findings: tuple[str, ...]
    source: str
    phantom: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.findings:
            get_finding(name)
        if NO_FINDING in self.findings:
            raise DataError(f"{self.source}: {NO_FINDING!r} follows from the findings and is no label of its own")
        missing = [name for name in (*_COLUMNS, *self.findings) if name not in self.table.columns]
        if missing:
            raise DataError(f"{self.source}: a manifest needs the column {missing[0]}, which is not there")
        if self.table.empty:
            raise DataError(f"{self.source} holds no film")
        if (self.table["image_id"].isna() | (self.table["image_id"] == "")).any():
            raise DataError(f"{self.source}: a film has no image id; every film needs a name of its own")
        _check_unique(self.table["image_id"], self.source)
        targets = self.targets()
        wrong = ~(np.isnan(targets) | (targets == 0) | (targets == 1))
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise DataError(
                f"{self.source}: {self.findings[column]} of {self.table['image_id'].iloc[row]} is "
                f"{targets[row, column]:g}; expected 1 (present), 0 (absent) or nothing (unknown)"
            )
        if (self.table["patient_id"].isna() | (self.table["patient_id"] == "")).any():
            raise DataError(f"{self.source}: a film has no patient id; splits go by patient, so every film needs one")
        check_split(self)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        splits = " · ".join(f"{name} {len(self.rows(name)):,}" for name in SPLITS if len(self.rows(name)))
        return (
            f"Manifest({self.source}: {len(self):,} films of {self.n_patients:,} patients, "
            f"{len(self.findings)} findings, {splits or 'not split'})"
        )

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return int(self.table["patient_id"].nunique())

    @cached_property
    def digest(self) -> str:
        """sha256 of image ids, patients and targets; the order of rows, paths and splits do not count."""
        table = self.table.sort_values("image_id")
        content = table[["image_id", "patient_id", *self.findings]].to_csv(index=False, float_format="%g")
        return hashlib.sha256(content.encode()).hexdigest()

    @cached_property
    def split_digest(self) -> str:
        """sha256 of which image is in which split; empty before a split."""
        return digest_of_split(self.table)

    def targets(
        self, rows: Sequence[int] | Int64[np.ndarray, " row"] | None = None
    ) -> Float32[np.ndarray, "image finding"]:
        """Return the targets of ``rows`` (all by default), one column per finding."""
        table = self.table if rows is None else self.table.iloc[np.asarray(rows, dtype=np.int64)]
        return table[list(self.findings)].to_numpy(dtype=np.float32)

    def targets_for(
        self, findings: Sequence[str], rows: Int64[np.ndarray, " row"]
    ) -> Float32[np.ndarray, "image finding"]:
        """Return the targets of ``rows`` for any findings: NaN where there are no labels.

        ``No Finding`` is derived (1 - any) where all fourteen findings have labels.
        """
        targets = np.full((len(rows), len(findings)), np.nan, dtype=np.float32)
        for column, name in enumerate(findings):
            if name in self.findings:
                targets[:, column] = self.table[name].to_numpy(dtype=np.float32)[rows]
            elif name == NO_FINDING and self.derives_no_finding:
                targets[:, column] = no_finding_target(self.targets(rows))
        return targets

    @property
    def derives_no_finding(self) -> bool:
        """Whether ``No Finding`` follows from the labels: all fourteen findings have some."""
        return set(NIH_FINDINGS) <= set(self.findings)

    def rows(self, split: str) -> Int64[np.ndarray, " row"]:
        """Return the positions of the films of a split, in the table's order; empty if it has none.

        Raises:
            DataError: There is no such split.
        """
        if split not in SPLITS:
            raise DataError(f"there is no split {split!r}; expected one of {', '.join(SPLITS)}")
        return np.flatnonzero((self.table["split"] == split).to_numpy(dtype=bool)).astype(np.int64)

    def paths(self) -> list[Path]:
        """Return the path of every film."""
        return [Path(path) for path in self.table["path"]]

    def with_splits(self, splits: Iterable[str | None], *, notes: Sequence[str] = ()) -> "Manifest":
        """Return the manifest with another split column; raises LeakError if a patient falls into two."""
        table = self.table.assign(split=pd.Series(list(splits), index=self.table.index, dtype=object))
        return replace(self, table=table, notes=(*self.notes, *notes))

    def save(self, path: Path) -> None:
        """Write a Parquet file; paths below its folder are written relative to it.

        Raises:
            StorageError: The disk is full or cannot be written; an older file is still good.
        """
        folder = path.resolve().parent
        table = self.table.assign(path=[_relative(film, folder) for film in self.table["path"]])
        meta = {
            "schema_version": _SCHEMA,
            "findings": self.findings,
            "source": self.source,
            "phantom": self.phantom,
            "notes": self.notes,
        }
        arrow = pa.Table.from_pandas(table[[*_COLUMNS, *self.findings]], preserve_index=False)
        arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), _METADATA: json.dumps(meta).encode()})
        with atomic_path(path) as temporary:
            pq.write_table(arrow, temporary)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest that :meth:`Manifest.save` wrote.

    Raises:
        DataError: There is no such file, or it is no manifest of hilum.
        LeakError: A patient stands in two splits.
    """
    if not path.is_file():
        raise DataError(f"there is no manifest {path}. `hilum data import` makes one.")
    try:
        arrow = pq.read_table(path)
    except (pa.ArrowInvalid, OSError):
        raise DataError(f"{path} is no Parquet file, so no manifest. `hilum data import` makes one.") from None
    meta = json.loads((arrow.schema.metadata or {}).get(_METADATA, b"{}"))
    if meta.get("schema_version") != _SCHEMA:
        raise DataError(f"{path} was not written by this version of hilum: import the films anew.")
    table = arrow.to_pandas()
    missing = [name for name in (*_COLUMNS, *meta["findings"]) if name not in table.columns]
    if missing:
        raise DataError(f"{path} has no column {missing[0]}, which every manifest has: import the films anew.")
    folder = path.resolve().parent
    table["path"] = [str(folder / film) for film in table["path"]]
    table["split"] = table["split"].astype(object).where(table["split"].notna(), None)
    return Manifest(table, tuple(meta["findings"]), meta["source"], phantom=meta["phantom"], notes=tuple(meta["notes"]))


def digest_of_split(table: pd.DataFrame) -> str:
    """Return the sha256 of the columns ``image_id`` and ``split``, whatever the order; empty if no film has a split."""
    known = table[table["split"].notna()].sort_values("image_id")
    if known.empty:
        return ""
    return hashlib.sha256(known[["image_id", "split"]].to_csv(index=False).encode()).hexdigest()


def check_split(manifest: Manifest) -> None:
    """Raise LeakError if a patient stands in two splits, DataError if a split has another name."""
    table = manifest.table
    known = table[table["split"].notna()]
    strange = set(known["split"].unique()) - set(SPLITS)
    if strange:
        raise DataError(f"{manifest.source}: split {min(strange)!r} is none of {', '.join(SPLITS)}")
    n_splits = known.groupby("patient_id")["split"].nunique()
    shared = int((n_splits > 1).sum())
    if shared:
        raise LeakError(
            f"{manifest.source}: {shared} of {len(n_splits)} patients stand in more than one split. A score on such a "
            "test says nothing. Split anew by patient: `hilum data split`."
        )


def patient_hash(patient_id: str) -> str:
    """Return what stands for a patient in a bundle: 16 hexadecimal digits of a sha256, not the id itself.

    It is a pseudonym, not anonymity: whoever holds a list of ids can hash them, and tell who was in the training. Keep
    a bundle as confidential as the list of patients.
    """
    return hashlib.sha256(f"hilum patient {patient_id}".encode()).hexdigest()[:16]


def _check_unique(image_ids: "pd.Series[str]", source: str) -> None:
    twice = image_ids[image_ids.duplicated()]
    if len(twice):
        names = ", ".join(sorted(set(twice))[:_NAMED_IN_A_MESSAGE])
        raise DataError(
            f"{source}: {len(twice)} rows repeat an image id that stands before ({names}). Every film may stand once: "
            "remove the repetitions, or import the folders one by one."
        )


def _relative(film: str, folder: Path) -> str:
    inside = os.path.relpath(film, folder)
    return film if inside.startswith(os.pardir) else inside
