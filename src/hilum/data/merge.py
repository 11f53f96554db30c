"""Several manifests into one: labels that a set does not have stay unknown, names become unique by source."""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from hilum.data.manifest import SOFT, Manifest
from hilum.errors import DataError, InvalidValueError
from hilum.findings import FINDINGS, LABEL_SETS, LabelSet, title_of
from hilum.imaging import PSEUDONYM_LENGTH
from hilum.wording import count

__all__ = ["merge_manifests"]

_OF_TITLE = {label_set.title: label_set for label_set in LABEL_SETS.values()}
_PSEUDONYM = re.compile(rf"[0-9a-f]{{{PSEUDONYM_LENGTH}}}")
_JOINED = " + "


def merge_manifests(manifests: Sequence[Manifest], *, repeated: Literal["error", "first"] = "error") -> Manifest:
    """Put the films of several manifests into one.

    Image, study and patient ids get their film's source in front (``CheXpert/...``), the name of the manifest's file
    where a film has none. A patient of one manifest stays one patient, whichever devices the films are from, and so do
    patients of one set, such as ChestX-ray14 under NIH's labels and under Google's, and pseudonyms made with a key.

    Args:
        manifests: Two or more.
        repeated: What to do with a film that stands in two of them, which is one with the same path, or the same source
            and image id: an error, or the first one is kept, with labels of a later one where its own are unknown.

    Returns:
        A manifest with every finding that one of them has, NaN where a set has no label for it. Its splits are kept if
        all of them are split and no patient stands in two parts; ``notes`` says so, what each of them noted, and where
        the sets mean different things by one name.

    Raises:
        InvalidValueError: Fewer than two manifests.
        DataError: A film stands in two of them, or real films would be mixed with phantoms.
    """
    if len(manifests) < 2:
        raise InvalidValueError(f"expected two manifests or more to merge, got {len(manifests)}")
    if len({manifest.phantom for manifest in manifests}) > 1:
        raise DataError("phantoms and real films do not go into one manifest: figures on them would say nothing")
    findings = tuple(name for name in FINDINGS if any(name in manifest.findings for manifest in manifests))
    soft = [SOFT + name for name in findings if any(name in manifest.soft_findings for manifest in manifests)]
    whole = pd.concat([_renamed(manifest) for manifest in manifests], ignore_index=True)
    whole[[*findings, *soft]] = whole[[*findings, *soft]].astype(np.float32)
    whole, about_repeated = _without_repeated(whole, findings, repeated)
    whole, about_splits = _with_splits(whole, manifests)
    notes = [
        *(f"{part.source}: {note}" for part in manifests for note in part.notes if note not in part.split_notes),
        *about_repeated,
        *about_splits,
        *_about_patients(manifests),
        *_about_labels(manifests),
    ]
    return Manifest(
        whole,
        findings,
        source=_JOINED.join(manifest.source for manifest in manifests),
        phantom=manifests[0].phantom,
        notes=tuple(notes),
    )


def _renamed(manifest: Manifest) -> pd.DataFrame:
    table = manifest.table.copy()
    sources = [source or manifest.source for source in table["source"]]
    table["source"] = sources
    table["image_id"] = _prefixed(table["image_id"], sources)
    people = _people(manifest, sources)
    if people:
        table["study_id"] = _prefixed(table["study_id"], [people] * len(table))
        names = _prefixed(table["patient_id"], [people] * len(table))
        table["patient_id"] = [
            old if _PSEUDONYM.fullmatch(old) else new for old, new in zip(table["patient_id"], names, strict=True)
        ]
    table["split"] = table["split"].astype(object)
    return table


def _people(manifest: Manifest, sources: Sequence[str]) -> str:
    """Return what goes in front of a manifest's patients: one name for all, since one may be filmed on two devices.

    Empty for a manifest that was merged: its patients have theirs.
    """
    if _JOINED in manifest.source:
        return ""
    # "ChestX-ray14 (Google)" are films of ChestX-ray14: its patients are the same people.
    sets = {source.partition(" (")[0] for source in sources}
    return sets.pop() if len(sets) == 1 else manifest.source


def _prefixed(names: "pd.Series[str]", sources: Sequence[str]) -> list[str]:
    """Return the names with their source in front, once: merged manifests can be merged again."""
    pairs = zip(names, sources, strict=True)
    return [name if not name or name.startswith(f"{source}/") else f"{source}/{name}" for name, source in pairs]


def _without_repeated(whole: pd.DataFrame, findings: Sequence[str], repeated: str) -> tuple[pd.DataFrame, list[str]]:
    again = whole["path"].duplicated() | whole["image_id"].duplicated()
    if not again.any():
        return whole, []
    n_again = int(again.sum())
    if repeated != "first":
        example = whole["image_id"][again].iloc[0]
        raise DataError(
            f"{count(n_again, 'film', 'stand')} in more than one of the manifests, such as {example}. Keep the "
            "first of each (--repeated first), or take them out of one; if they are other films of the same name, "
            "import them with different sources"
        )
    softs = [SOFT + name for name in findings if SOFT + name in whole]
    known = _filled(whole, findings)
    filled = pd.concat([known, _filled(whole, softs)], axis=1)
    for column in softs:
        filled[column] = filled[column].where(filled[column.removeprefix(SOFT)].isna())
    note = (
        f"{count(n_again, 'film')} stood in more than one manifest; the first was kept, unknown labels from the others"
    )
    return whole.assign(**filled)[~again].reset_index(drop=True), [note]


def _filled(whole: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return columns in which every first film has, where it knows nothing, what a later row of it knows."""
    values = whole[list(columns)].to_numpy(dtype=np.float32, copy=True)
    first: dict[str, int] = {}
    for row, names in enumerate(zip(whole["path"], whole["image_id"], strict=True)):
        keep = min((first[name] for name in names if name in first), default=row)
        for name in names:
            first.setdefault(name, keep)
        if keep != row:
            values[keep] = np.where(np.isnan(values[keep]), values[row], values[keep])
    return pd.DataFrame(values, columns=list(columns), index=whole.index)


def _with_splits(whole: pd.DataFrame, manifests: Sequence[Manifest]) -> tuple[pd.DataFrame, list[str]]:
    unsplit = [manifest.source for manifest in manifests if not manifest.split_digest]
    if len(unsplit) == len(manifests):
        return whole, []
    known = whole[whole["split"].notna()]
    n_shared = int((known.groupby("patient_id")["split"].nunique() > 1).sum())
    if not unsplit and not n_shared:
        return whole, ["every manifest is split, and the splits were kept"]
    reason = (
        f"{', '.join(unsplit)} has none" if unsplit else f"{n_shared:,} patients would stand in more than one of them"
    )
    dropped = whole.assign(split=pd.Series([None] * len(whole), dtype=object))
    return dropped, [f"the splits were dropped, because {reason}: `hilum data split` makes one for all"]


def _about_patients(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Say where patient ids of two hospitals' own films are the same, and may or may not be the same people."""
    own = [
        part for part in manifests if _JOINED not in part.source and _OF_TITLE.keys().isdisjoint(part.table["source"])
    ]
    for one, other in combinations(own, 2):
        shared = {*one.table["patient_id"]} & {*other.table["patient_id"]}
        n_shared = sum(not _PSEUDONYM.fullmatch(name) for name in shared)
        people = {_people(part, [source or part.source for source in part.table["source"]]) for part in (one, other)}
        if n_shared and len(people) == 2:
            yield (
                f"{count(n_shared, 'patient id', 'stand')} in {one.source} and in {other.source}, taken for different "
                "people. "
                "If both are of one hospital, import them with one key (`hilum data import dicom --key`), so that a "
                "patient stays one"
            )


def _about_labels(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Say where sets mean different things by one name, and where two of them hold the same films."""
    sets: dict[str, LabelSet | None] = {}
    for manifest in manifests:
        for source in manifest.table["source"].unique():
            sets.setdefault(source or manifest.source, _OF_TITLE.get(source))
    known = {source: label_set for source, label_set in sets.items() if label_set}
    for finding in FINDINGS:
        having = [source for source, label_set in known.items() if finding in label_set.findings]
        differing = {source: note for source in having if (note := _note(known[source], finding))}
        if len(having) > 1 and differing:
            words = "; ".join(f"{source}: {note}" for source, note in differing.items())
            yield f"{title_of(finding)} is not the same thing in all sets ({words})"
    if len({label_set.silence.partition(":")[0] for label_set in known.values()}) > 1:
        words = "; ".join(f"{source}: {label_set.silence}" for source, label_set in known.items())
        yield f"that a film has not got a label means different things ({words})"
    films: dict[str, list[str]] = {}
    for source, label_set in known.items():
        films.setdefault(label_set.films or label_set.title, []).append(source)
    for origin, sources in films.items():
        if len(sources) > 1:
            yield (
                f"{' and '.join(sources)} hold films of {origin}: one film may stand here under two names. "
                "`hilum data doctor` finds such pairs"
            )


def _note(label_set: LabelSet, finding: str) -> str:
    notes = (label_set.labels[name].note for name in label_set.labels_of(finding))
    return ", ".join(dict.fromkeys(filter(None, notes)))
