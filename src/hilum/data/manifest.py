"""The manifest: one row per image, with what is known about it and where it lies."""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32, Int64

from hilum.errors import DataError, LeakError
from hilum.findings import NIH_FINDINGS, NO_FINDING, get_finding
from hilum.metrics import no_finding_target
from hilum.runs import atomic_path
from hilum.wording import count

__all__ = [
    "SOFT",
    "SPLITS",
    "Manifest",
    "ManifestContent",
    "Split",
    "check_split",
    "digest_of_split",
    "open_manifest",
    "patient_hash",
    "read_manifest",
]

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

_COLUMNS = ("image_id", "path", "patient_id", "study_id", "view", "sex", "age_years", "source", "split")
SOFT = "soft_"
"""What stands before a finding in the name of its column of soft targets."""

_METADATA = b"hilum"
_SCHEMA = 2
_OLDEST_SCHEMA = 1
_NAMED_IN_A_MESSAGE = 5


@dataclass(frozen=True, eq=False, repr=False)
class Manifest:
    """Films, labels and splits; valid from construction on.

    Attributes:
        table: One row per image: ``image_id``, ``path`` (absolute), ``patient_id``, ``study_id``, ``view``, ``sex``
            (empty where unknown), ``age_years`` (NaN where unknown), ``source`` (the data set or device that a film
            comes from; empty where unknown, which is what a table without the column gets), ``split`` (None before a
            split), and one float32 column per finding: 1 present, 0 absent, NaN unknown. A finding with uncertain
            labels may have a column ``soft_<Finding>`` beside it: a target between 0 and 1 for training alone, where
            the finding itself is NaN; NaN elsewhere.
        findings: The findings, in the order of the columns.
        source: What was read, in a few words.
        phantom: Whether the films are made up.
        notes: What a reader should know about the import and the split, a sentence each.
        split_notes: Those of ``notes`` that are about the split; another split takes them away.

    Raises:
        DataError: A column is missing, an image id is missing or stands twice, a target is neither 0, 1 nor NaN, a soft
            one not between 0 and 1 or beside a known label.
        LeakError: A patient stands in two splits.
    """

    table: pd.DataFrame
    findings: tuple[str, ...]
    source: str
    phantom: bool = False
    notes: tuple[str, ...] = ()
    split_notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.findings:
            get_finding(name)
        if NO_FINDING in self.findings:
            raise DataError(f"{self.source}: {NO_FINDING!r} follows from the findings and is no label of its own")
        if "source" not in self.table.columns:
            object.__setattr__(self, "table", self.table.assign(source=""))
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
        self._check_soft()
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
        soft = [SOFT + name for name in self.soft_findings]
        content = table[["image_id", "patient_id", *self.findings, *soft]].to_csv(index=False, float_format="%g")
        return hashlib.sha256(content.encode()).hexdigest()

    @cached_property
    def split_digest(self) -> str:
        """sha256 of which image is in which split; empty before a split."""
        return digest_of_split(self.table)

    @property
    def soft_findings(self) -> tuple[str, ...]:
        """The findings that have soft targets for uncertain labels."""
        return tuple(name for name in self.findings if SOFT + name in self.table.columns)

    def targets(
        self, rows: Sequence[int] | Int64[np.ndarray, " row"] | None = None
    ) -> Float32[np.ndarray, "image finding"]:
        """Return the targets of ``rows`` (all by default), one column per finding: 1, 0 or NaN, never a soft one."""
        table = self.table if rows is None else self.table.iloc[np.asarray(rows, dtype=np.int64)]
        return table[list(self.findings)].to_numpy(dtype=np.float32)

    def targets_for(
        self, findings: Sequence[str], rows: Int64[np.ndarray, " row"], *, soft: bool = False
    ) -> Float32[np.ndarray, "image finding"]:
        """Return the targets of ``rows`` for any findings: NaN where there are no labels.

        ``No Finding`` is derived (1 - any of the fourteen) where all fourteen findings have labels. With ``soft``,
        which is for training alone, an uncertain label that has a soft target is that, not NaN.
        """
        targets = np.full((len(rows), len(findings)), np.nan, dtype=np.float32)
        for column, name in enumerate(findings):
            if name in self.findings:
                targets[:, column] = self.table[name].to_numpy(dtype=np.float32)[rows]
                if soft and name in self.soft_findings:
                    uncertain = self.table[SOFT + name].to_numpy(dtype=np.float32)[rows]
                    targets[:, column] = np.where(np.isnan(uncertain), targets[:, column], uncertain)
            elif name == NO_FINDING and self.derives_no_finding:
                fourteen = self.table[list(NIH_FINDINGS)].to_numpy(dtype=np.float32)[rows]
                targets[:, column] = no_finding_target(fourteen)
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
        """Return the manifest with another split column; raises LeakError if a patient falls into two.

        ``notes`` are about the new split, and stand in place of what was noted about an earlier one.
        """
        table = self.table.assign(split=pd.Series(list(splits), index=self.table.index, dtype=object))
        kept = (note for note in self.notes if note not in self.split_notes)
        return replace(self, table=table, notes=(*kept, *notes), split_notes=tuple(notes))

    def _check_soft(self) -> None:
        strange = [
            name
            for name in self.table.columns
            if str(name).startswith(SOFT) and name.removeprefix(SOFT) not in self.findings
        ]
        if strange:
            raise DataError(f"{self.source}: the column {strange[0]} belongs to no finding of the manifest")
        for name in self.soft_findings:
            soft = self.table[SOFT + name].to_numpy(dtype=np.float32)
            known = ~np.isnan(self.table[name].to_numpy(dtype=np.float32))
            wrong = ~np.isnan(soft) & (~((soft > 0) & (soft < 1)) | known)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise DataError(
                    f"{self.source}: the soft target {soft[row]:g} of {name} of {self.table['image_id'].iloc[row]} is "
                    "expected between 0 and 1, and only where the label itself is unknown"
                )

    def without(self, image_ids: Iterable[str], *, reason: str = "excluded") -> "Manifest":
        """Return the manifest without some films; ``reason`` says in its notes why they are left out.

        Raises:
            DataError: A film is not in the manifest (the nearest is named), or none is left.
        """
        left_out = set(image_ids)
        known = set(self.table["image_id"])
        strange = sorted(left_out - known)
        if strange:
            near = get_close_matches(strange[0], known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            more = f" and {len(strange) - 1:,} more" if len(strange) > 1 else ""
            raise DataError(f"{self.source} has no film {strange[0]!r}{more}.{hint}")
        if not left_out:
            return self
        if len(left_out) == len(known):
            raise DataError(f"{self.source}: all its films would be left out, and none would stay.")
        table = self.table[~self.table["image_id"].isin(left_out)].reset_index(drop=True)
        return replace(self, table=table, notes=(*self.notes, f"{count(len(left_out), 'film')} left out: {reason}"))

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
            "split_notes": self.split_notes,
        }
        soft = [SOFT + name for name in self.soft_findings]
        arrow = pa.Table.from_pandas(table[[*_COLUMNS, *self.findings, *soft]], preserve_index=False)
        arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), _METADATA: json.dumps(meta).encode()})
        with atomic_path(path) as temporary:
            pq.write_table(arrow, temporary)


class ManifestContent(NamedTuple):
    """What a manifest's file holds, before it is checked; fields as in :class:`Manifest`."""

    table: pd.DataFrame
    findings: tuple[str, ...]
    source: str
    phantom: bool
    notes: tuple[str, ...]
    split_notes: tuple[str, ...]


def read_manifest(path: Path) -> Manifest:
    """Read a manifest that :meth:`Manifest.save` wrote.

    Raises:
        DataError: There is no such file, or it is no manifest of hilum.
        LeakError: A patient stands in two splits.
    """
    return Manifest(**open_manifest(path)._asdict())


def open_manifest(path: Path) -> ManifestContent:
    """Read a manifest's content without checking it, for the doctor, who must look at what is refused elsewhere.

    Raises:
        DataError: There is no such file, or it is no manifest of hilum.
    """
    if not path.is_file():
        raise DataError(f"there is no manifest {path}. `hilum data import` makes one.")
    try:
        arrow = pq.read_table(path)
    except (pa.ArrowInvalid, OSError):
        raise DataError(f"{path} is no Parquet file, so no manifest. `hilum data import` makes one.") from None
    try:
        meta = json.loads((arrow.schema.metadata or {}).get(_METADATA, b"{}"))
        return _content(path, arrow.to_pandas(), meta)
    except DataError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} is a damaged manifest ({type(error).__name__}): import the films anew.") from None


def _content(path: Path, table: pd.DataFrame, meta: dict[str, Any]) -> ManifestContent:
    version = meta.get("schema_version")
    if not isinstance(version, int) or not _OLDEST_SCHEMA <= version <= _SCHEMA:
        raise DataError(f"{path} was not written by this version of hilum: import the films anew.")
    if version == 1:
        table["source"] = ""
    missing = [name for name in (*_COLUMNS, *meta["findings"]) if name not in table.columns]
    if missing:
        raise DataError(f"{path} has no column {missing[0]}, which every manifest has: import the films anew.")
    words = [name for name in (*meta["findings"], "age_years") if not pd.api.types.is_numeric_dtype(table[name])]
    if words:
        raise DataError(f"{path}: column {words[0]} holds something else than numbers: import the films anew.")
    folder = path.resolve().parent
    table["path"] = [str(folder / film) for film in table["path"]]
    table["split"] = table["split"].astype(object).where(table["split"].notna(), None)
    notes, about_split = tuple(meta["notes"]), tuple(meta.get("split_notes", ()))
    return ManifestContent(table, tuple(meta["findings"]), meta["source"], meta["phantom"], notes, about_split)


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
            f"{manifest.source}: {count(shared, 'patient', 'stand', of=len(n_splits))} in more than one split. A score "
            "on such a test says nothing. Split anew by patient: `hilum data split`."
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
            f"{source}: {count(len(twice), 'row', 'repeat')} an image id that stands before ({names}). Every film may "
            "stand once: remove the repetitions, or import the folders one by one."
        )


def _relative(film: str, folder: Path) -> str:
    inside = os.path.relpath(film, folder)
    return film if inside.startswith(os.pardir) else inside
