"""How a benchmark writes down what it measured: one row, with date and commit, at the end of a CSV file."""

import csv
from datetime import UTC, datetime
from pathlib import Path

from hilum.runs import versions

RESULTS = Path(__file__).parent / "results"


def append_row(file, **measured):
    """Append ``measured`` to ``results/<file>`` and print it."""
    row = {"date": datetime.now(UTC).date().isoformat(), "commit": versions()["commit"][:12], **measured}
    path = RESULTS / file
    new = not path.exists()
    path.parent.mkdir(exist_ok=True)
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, row, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)
    print(", ".join(f"{name} {value}" for name, value in row.items()))
