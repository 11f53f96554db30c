"""Make .venv and install hilum into it, once. Needs nothing but a python3 with venv.

Runs on whatever ``python3`` a machine has, so that an old one gets a sentence instead of a
syntax error: no syntax here that Python 3.6 cannot read.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "hilum-installed"
LOG = VENV / "setup.log"
EXTRAS = "dicom,download,track,dev"


def main() -> None:
    """Set up what is missing; print one line with the time it took, or nothing if all is there."""
    if sys.version_info[:2] < (3, 11):  # noqa: UP036 - an old Python is what it looks for
        sys.exit(
            f"hilum needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.\n"
            "Point make at a newer one, for instance: make PYTHON=python3.12 demo"
        )
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        sys.exit("this Python has no venv module. On Debian and Ubuntu: apt-get install python3-venv")
    pins = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    wanted = hashlib.sha256(pins).hexdigest()
    if not STAMP.is_file() or STAMP.read_text() != wanted:
        install()
    STAMP.write_text(wanted)


def install() -> None:
    """Run venv and pip quietly; what they say goes to a log that is shown only if they fail."""
    sys.stdout.write(" setting up .venv (once) ")
    sys.stdout.flush()
    started = time.monotonic()
    VENV.mkdir(exist_ok=True)
    python = VENV / "bin" / "python"
    if not python.exists():
        run([sys.executable, "-m", "venv", str(VENV)])
    run([str(python), "-m", "pip", "install", "-c", "constraints.txt", "-e", f".[{EXTRAS}]"])
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    took = f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
    sys.stdout.write(f"{'.' * 45} {took}\n")


def run(command: list) -> None:
    """Run one command from the project's root; end with the log's last lines if it fails."""
    strangers = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {key: value for key, value in os.environ.items() if key not in strangers}
    with LOG.open("a") as log:
        code = subprocess.call(command, cwd=str(ROOT), env=environment, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603
    if code:
        sys.exit(f"failed; the last lines of {LOG}:\n{''.join(LOG.read_text().splitlines(keepends=True)[-15:])}")


if __name__ == "__main__":
    main()
