"""Whether Kaggle's client finds the user's credentials, and where it looks; what they are is never shown."""

import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path

from hilum.errors import DownloadError, MissingExtraError

__all__ = ["load_kagglehub", "require_credentials"]

_HOW_TO_GET = (
    "Get a token on Kaggle's site (your picture, Settings, API, Create New Token) and put it into "
    "~/.kaggle/access_token, readable by you alone"
)


def load_kagglehub() -> None:
    """Import Kaggle's client, made to print nothing; raises MissingExtraError if it is not installed."""
    try:
        import kagglehub.clients
    except ImportError:
        raise MissingExtraError("kagglehub", "download") from None
    # It sets up a handler that writes to stdout, and prints a line when there is a newer version of it.
    logging.getLogger("kagglehub").setLevel(logging.CRITICAL + 1)
    kagglehub.clients.already_printed_version_warning = True


def require_credentials(environment: Mapping[str, str]) -> None:
    """Check that Kaggle's client finds credentials.

    Args:
        environment: The process's variables, for the message; Kaggle's client reads them itself.

    Raises:
        DownloadError: There are none, or the file that holds them cannot be read; names the places that were looked
            at and how to get a token, never a value.
        MissingExtraError: kagglehub is not installed.
    """
    load_kagglehub()
    from kagglehub.config import get_kaggle_credentials

    found = None
    # What Kaggle's client says about a file or variable that it cannot use may quote the token.
    with contextlib.suppress(ValueError, TypeError, OSError):
        found = get_kaggle_credentials()
    if found is None:
        places = "; ".join(f"{place}: {state}" for place, state in _places(environment).items())
        raise DownloadError(f"no usable Kaggle credentials were found. Looked at {places}. {_HOW_TO_GET}")


def _places(environment: Mapping[str, str]) -> dict[str, str]:
    """Say what each place holds, in the order in which Kaggle's client looks."""
    home = Path(environment.get("HOME", "~")).expanduser()
    folder = environment.get("KAGGLE_CONFIG_DIR")
    return {
        "the variable KAGGLE_API_TOKEN": "set, but not usable" if environment.get("KAGGLE_API_TOKEN") else "not set",
        "the file ~/.kaggle/access_token": _file(home / ".kaggle" / "access_token"),
        "the variable KAGGLE_USERNAME": "set" if environment.get("KAGGLE_USERNAME") else "not set",
        "the variable KAGGLE_KEY": "set" if environment.get("KAGGLE_KEY") else "not set",
        f"the file {'KAGGLE_CONFIG_DIR' if folder else '~/.kaggle'}/kaggle.json": _file(
            (Path(folder) if folder else home / ".kaggle") / "kaggle.json"
        ),
    }


def _file(path: Path) -> str:
    return "there, but not usable" if path.is_file() else "not there"
