"""Name files that are too large to be in the repository; a hook and ``tests/test_packaging.py`` run it.

Run: ``python tools/check_sizes.py FILE…``; exits 1 if there is one.
"""

import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path

LIMIT_BYTES = 100_000
ALLOWED = ("docs/pictures/*",)
"""Pictures of the README; everything else that is large is data, and data is not committed."""


def too_large(files: Iterable[str], *, root: Path = Path()) -> list[str]:
    """Return the files above the limit, as ``name: N KB``; files that are gone are none."""
    found = []
    for name in files:
        path = root / name
        if any(fnmatch(name, pattern) for pattern in ALLOWED) or not path.is_file():
            continue
        size = path.stat().st_size
        if size > LIMIT_BYTES:
            found.append(f"{name}: {size // 1000} KB")
    return found


def main(arguments: Sequence[str]) -> int:
    """Name what is too large; returns the exit code."""
    found = too_large(arguments)
    for line in found:
        sys.stdout.write(f"{line}, and the limit is {LIMIT_BYTES // 1000} KB: data and models are not committed\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
