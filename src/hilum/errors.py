"""Every error hilum raises on purpose.

HilumError
├── UnknownNameError    a name that is in no table (also a KeyError)
├── InvalidValueError   a value out of its range, shape or vocabulary (also a ValueError)
│   ├── ConfigError     a recipe or another configuration file that cannot be used
│   └── DataError       a label file, manifest, split or store that cannot be used
│       ├── LeakError   patients of one split, or of a bundle's training, stand in another
│       └── TooManyProblemsError   more unreadable films than the user allowed
├── ImageRefusedError   one file that is not answered; carries a stable code and an advice
├── BundleError         a bundle that is not the one that was trained
├── RunError            a run folder that is locked, incomplete or not one
├── DownloadError       a data set that could not be fetched: credentials, network, checksum, or an archive refused
├── StorageError        the disk is full or cannot be written (also an OSError)
└── MissingExtraError   an optional package is absent; carries the line to install it (also an ImportError)
"""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "BundleError",
    "ConfigError",
    "DataError",
    "DownloadError",
    "HilumError",
    "ImageRefusedError",
    "InvalidValueError",
    "LeakError",
    "MissingExtraError",
    "RunError",
    "StorageError",
    "TooManyProblemsError",
    "UnknownNameError",
]


class HilumError(Exception):
    """Base of all errors a user of hilum can cause; its text says what to do."""


class UnknownNameError(HilumError, KeyError):
    """A name is in no table; the message holds the nearest name and all known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"unknown {kind} {name!r}.{hint} Known: {', '.join(names)}.")

    def __str__(self) -> str:
        return str(self.args[0])


class InvalidValueError(HilumError, ValueError):
    """A value is out of its range, shape or vocabulary."""


class ConfigError(InvalidValueError):
    """A recipe or configuration file cannot be used; names the key and the nearest one."""


class DataError(InvalidValueError):
    """A label file, manifest, split or store cannot be used."""


class LeakError(DataError):
    """A patient stands where no patient may stand twice."""


class TooManyProblemsError(DataError):
    """More films could not be read than the user allowed."""


class ImageRefusedError(HilumError):
    """One file is refused.

    Attributes:
        code: Stable, lower-case, part of the public contract (``truncated``, ``multi_frame`` ...).
        advice: One sentence that says what to do.
    """

    def __init__(self, code: str, sentence: str, advice: str) -> None:
        super().__init__(f"{sentence} {advice}")
        self.code = code
        self.sentence = sentence
        self.advice = advice

    def __reduce__(self) -> tuple[type["ImageRefusedError"], tuple[str, str, str]]:
        return type(self), (self.code, self.sentence, self.advice)


class BundleError(HilumError):
    """A bundle is refused: a digest, a golden output or the schema differs from what was trained."""


class RunError(HilumError):
    """A run folder is locked by another process, incomplete or not a run folder."""


class DownloadError(HilumError):
    """A data set could not be fetched: no credentials, no network, a wrong checksum, or an archive that is refused."""


class StorageError(HilumError, OSError):
    """Nothing could be written; what was there before is still good."""


class MissingExtraError(HilumError, ImportError):
    """An optional package is absent.

    Attributes:
        package: Its name.
        extra: The extra of hilum that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs {package}, which is not installed: pip install 'hilum[{extra}]'")
        self.package = package
        self.extra = extra
