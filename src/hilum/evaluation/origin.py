"""Where the numbers of a study come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hilum.records import Pedigree, PublishedResult, RedFlag
from hilum.runs import versions

__all__ = ["Origin", "make_pedigree"]


@dataclass(frozen=True)
class Origin:
    """What those who read the input know about it.

    Attributes:
        title: What is evaluated, in a few words.
        command: The command line.
        data_digest: Of the labels.
        split: Name of the split.
        split_digest: Of the split.
        bundle_digest: Of the bundle; empty where probabilities came from a file.
        predictions_digest: Of that file; empty where a bundle answered.
        answers_digest: Of the ``predictions.csv`` that was written; empty where none was.
        phantom: Whether the films are made up.
        leaked: Whether training patients were allowed in.
        nih: Whether films and labels are ChestX-ray14's.
        counts: What came in and what was left out, in words a reader understands.
        warnings: What the numbers cannot say because of the input, one sentence each.
        red_flags: What makes them unbelievable.
        comparable: Published results of the same films, labels and findings.
        comparable_note: Why there is none, or how that is known.
    """

    title: str = ""
    command: str = ""
    data_digest: str = ""
    split: str = ""
    split_digest: str = ""
    bundle_digest: str = ""
    predictions_digest: str = ""
    answers_digest: str = ""
    phantom: bool = False
    leaked: bool = False
    nih: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    red_flags: tuple[RedFlag, ...] = ()
    comparable: tuple[PublishedResult, ...] = ()
    comparable_note: str = ""


def make_pedigree(
    origin: Origin, *, n_images: int, n_patients: int, bootstrap: int, seed: int, thresholds_from: str
) -> Pedigree:
    """Return the pedigree of a study made now by this version of hilum.

    Args:
        origin: What is known about the input.
        n_images: Films evaluated.
        n_patients: Their patients; 0 if unknown.
        bootstrap: Resamples for the intervals.
        seed: Of the resamples.
        thresholds_from: Where thresholds come from.
    """
    found = versions()
    unit = "patients" if n_patients else "films"
    intervals = (
        f"95 %, from {bootstrap:,} resamples of {unit}: percentiles, further out where {unit} are few; "
        "of an AUROC the spread on its logit, with Student's t; "
        f"a share of 0 % or 100 % has the exact binomial interval over {unit}"
    )
    return Pedigree(
        command=origin.command,
        commit=found["commit"],
        version=found["hilum"],
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        data_digest=origin.data_digest,
        split_digest=origin.split_digest,
        split=origin.split,
        n_images=n_images,
        n_patients=n_patients,
        intervals=intervals if bootstrap else "none",
        n_bootstrap=bootstrap,
        seed=seed,
        thresholds_from=thresholds_from,
        bundle_digest=origin.bundle_digest,
        predictions_digest=origin.predictions_digest,
        answers_digest=origin.answers_digest,
    )
