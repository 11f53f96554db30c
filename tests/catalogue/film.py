"""The film all cases are made of, and the files they are written to: every stored value is known."""

import io
import shutil
import struct
import subprocess
import warnings
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
from catalogue.case import ProgramMissingError
from PIL import Image as Pillow
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from hilum.phantoms import render_film

CANARY = "Zzyzx"
"""Stands wherever a patient's name, number or date could; must never be repeated."""

DX, EXPLICIT, IMPLICIT, BIG_ENDIAN = (
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.2",
)
DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
JPEG, JPEG_EXTENDED, JPEG_LOSSLESS, JPEG_SV1, JPEG_LS, JPEG_LS_NEAR, J2K_LOSSLESS, J2K, HTJ2K_LOSSLESS = (
    f"1.2.840.10008.1.2.4.{kind}" for kind in (50, 51, 57, 70, 80, 81, 90, 91, 201)
)
WINDOW = {"WindowCenter": 2048, "WindowWidth": 4096}
"""Takes 12 bits linearly to [0, 1]."""


@cache
def film() -> np.ndarray:
    """A phantom, 256 x 224, 8 bits, not square, without symmetry."""
    pixels = np.ascontiguousarray(render_film(0, 0, size_px=256).pixels[:, 16:240])
    pixels.flags.writeable = False
    return pixels


@cache
def deep() -> np.ndarray:
    """The film with 12 bits: ``deep() >> 4`` is the film."""
    rows, columns = np.indices(film().shape)
    pixels = film().astype(np.uint16) * 16 + ((rows * 7 + columns * 13) % 16).astype(np.uint16)
    pixels.flags.writeable = False
    return pixels


def film_grey() -> np.ndarray:
    return film() / 255


def deep_grey() -> np.ndarray:
    return deep() / 4095


def stretched() -> np.ndarray:
    """The deep film over its own range."""
    low, high = int(deep().min()), int(deep().max())
    return (deep() - float(low)) / (high - low)


def htj2k_picture() -> np.ndarray:
    """What the HTJ2K codestream below holds."""
    rows, columns = np.indices((160, 136))
    return np.clip(40 + rows + columns**2 // 160, 0, 255).astype(np.uint8)


# --- DICOM -----------------------------------------------------------------------------------------------------------


def dataset(stored: np.ndarray, *, frames: list[bytes] | None = None, syntax: str = EXPLICIT, **tags: object):
    """A DX data set of stored values; ``tags`` override, None removes."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = tags.get("SOPClassUID") or DX
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    made = pydicom.Dataset()
    made.file_meta = meta
    bits = stored.dtype.itemsize * 8
    header = {
        "SOPClassUID": DX,
        "SOPInstanceUID": "1.2.3",
        "StudyInstanceUID": "1.2.3.1",
        "SeriesInstanceUID": "1.2.3.2",
        "PatientName": f"{CANARY}^Canary",
        "PatientID": CANARY,
        "AccessionNumber": CANARY,
        "InstitutionName": CANARY,
        "PatientBirthDate": "19501231",
        "StudyDate": "20010203",
        "Modality": "DX",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "PatientOrientation": ["L", "F"],
        "PatientAge": "050Y",
        "PatientSex": "F",
        "PresentationIntentType": "FOR PRESENTATION",
        "PixelSpacing": [0.2, 0.2],
        "SamplesPerPixel": 3 if stored.ndim == 3 else 1,
        "PhotometricInterpretation": "RGB" if stored.ndim == 3 else "MONOCHROME2",
        "Rows": stored.shape[0],
        "Columns": stored.shape[1],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": None,
        "PixelRepresentation": int(stored.dtype.kind == "i"),
        **({"PlanarConfiguration": 0} if stored.ndim == 3 else {}),
        **tags,
    }
    if header["HighBit"] is None:
        header["HighBit"] = int(header["BitsStored"]) - 1
    for name, value in header.items():
        if value is not None:
            setattr(made, name, value)
    content = stored.tobytes()
    made.PixelData = encapsulate(frames) if frames else content + b"\0" * (len(content) % 2)
    made["PixelData"].VR = "OB" if bits == 8 or frames else "OW"
    return made


def write(made: pydicom.Dataset, folder: Path, name: str = "film.dcm") -> Path:
    path = folder / name
    path.write_bytes(dataset_bytes(made))
    return path


def dataset_bytes(made: pydicom.Dataset) -> bytes:
    """A whole file's bytes."""
    buffer, syntax = io.BytesIO(), made.file_meta.TransferSyntaxUID
    made.preamble = bytes(128)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom tells of values that are wrong on purpose
        pydicom.dcmwrite(
            buffer, made, implicit_vr=syntax == IMPLICIT, little_endian=syntax != BIG_ENDIAN, force_encoding=True
        )
    return buffer.getvalue()


def dicom(stored: Callable[[], np.ndarray] = film, **tags: object) -> Callable[[Path], Path]:
    """Builds a DICOM file of stored values."""
    return lambda folder: write(dataset(stored(), **tags), folder)


def deep_dicom(stored: Callable[[], np.ndarray] = deep, **tags: object) -> Callable[[Path], Path]:
    """Builds a DICOM file of 12 bits with the window that takes them to [0, 1]."""
    return dicom(stored, **{"BitsStored": 12, **WINDOW, **tags})


def lut(entries: int, first: int, bits: int, data: np.ndarray) -> Sequence:
    item = pydicom.Dataset()
    item.LUTDescriptor = [entries, first, bits]
    item["LUTDescriptor"].VR = "US"
    item.add_new("LUTData", "US", [int(value) for value in data])
    return Sequence([item])


def items(**tags: object) -> Sequence:
    """A sequence of one item."""
    item = pydicom.Dataset()
    for name, value in tags.items():
        setattr(item, name, value)
    return Sequence([item])


def by_program(*command: str, stored: Callable[[], np.ndarray] = deep, **tags: object) -> Callable[[Path], Path]:
    """Builds a DICOM file compressed by a program of dcmtk."""

    def build(folder: Path) -> Path:
        if shutil.which(command[0]) is None:
            raise ProgramMissingError(f"{command[0]} (Debian package dcmtk) is not installed")
        plain = write(dataset(stored(), **tags), folder, "plain.dcm")
        path = folder / "film.dcm"
        subprocess.run([*command, str(plain), str(path)], check=True, capture_output=True, timeout=60)
        plain.unlink()
        return path

    return build


def compressed(syntax: str, stored: Callable[[], np.ndarray] = deep, **tags: object) -> Callable[[Path], Path]:
    """Builds a DICOM file compressed by pydicom and its plug-ins."""

    def build(folder: Path) -> Path:
        made = dataset(stored(), **tags)
        options = {"j2k_cr": [20]} if syntax == J2K else {}
        made.compress(syntax, generate_instance_uid=False, **options)
        return write(made, folder)

    return build


def element(group: int, number: int, vr: bytes, value: bytes, *, length: int | None = None) -> bytes:
    """An element in explicit little endian; ``length`` is what it says instead of the truth."""
    said = len(value) if length is None else length
    if vr in {b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC", b"OF"}:
        return struct.pack("<HH2sHI", group, number, vr, 0, said) + value
    return struct.pack("<HH2sH", group, number, vr, said) + value


def file_start(syntax: str = EXPLICIT) -> bytes:
    """Preamble and meta information, by hand."""
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    meta = element(2, 0x10, b"UI", uid)
    return bytes(128) + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta


def header_bytes() -> bytes:
    """The elements of group 0008 of a chest film, by hand, sorted."""
    return element(8, 0x16, b"UI", DX.encode() + b"\0" * (len(DX) % 2)) + element(8, 0x60, b"CS", b"DX")


# --- pictures --------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_file(width: int, height: int, depth: int, colour: int, rows: bytes, *, extra: bytes = b"", adam7: bool = False):
    """A PNG file by hand; ``rows`` are filtered lines."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(adam7))
    parts = (chunk(b"IHDR", header), extra, chunk(b"IDAT", zlib.compress(rows, 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def adam7_rows(pixels: np.ndarray) -> bytes:
    """The seven passes of an interlaced PNG (PNG 8.2), without filters."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    lines = [
        b"\0" + line.tobytes()
        for row, column, down, across in passes
        for line in pixels[row::down, column::across]
        if line.size
    ]
    return b"".join(lines)


def content(data: bytes | Callable[[], bytes], name: str = "film.dcm") -> Callable[[Path], Path]:
    """Builds a file of these bytes."""

    def build(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data if isinstance(data, bytes) else data())
        return path

    return build


def cuts(build: Callable[[Path], Path], *, parts: int = 64) -> Callable[[Path], Path]:
    """Builds a folder of a file's beginnings: 1/64 of it, 2/64 ... 63/64, and 0."""

    def cut(folder: Path) -> Path:
        whole = build(folder)
        data = whole.read_bytes()
        whole.unlink()
        target = folder / "cuts"
        target.mkdir()
        for part in range(parts):
            (target / f"{part:02d}{whole.suffix}").write_bytes(data[: len(data) * part // parts])
        return target

    return cut


def renamed(build: Callable[[Path], Path], name: str, folder: Path) -> Path:
    return build(folder).rename(folder / name)


def linked(build: Callable[[Path], Path]) -> Callable[[Path], Path]:
    def link(folder: Path) -> Path:
        path = folder / "link.dcm"
        path.symlink_to(build(folder))
        return path

    return link


PERSONAL = [
    "PatientName",
    "PatientID",
    "PatientBirthName",
    "OtherPatientNames",
    "PatientAddress",
    "PatientMotherBirthName",
    "PatientTelephoneNumbers",
    "PatientComments",
    "EthnicGroup",
    "Occupation",
    "AdditionalPatientHistory",
    "AccessionNumber",
    "StudyID",
    "StudyDescription",
    "SeriesDescription",
    "InstitutionName",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "StationName",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "OperatorsName",
    "PhysiciansOfRecord",
    "RequestingPhysician",
    "DeviceSerialNumber",
    "ProtocolName",
    "RequestedProcedureDescription",
    "ImageComments",
    "AdmissionID",
    "IssuerOfPatientID",
    "CurrentPatientLocation",
]
"""Where a header may say who the film is of, or who made it."""


def jpeg_header(bits: int, width: int = 224, height: int = 256) -> bytes:
    """A JPEG file's frame header, extended process, and a scan of nothing."""
    frame = struct.pack(">BHHBBBB", bits, height, width, 1, 1, 0x11, 0)
    scan = struct.pack(">BBBBBB", 1, 1, 0, 0, 63, 0)
    parts = b"".join(
        b"\xff" + kind + struct.pack(">H", len(body) + 2) + body for kind, body in ((b"\xc1", frame), (b"\xda", scan))
    )
    return b"\xff\xd8" + parts + bytes(500) + b"\xff\xd9"


def deflated_film(folder: Path) -> Path:
    """The deep film, deflated, without a program of dcmtk."""
    made = dataset(deep(), BitsStored=12, **WINDOW)
    whole = dataset_bytes(made)
    start = 132 + 12 + struct.unpack_from("<I", whole, 140)[0]
    packer = zlib.compressobj(9, wbits=-15)
    path = folder / "film.dcm"
    path.write_bytes(file_start(DEFLATED) + packer.compress(whole[start:]) + packer.flush())
    return path


def tiff_entries(pixels: np.ndarray) -> tuple[bytearray, dict[int, int]]:
    """A little endian TIFF file, and where the entry of each tag stands in it."""
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "TIFF")
    data = bytearray(buffer.getvalue())
    first = struct.unpack_from("<I", data, 4)[0]
    places = [first + 2 + 12 * number for number in range(struct.unpack_from("<H", data, first)[0])]
    return data, {struct.unpack_from("<H", data, place)[0]: place for place in places}


def deflated_zeros(megabytes: int) -> bytes:
    """A raw deflate stream of zeros, a thousand times shorter than they are, made in no time."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * megabytes + b"\x03\0"


def zlib_zeros(megabytes: int, start: bytes = b"") -> bytes:
    """A zlib stream of ``start`` and zeros."""
    packer = zlib.compressobj(9, wbits=-15)
    sums = zlib.adler32(start)
    low, high = sums & 0xFFFF, sums >> 16
    high = (high + low * megabytes * 2**20) % 65521
    first = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + first + deflated_zeros(megabytes) + struct.pack(">HH", high, low)
