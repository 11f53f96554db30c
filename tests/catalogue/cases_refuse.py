"""What is no single frontal chest film, or cannot be read rightly: refused, with the right code."""

import gzip
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from catalogue import film as f
from catalogue.case import Case, Truth
from catalogue.cases_equivalent import grey, mode, picture
from PIL import Image as Pillow

__all__ = ["CASES"]

CT, MR, US, MAMMOGRAPHY, FOR_PROCESSING, SR = (
    f"1.2.840.10008.5.1.4.1.1.{kind}" for kind in ("2", "4", "6.1", "1.2", "1.1.1", "88.11")
)
LATERAL = {"CodeValue": "399067008", "CodingSchemeDesignator": "SCT", "CodeMeaning": "lateral projection"}


def no(name: str, row: str, what: str, build: Callable[[Path], Path], *codes: str, truth: Truth | None = None) -> Case:
    return Case(name, row, "refuse", what, "refuse", build, codes=codes, truth=truth)


KINDS = [
    no("ct", "modality", "a CT slice", f.dicom(Modality="CT", SOPClassUID=CT), "modality"),
    no("mr", "modality", "an MR slice", f.dicom(Modality="MR", SOPClassUID=MR), "modality"),
    no("us", "modality", "an ultrasound picture", f.dicom(Modality="US", SOPClassUID=US), "modality"),
    no("mammogram", "modality", "a mammogram", f.dicom(Modality="MG", SOPClassUID=MAMMOGRAPHY), "modality"),
    no("ct under dx", "modality", "CT by its SOP class, DX by its modality", f.dicom(SOPClassUID=CT), "modality"),
    *(
        no(part.lower(), "body part", f"Body Part Examined {part}", f.dicom(BodyPartExamined=part), "body_part")
        for part in ("HAND", "ABDOMEN", "SKULL")
    ),
    no("lateral ll", "lateral", "View Position LL", f.dicom(ViewPosition="LL"), "view"),
    no("lateral word", "lateral", "View Position LATERAL", f.dicom(ViewPosition="LATERAL"), "view"),
    no(
        "lateral code",
        "lateral",
        "lateral by View Code Sequence alone",
        f.dicom(ViewPosition=None, ViewCodeSequence=f.items(**LATERAL)),
        "view",
    ),
    no(
        "lateral orientation",
        "lateral",
        "lateral by Patient Orientation alone",
        f.dicom(ViewPosition=None, PatientOrientation=["A", "F"]),
        "view",
    ),
    no(
        "for processing",
        "intent",
        "Presentation Intent Type FOR PROCESSING",
        f.dicom(PresentationIntentType="FOR PROCESSING"),
        "intent",
    ),
    no(
        "for processing class",
        "intent",
        "DX for processing by its SOP class",
        f.dicom(SOPClassUID=FOR_PROCESSING),
        "intent",
    ),
    no(
        "blank",
        "not a film",
        "one grey everywhere",
        picture("film.png", grey(lambda: np.full((256, 256), 90, np.uint8))),
        "not_a_chest_radiograph",
    ),
    no(
        "blank dicom",
        "not a film",
        "0 everywhere, DICOM",
        f.deep_dicom(lambda: np.zeros((256, 256), np.uint16)),
        "not_a_chest_radiograph",
    ),
    no(
        "1 x 1",
        "not a film",
        "a single pixel",
        picture("film.png", grey(lambda: np.full((1, 1), 90, np.uint8))),
        "not_a_chest_radiograph",
    ),
]


def three_frames(folder: Path) -> Path:
    made = f.dataset(f.film(), NumberOfFrames="3")
    made.PixelData = f.film().tobytes() * 3
    return f.write(made, folder)


def without(*names: str, **tags: object) -> Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        made = f.dataset(f.film(), **tags)
        for name in names:
            delattr(made, name)
        return f.write(made, folder)

    return build


def odd_frames() -> bytes:
    made = f.dataset(f.film(), NumberOfFrames="1")
    return f.dataset_bytes(made).replace(b"\x28\0\x08\0IS\x02\x001 ", b"\x28\0\x08\0IS\x02\0ab")


def shortened(surplus: int) -> Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        made = f.dataset(f.film())
        made.PixelData = made.PixelData[:surplus]
        return f.write(made, folder)

    return build


def nan_floats(value: float) -> Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        made = f.dataset(f.film(), BitsAllocated=32)
        del made.PixelData
        values = f.film().astype("<f4")
        values[100, 100] = value
        made.add_new(0x7FE00008, "OF", values.tobytes())
        return f.write(made, folder)

    return build


def other_size(folder: Path) -> Path:
    """JPEG 2000 data of 256 x 224 under a header of 224 x 256: as many pixels."""
    made = f.dataset(f.film())
    made.compress(f.J2K_LOSSLESS, generate_instance_uid=False)
    made.Rows, made.Columns = made.Columns, made.Rows
    return f.write(made, folder)


def more_bits(folder: Path) -> Path:
    """12-bit values in JPEG 2000 under a header of 8 bits."""
    made = f.dataset(f.deep(), BitsStored=12)
    made.compress(f.J2K_LOSSLESS, generate_instance_uid=False)
    made.BitsStored, made.HighBit = 8, 7
    return f.write(made, folder)


RGB = np.dstack([f.film(), np.roll(f.film(), 40, axis=0), 255 - f.film()])

PIXELS = [
    no("3 frames", "frames", "three frames", three_frames, "multi_frame"),
    no("abc frames", "frames", "Number of Frames 'ab'", f.content(odd_frames), "multi_frame"),
    no("no pixel data", "no pixels", "no pixel data", without("PixelData"), "no_pixels"),
    no(
        "report",
        "no pixels",
        "a structured report",
        without(
            *("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
            SOPClassUID=SR,
            Modality="SR",
        ),
        "no_pixels",
        "modality",
    ),
    no("float nan", "no pixels", "Float Pixel Data with a NaN", nan_floats(np.nan), "non_finite"),
    no("float inf", "no pixels", "Float Pixel Data with infinity", nan_floats(np.inf), "non_finite"),
    no("short data", "pixel length", "pixel data one row short", shortened(-224), "pixel_mismatch"),
    no("no data", "pixel length", "pixel data of 0 bytes", shortened(0), "pixel_mismatch", "no_pixels"),
    no("rows 0", "65535", "Rows 0", f.dicom(Rows=0), "pixel_mismatch"),
    no("no rows", "65535", "no Rows at all", without("Rows"), "pixel_mismatch"),
    no("other size", "syntax", "JPEG 2000 of another shape than the header's", other_size, "pixel_mismatch"),
    no("more bits", "bits", "JPEG 2000 of more bits than the header's", more_bits, "pixel_mismatch"),
    no("bits 17 of 16", "bits", "17 of 16 bits stored", f.dicom(f.deep, BitsStored=17), "pixel_mismatch"),
    no(
        "7 bits allocated",
        "bits",
        "7 bits allocated",
        f.dicom(BitsAllocated=7, BitsStored=7),
        "pixel_mismatch",
        "undecodable",
    ),
    no("slope 0", "rescale", "Rescale Slope 0", f.deep_dicom(RescaleSlope=0, RescaleIntercept=0), "pixel_mismatch"),
    no(
        "slope nan",
        "rescale",
        "Rescale Slope 'nan'",
        f.deep_dicom(RescaleIntercept=0, RescaleSlope="nan"),
        "pixel_mismatch",
        "undecodable",
    ),
    no(
        "empty lut",
        "rescale",
        "an empty Modality LUT",
        f.deep_dicom(ModalityLUTSequence=f.lut(4096, 0, 16, np.zeros(0))),
        "pixel_mismatch",
        "undecodable",
    ),
    no(
        "dicom palette",
        "png",
        "DICOM by a colour palette",
        f.dicom(PhotometricInterpretation="PALETTE COLOR"),
        "colour",
    ),
    no("dicom rgb", "png", "DICOM in colour", f.dicom(lambda: RGB), "colour"),
    no(
        "mpeg",
        "syntax",
        "an MPEG stream",
        f.dicom(syntax="1.2.840.10008.1.2.4.100", frames=[b"\0\0\1\xb3" * 40]),
        "transfer_syntax",
    ),
    no(
        "unknown syntax",
        "syntax",
        "a transfer syntax that does not exist",
        f.dicom(syntax="1.2.3.4.5"),
        "transfer_syntax",
        "undecodable",
    ),
    no(
        "no jpeg",
        "syntax",
        "text where JPEG should be",
        f.dicom(syntax=f.JPEG_SV1, frames=[b"\xff\xd8 this is no JPEG"]),
        "undecodable",
        "truncated",
    ),
]


def pages(kind: str, ending: str) -> Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        path = folder / f"film.{ending}"
        first, second = Pillow.fromarray(f.film()), Pillow.fromarray(np.ascontiguousarray(f.film()[::-1]))
        first.save(path, kind, save_all=True, append_images=[second])
        return path

    return build


def float_tiff(value: float) -> Callable[[Path], Path]:
    def pixels() -> np.ndarray:
        values = (f.film() / 255).astype(np.float32)
        values[100, 100] = value
        return values

    return picture("film.tif", grey(pixels))


def other(kind: str) -> Callable[[Path], Path]:
    return picture(f"film.{kind}", mode("L"), format=kind.upper())


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400)
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"/>'

PICTURES = [
    no("colour png", "png", "a colour photograph as PNG", picture("film.png", lambda: Pillow.fromarray(RGB)), "colour"),
    no(
        "colour palette",
        "png",
        "a palette of colours",
        picture("film.png", lambda: Pillow.fromarray(RGB).quantize(64)),
        "colour",
    ),
    no("animated png", "png", "a PNG of two frames", pages("PNG", "png"), "multi_frame"),
    no(
        "colour jpeg",
        "jpeg",
        "a colour photograph as JPEG",
        picture("film.jpg", lambda: Pillow.fromarray(RGB), quality=90),
        "colour",
    ),
    no(
        "cmyk jpeg",
        "jpeg",
        "JPEG in CMYK, as printers have it",
        picture("film.jpg", mode("CMYK"), quality=90),
        "colour",
    ),
    no(
        "12-bit jpeg",
        "jpeg",
        "a JPEG of 12 bits outside DICOM",
        f.content(lambda: f.jpeg_header(12)),
        "undecodable",
        "truncated",
    ),
    no("tiff pages", "other pictures", "a TIFF of two pages", pages("TIFF", "tif"), "multi_frame"),
    no("tiff nan", "other pictures", "a floating TIFF with a NaN", float_tiff(np.nan), "non_finite"),
    no("tiff inf", "other pictures", "a floating TIFF with infinity", float_tiff(np.inf), "non_finite"),
    no("tiff range", "other pictures", "a floating TIFF with a 2", float_tiff(2), "value_range"),
    no(
        "tiff 32 bit",
        "other pictures",
        "a TIFF of 32-bit whole numbers",
        picture("film.tif", grey(lambda: f.film().astype(np.int32) * 65537)),
        "value_range",
    ),
    *(
        no(kind, "other pictures", kind.upper(), other(kind), "format", truth=f.film_grey if kind != "pdf" else None)
        for kind in ("webp", "gif", "bmp", "pdf")
    ),
    no("heic", "other pictures", "HEIC", f.content(HEIC, "film.heic"), "format"),
    no("svg", "other pictures", "SVG", f.content(SVG, "film.svg"), "format"),
]


def zipped(folder: Path) -> Path:
    path = folder / "films.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(f.dicom()(folder), "film.dcm")
    return path


def tarred(folder: Path) -> Path:
    path = folder / "films.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(f.dicom()(folder), "film.dcm")
    return path


def named_pipe(folder: Path) -> Path:
    path = folder / "film.dcm"
    os.mkfifo(path)
    return path


def directory(folder: Path) -> Path:
    path = folder / "film.dcm"
    path.mkdir()
    return path


def dangling(folder: Path) -> Path:
    path = folder / "film.dcm"
    path.symlink_to(folder / "gone.dcm")
    return path


ELF = b"\x7fELF\x02\x01\x01" + bytes(500)

FILES = [
    no("0 bytes", "no film", "an empty file", f.content(b""), "empty"),
    no("1 byte", "no film", "one byte", f.content(b"x"), "format", "truncated"),
    no("132 bytes", "no film", "132 zeros", f.content(bytes(132)), "truncated", "format"),
    no("dicm only", "no film", "preamble and DICM, nothing else", f.content(bytes(128) + b"DICM"), "truncated"),
    no("text", "no film", "a text", f.content(b"Lungs clear. " * 50, "film.png"), "format"),
    no("json", "no film", "JSON", f.content(b'{"film": [1, 2, 3], "rows": 4}' * 9), "format"),
    no("program pe", "no film", "a Windows program", f.content(b"MZ\x90\0" + bytes(800)), "format"),
    no("program elf", "no film", "a Linux program", f.content(ELF), "format"),
    no("zip", "archives", "a ZIP archive of a film", zipped, "archive"),
    no("tar", "archives", "a TAR archive of a film", tarred, "archive"),
    no(
        "gzip",
        "archives",
        "a film in gzip",
        f.content(lambda: gzip.compress(f.dataset_bytes(f.dataset(f.film())), 1)),
        "archive",
    ),
    no(
        "7z",
        "archives",
        "the start of a 7z archive",
        f.content(b"7z\xbc\xaf\x27\x1c\0\4" + bytes(300), "films.7z"),
        "archive",
    ),
    no("missing", "file names", "no such file", lambda folder: folder / "gone.dcm", "missing"),
    no("nul name", "file names", "NUL in the name", lambda folder: folder / "film\0.dcm", "missing"),
    no("dangling link", "file names", "a link to nothing", dangling, "missing"),
    no("directory", "file names", "a folder called film.dcm", directory, "missing"),
    no("pipe", "file names", "a named pipe", named_pipe, "format"),
    no("device", "file names", "an endless device", lambda folder: Path("/dev/zero"), "format"),
]

CASES = [*KINDS, *PIXELS, *PICTURES, *FILES]
