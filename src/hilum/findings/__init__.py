"""The vocabulary of findings, how the labels of public data sets map to it, and what uncertain labels count as."""

from hilum.findings.label_set import LABEL_SETS, Label, LabelSet
from hilum.findings.uncertain import UNCERTAIN_POLICIES, check_policy, smooth_target
from hilum.findings.vocabulary import (
    ANCESTOR_FINDINGS,
    FINDINGS,
    NIH_FINDINGS,
    NO_FINDING,
    Finding,
    get_finding,
    parse_labels,
    title_of,
)

__all__ = [
    "ANCESTOR_FINDINGS",
    "FINDINGS",
    "LABEL_SETS",
    "NIH_FINDINGS",
    "NO_FINDING",
    "UNCERTAIN_POLICIES",
    "Finding",
    "Label",
    "LabelSet",
    "check_policy",
    "get_finding",
    "parse_labels",
    "smooth_target",
    "title_of",
]
