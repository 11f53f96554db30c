"""All cases of the input catalogue."""

from catalogue import cases_equivalent, cases_flag, cases_hostile, cases_refuse
from catalogue.case import Case

__all__ = ["CASES"]

CASES: list[Case] = [*cases_equivalent.CASES, *cases_refuse.CASES, *cases_flag.CASES, *cases_hostile.CASES]
