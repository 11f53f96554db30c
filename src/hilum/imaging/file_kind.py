"""What a file is by how it begins: DICOM, or no film at all, so that a refusal can name it."""

from pathlib import Path

from hilum.imaging.refusal import refuse

__all__ = ["DICOM_START_BYTES", "PREAMBLE_BYTES", "check_known", "has_preamble", "looks_like_dicom", "starts_as_dicom"]

PREAMBLE_BYTES = 128
DICOM_START_BYTES = PREAMBLE_BYTES + 4
"""So much of a file tells whether it is DICOM."""

# Files without preamble start with a data element of group 0002 or 0008, numbered 00xx.
_BARE_DICOM = (b"\x02\0", b"\x08\0")

_ARCHIVES = {
    b"PK\x03\x04": "a ZIP archive",
    b"PK\x05\x06": "an empty ZIP archive",
    b"PK\x07\x08": "a ZIP archive in parts",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
}
_OTHERS = {
    b"GIF8": "a GIF picture",
    b"BM": "a BMP picture",
    b"%PDF": "a PDF document",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML text",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"\0\0\0\x0cjP  \r\n\x87\n": "a JPEG 2000 picture outside DICOM",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture outside DICOM",
    b"8BPS": "a Photoshop picture",
    b"MZ": "a program",
    b"\x7fELF": "a program",
    b"\xd0\xcf\x11\xe0": "an Office document",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"\x5c\x01\0\0": "a NIfTI volume",
    b"{": "a JSON text",
}
_BRANDS = {b"heic": "a HEIC picture", b"heix": "a HEIC picture", b"mif1": "a HEIF picture", b"avif": "an AVIF picture"}
_TAR_PLACE, _TAR = 257, b"ustar"


def has_preamble(start: bytes) -> bool:
    """Whether a file that begins with ``start`` has the preamble of DICOM (PS3.10 7.1)."""
    return start[PREAMBLE_BYTES:DICOM_START_BYTES] == b"DICM"


def starts_as_dicom(start: bytes) -> bool:
    """Whether a file that begins with ``start`` is DICOM, with a preamble or without."""
    return has_preamble(start) or (start.startswith(_BARE_DICOM) and start[3:4] == b"\0")


def looks_like_dicom(path: Path) -> bool:
    """Whether a file starts as DICOM does; raises OSError where it cannot be read."""
    with path.open("rb") as stream:
        return starts_as_dicom(stream.read(DICOM_START_BYTES))


def check_known(start: bytes) -> None:
    """Refuse an archive, and a file of a kind whose name is worth saying; ``start`` is its first 512 bytes."""
    for magic, name in _ARCHIVES.items():
        if start.startswith(magic):
            raise refuse("archive", f"The file is {name}.")
    if start[_TAR_PLACE : _TAR_PLACE + 5] == _TAR:
        raise refuse("archive", "The file is a tar archive.")
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        raise refuse("format", "The file is a WebP picture.")
    if start[4:8] == b"ftyp":
        raise refuse("format", f"The file is {_BRANDS.get(start[8:12], 'a film or picture of the MP4 family')}.")
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, name in _OTHERS.items():
        if start.startswith(magic) or (magic[:1] in b"<{" and text.startswith(magic)):
            raise refuse("format", f"The file is {name}.")
