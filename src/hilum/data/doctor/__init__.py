"""The data doctor: what would make a number measured on these films wrong, and what to leave out."""

from hilum.data.doctor.examination import Check, Examination
from hilum.data.doctor.examine import CHECKS, examine_manifest
from hilum.data.doctor.exclusion import exclude_films, proposed_exclusions, read_exclusions, write_exclusions
from hilum.data.doctor.measurable import expected_interval
from hilum.data.doctor.shortcut import PROBES, Probe
from hilum.data.doctor.subject import LABEL_ENDINGS, Subject, read_subject

__all__ = [
    "CHECKS",
    "LABEL_ENDINGS",
    "PROBES",
    "Check",
    "Examination",
    "Probe",
    "Subject",
    "examine_manifest",
    "exclude_films",
    "expected_interval",
    "proposed_exclusions",
    "read_exclusions",
    "read_subject",
    "write_exclusions",
]
