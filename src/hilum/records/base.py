"""What every record has in common: immutable, no unknown fields, NaN written as null."""

import json
import math
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from hilum.errors import DataError

__all__ = ["Columns", "Estimate", "Interval", "Number", "Record"]


def _null_to_nan(value: object) -> object:
    return math.nan if value is None else value


Number = Annotated[float, BeforeValidator(_null_to_nan)]
"""A float; NaN means undefined and stands as ``null`` in JSON."""


class Record(BaseModel):
    """Base of all records that cross rooms or processes."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    written_anew_by: ClassVar[str] = ""
    """What to do with a record of another ``schema_version``; empty for records that have none."""

    def to_json(self) -> str:
        """Return the record as indented JSON; NaN and infinities become ``null``."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, *, source: str = "the JSON text") -> Self:
        """Read a record back; raises DataError for another version, or naming the first field that does not fit."""
        cls._check_version(text, source)
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            path = ".".join(str(part) for part in first["loc"]) or "document"
            raise DataError(f"{source} is no {cls.__name__}: {path}: {first['msg'].lower()}") from None

    @classmethod
    def _check_version(cls, text: str | bytes, source: str) -> None:
        """Refuse another version's form before its fields are looked at."""
        if not cls.written_anew_by:
            return
        ours = cls.model_fields["schema_version"].default
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return
        came = document.get("schema_version", ours) if isinstance(document, dict) else ours
        if came != ours:
            raise DataError(
                f"{source} is {cls.__name__} of schema version {came}; this hilum reads version {ours}. "
                f"{cls.written_anew_by}, or read it with the hilum that wrote it."
            )


class Columns(Record):
    """A record whose lists are columns of one table, and so equally long."""

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        lengths = {name: len(value) for name, value in self if isinstance(value, tuple)}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{name} {n}" for name, n in lengths.items())
            raise ValueError(f"expected lists of one length, got {said}")
        return self


class Interval(Record):
    """A value with its 95 % interval; all three NaN where the value is undefined.

    Attributes:
        value: The estimate.
        low: Lower end of the interval; NaN if no interval was computed.
        high: Upper end.
    """

    value: Number = math.nan
    low: Number = math.nan
    high: Number = math.nan


class Estimate(Interval):
    """A number with its 95 % interval; NaN with a ``reason`` where it is undefined.

    Attributes:
        reason: Why the value, or its interval, is NaN; empty otherwise.
    """

    reason: str = ""
