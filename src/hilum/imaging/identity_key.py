"""The key that turns patients, UIDs and days into pseudonyms: the same key and patient, the same pseudonym.

Whoever holds the key and a list of patients can tell them apart again: keep it as you keep the list.
"""

import hashlib
import hmac
import os
import secrets
import stat
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from hilum.errors import InvalidValueError

__all__ = ["PSEUDONYM_LENGTH", "IdentityKey", "open_key"]

PSEUDONYM_LENGTH = 20
"""Hexadecimal digits of a pseudonym: 80 bits, so that a hundred million patients stay apart."""

_MOST_DAYS = 730
_SECRET_BYTES = 32
_UUID_ROOT = "2.25."
_BLANKS = " \0"


@dataclass(frozen=True)
class IdentityKey:
    """A secret and what follows from it, by HMAC-SHA256 (RFC 2104).

    Attributes:
        secret: At least 32 bytes that nobody can guess; never shown.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < _SECRET_BYTES:
            raise InvalidValueError(
                f"a key needs at least {_SECRET_BYTES} bytes, got {len(self.secret)}: let hilum make one by naming a "
                "file that is not there yet"
            )

    def pseudonym(self, patient_id: str) -> str:
        """Return what stands for a patient: 20 hexadecimal digits; blanks around the id do not count."""
        return self._digest("patient", patient_id).hex()[:PSEUDONYM_LENGTH]

    def uid(self, uid: str) -> str:
        """Return the UID that stands for ``uid``, under the root for those made of UUIDs (PS3.5 B.2)."""
        digest = self._digest("uid", uid)
        return f"{_UUID_ROOT}{uuid.UUID(bytes=digest[:16], version=5).int}"

    def days(self, patient_id: str) -> int:
        """Return by how many days a patient's dates move: 1 to 730, back or forth, never 0."""
        number = int.from_bytes(self._digest("days", patient_id)[:8], "big") % (2 * _MOST_DAYS)
        return number - _MOST_DAYS if number < _MOST_DAYS else number - _MOST_DAYS + 1

    def _digest(self, purpose: str, text: str) -> bytes:
        content = f"hilum {purpose} {text.strip(_BLANKS)}".encode("utf-8", "surrogatepass")
        return hmac.digest(self.secret, content, hashlib.sha256)


def open_key(path: Path, *, create: bool = True) -> IdentityKey:
    """Read a key from a file, or make one that only its owner can read.

    Args:
        path: Any file whose content, without blanks around it, is the secret; hilum writes 64 hexadecimal digits.
        create: Make the file if it is not there; else a missing one is an error.

    Raises:
        InvalidValueError: It is not there, too short, or others can read it.
        OSError: It cannot be read or written.
    """
    if path.is_dir():
        raise InvalidValueError(f"the key {path} is a folder: name a file, for instance {path / 'hospital.key'}")
    if create and not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(secrets.token_hex(_SECRET_BYTES) + "\n")
    if not path.is_file():
        raise InvalidValueError(f"there is no key {path}: name the file that the others were made with")
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InvalidValueError(f"others can read the key {path}: chmod 600 {path}, and make a new one if they did")
    return IdentityKey(path.read_bytes().strip())
