"""The vocabulary of findings and the label rules of ChestX-ray14."""

from hilum.findings.vocabulary import (
    ANCESTOR_FINDINGS,
    FINDINGS,
    NIH_FINDINGS,
    NO_FINDING,
    Finding,
    get_finding,
    parse_labels,
)

__all__ = [
    "ANCESTOR_FINDINGS",
    "FINDINGS",
    "NIH_FINDINGS",
    "NO_FINDING",
    "Finding",
    "get_finding",
    "parse_labels",
]
