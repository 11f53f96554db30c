"""Write one measured number into ``docs/results/figures.json``, with where it comes from.

Run: ``python tools/record_figure.py demo_minutes 4.2 --unit min --n 1 --command "make demo"``.
A name that is there already is replaced; git keeps the old one.
"""

import argparse
import json
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from hilum.runs import versions, write_text

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "results" / "figures.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and write."""
    parser = argparse.ArgumentParser(description="Write one measured number into docs/results/figures.json.")
    parser.add_argument("name", help="lower case and underscores, such as demo_minutes")
    parser.add_argument("value", type=float, help="the number")
    parser.add_argument("--unit", required=True, help="min, s, films/s, AUROC, %% ...")
    parser.add_argument("--n", type=int, required=True, help="over how many it was measured: films, repeats, calls")
    parser.add_argument("--command", required=True, help="the command that gives the number again")
    parser.add_argument("--file", type=Path, default=FIGURES, help="another file than docs/results/figures.json")
    given = parser.parse_args(arguments)
    try:
        record(given.file, given.name, given.value, unit=given.unit, n=given.n, command=given.command)
    except ValueError as error:
        parser.error(str(error))


def record(file: Path, name: str, value: float, *, unit: str, n: int, command: str) -> None:
    """Put a figure into a file of figures, which stays sorted by name.

    Raises:
        ValueError: The name is not in lower case, the value not finite, ``n`` below 1, or unit or command empty.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"name {name!r}: expected lower case and underscores, such as demo_minutes")
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}: a figure is a finite number; leave it out where it is undefined")
    if n < 1 or not unit.strip() or not command.strip():
        raise ValueError(f"{name} needs a unit, a command and n of at least 1; got {unit!r}, {command!r}, {n}")
    figures = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    figures[name] = {
        "value": value,
        "unit": unit,
        "n": n,
        "command": command,
        "commit": versions()["commit"],
        "date": datetime.now(UTC).date().isoformat(),
    }
    write_text(file, json.dumps(figures, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
