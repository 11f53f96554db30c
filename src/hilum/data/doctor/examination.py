"""What every check is given, and what a check is."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool, Int

from hilum.data.doctor.subject import MOST_NAMED, Subject
from hilum.records import DoctorCheck, Severity, SuspectFilm
from hilum.wording import count

if TYPE_CHECKING:
    from hilum.data.doctor.duplicates import DuplicatePair
    from hilum.data.doctor.pose import PoseSuspect
    from hilum.data.doctor.thumbnails import Thumbnails

__all__ = ["MOST_NAMED", "Check", "Examination", "found"]

Needs = Literal["labels", "disk", "films", "bundle", "other"]


@dataclass(frozen=True, eq=False)
class Examination:
    """What is known when the checks begin.

    Attributes:
        subject: Films and labels.
        on_disk: Whether each film is where the manifest expects it; None if nobody looked.
        thumbnails: The films, small; None if they were not opened.
        duplicates: Pairs of films that look the same.
        poses: Films that look turned, inverted or unlike the others.
        bundle_patients: Hashes of the patients that a bundle was trained on; None without a bundle.
        other: Another manifest of the same films; None without one.
    """

    subject: Subject
    on_disk: "Bool[np.ndarray, ' image'] | None" = None
    thumbnails: "Thumbnails | None" = None
    duplicates: "Sequence[DuplicatePair]" = ()
    poses: "Sequence[PoseSuspect]" = ()
    bundle_patients: frozenset[str] | None = None
    other: Subject | None = None

    def has(self, needs: Needs) -> bool:
        """Whether what a check needs is there."""
        return {
            "labels": True,
            "disk": self.on_disk is not None,
            "films": self.thumbnails is not None,
            "bundle": self.bundle_patients is not None,
            "other": self.other is not None,
        }[needs]


@dataclass(frozen=True)
class Check:
    """One entry of the table of checks.

    Attributes:
        title: What is looked for, in a few words.
        find: Gives what was found; nothing if all is well.
        needs: What it cannot do without.
        passed: Says with numbers that nothing was found; None where the title says enough.
    """

    title: str
    find: Callable[[Examination], Iterator[DoctorCheck]]
    needs: Needs = "labels"
    passed: Callable[[Examination], str] | None = None

    def praise(self, examination: Examination) -> str:
        """Return what to say where nothing was found: the title, and the numbers after a colon where there are any."""
        return f"{self.title}: {self.passed(examination)}" if self.passed else self.title


def found(
    examination: Examination,
    rows: "Int[np.ndarray, ' row'] | Sequence[int]",
    *,
    severity: Severity,
    words: tuple[str, str, str, str],
    details: "Callable[[int], str] | None" = None,
    excludes: bool = False,
) -> Iterable[DoctorCheck]:
    """Return the check that names the films in ``rows``; none if there is none.

    Args:
        examination: What is examined.
        rows: Of the manifest.
        severity: How grave it is.
        words: Code, title, sentence (``{n}`` is the number of films, ``{are}`` their verb) and fix.
        details: What is special about a film, from its row.
        excludes: Whether the doctor proposes to leave these films out.
    """
    if not len(rows):
        return ()
    code, title, sentence, fix = words
    image_ids = examination.subject.image_ids
    shown = rows if excludes else rows[:MOST_NAMED]
    films = tuple(
        SuspectFilm(image_id=image_ids[row], detail=details(int(row)) if details else "") for row in map(int, shown)
    )
    return (
        DoctorCheck(
            code=code,
            title=title,
            severity=severity,
            sentence=sentence.format(n=count(len(rows), "film"), are="is" if len(rows) == 1 else "are"),
            fix=fix,
            n_films=len(rows),
            films=films,
            excludes=excludes,
        ),
    )
