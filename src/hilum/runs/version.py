"""Which code made a run: package versions and the commit, without importing or starting anything."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["versions"]

_PACKAGES = ("hilum", "torch", "numpy", "timm")


def versions() -> dict[str, str]:
    """Return the versions of hilum, Python and what answers depend on, and the ``commit``.

    Returns:
        Name to version; empty where a package is not installed, or where hilum does not run from a checkout.
    """
    found = {name: _version(name) for name in _PACKAGES}
    return {**found, "python": platform.python_version(), "commit": read_commit(Path(__file__).parents[3])}


def read_commit(checkout: Path) -> str:
    """Return the 40 digits of the commit checked out at ``checkout``; empty if it is no git checkout."""
    git = checkout / ".git"
    try:
        if git.is_file():  # a work tree: the file names the real folder
            git = checkout / git.read_text().removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        return _read_ref(git, head.removeprefix("ref: "))
    except OSError:
        return ""


def _read_ref(git: Path, ref: str) -> str:
    common = git / "commondir"
    store = git / common.read_text().strip() if common.exists() else git
    if (store / ref).exists():
        return (store / ref).read_text().strip()
    for line in (store / "packed-refs").read_text().splitlines():
        digest, _, name = line.partition(" ")
        if name == ref:
            return digest
    return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
