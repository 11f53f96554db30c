"""Other encodings of one film: what comes out is the film."""

import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from catalogue import film as f
from catalogue.case import Case, Truth
from catalogue.htj2k import htj2k_file
from PIL import Image as Pillow

__all__ = ["CASES"]

ORIENTATION = 0x0112
# What a camera that holds the film so writes: what undoes orientation n, done backwards.
STORED_AS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda pixels: pixels,
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda pixels: np.rot90(pixels, 1),
    7: lambda pixels: np.rot90(pixels, 2).T,
    8: lambda pixels: np.rot90(pixels, -1),
}


def picture(name: str, pixels: Callable[[], Pillow.Image], **options: object) -> Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        path = folder / name
        pixels().save(path, **options)
        return path

    return build


def grey(pixels: Callable[[], np.ndarray] = f.film) -> Callable[[], Pillow.Image]:
    return lambda: Pillow.fromarray(np.ascontiguousarray(pixels()))


def mode(name: str) -> Callable[[], Pillow.Image]:
    return lambda: Pillow.fromarray(f.film()).convert(name)


def palette() -> Pillow.Image:
    """Indices run against the grey levels."""
    made = Pillow.frombytes("P", f.film().shape[::-1], (255 - f.film()).tobytes())
    made.putpalette([255 - level for level in range(256) for _ in range(3)])
    return made


def oriented(orientation: int) -> Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        exif = Pillow.Exif()
        exif[ORIENTATION] = orientation
        path = folder / "film.png"
        Pillow.fromarray(np.ascontiguousarray(STORED_AS[orientation](f.film()))).save(path, exif=exif)
        return path

    return build


def interlaced() -> bytes:
    height, width = f.film().shape
    return f.png_file(width, height, 8, 0, f.adam7_rows(f.film()), adam7=True)


def bilevel() -> np.ndarray:
    return f.film() > 110


def white_is_zero() -> bytes:
    data, entries = f.tiff_entries(255 - f.film())
    struct.pack_into("<H", data, entries[262] + 8, 0)
    return bytes(data)


def looped() -> bytes:
    """A TIFF whose directory says that the next one is itself."""
    data, entries = f.tiff_entries(f.film())
    first = struct.unpack_from("<I", data, 4)[0]
    struct.pack_into("<I", data, first + 2 + 12 * len(entries), first)
    return bytes(data)


def same(name: str, row: str, what: str, build: Callable[[Path], Path], **more: object) -> Case:
    """A case of the 8-bit film, or of ``truth``."""
    truth = more.pop("truth", f.film_grey)
    return Case(name, row, "equivalent", what, "accept", build, truth=truth, **more)  # type: ignore[arg-type]


def plain(stored: Callable[[], np.ndarray] = f.film, **tags: object) -> Callable[[Path], Path]:
    return f.dicom(stored, **tags)


def twelve(name: str, row: str, what: str, build: Callable[[Path], Path], truth: Truth = f.deep_grey) -> Case:
    """A case of the 12-bit film."""
    return same(name, row, what, build, truth=truth, oracle=True)


PICTURES = [
    same("png 8 bit", "png", "8-bit grey PNG", picture("film.png", grey())),
    same(
        "png 16 bit",
        "png",
        "16-bit grey PNG, all levels in use",
        picture("film.png", grey(lambda: f.film().astype(np.uint16) * 257)),
    ),
    same("png adam7", "png", "interlaced PNG", f.content(interlaced, "film.png")),
    same("png rgb", "png", "grey stored as RGB", picture("film.png", mode("RGB"))),
    same("png rgba", "png", "grey stored as RGBA, opaque", picture("film.png", mode("RGBA"))),
    same("png la", "png", "grey with an opaque alpha", picture("film.png", mode("LA"))),
    same("png palette", "png", "palette of greys, indices backwards", picture("film.png", palette)),
    same(
        "png 1 bit",
        "png",
        "1-bit PNG",
        picture("film.png", lambda: Pillow.fromarray(bilevel())),
        truth=lambda: bilevel().astype(float),
        also=("collimated", "unlike_chest"),
    ),
    same("png called dcm", "png", "PNG under the ending .dcm", picture("film.dcm", grey(), format="PNG")),
    same(
        "jpeg q90",
        "jpeg",
        "JPEG, quality 90",
        picture("film.jpg", grey(), quality=90),
        tolerance=0.25,
        mean_tolerance=0.02,
    ),
    same(
        "jpeg progressive",
        "jpeg",
        "progressive JPEG, quality 90",
        picture("film.jpg", grey(), quality=90, progressive=True),
        tolerance=0.25,
        mean_tolerance=0.02,
    ),
    same(
        "jpeg rgb",
        "jpeg",
        "grey as YCbCr JPEG, quality 90",
        picture("film.jpg", mode("RGB"), quality=90),
        tolerance=0.25,
        mean_tolerance=0.02,
    ),
    *(
        same(f"exif {number}", "exif", f"PNG that says it was held so (EXIF {number})", oriented(number))
        for number in STORED_AS
    ),
    same("tiff", "other pictures", "8-bit TIFF", picture("film.tif", grey())),
    same("tiff lzw", "other pictures", "8-bit TIFF, LZW", picture("film.tif", grey(), compression="tiff_lzw")),
    same(
        "tiff deflate",
        "other pictures",
        "8-bit TIFF, Deflate",
        picture("film.tif", grey(), compression="tiff_adobe_deflate"),
    ),
    same(
        "tiff 16 bit",
        "other pictures",
        "16-bit TIFF",
        picture("film.tif", grey(lambda: f.film().astype(np.uint16) * 257)),
    ),
    same(
        "tiff float",
        "other pictures",
        "TIFF of floats in [0, 1]",
        picture("film.tif", grey(lambda: (f.film() / 255).astype(np.float32))),
    ),
    same("tiff white is zero", "other pictures", "TIFF whose 0 is white", f.content(white_is_zero, "film.tif")),
    same("bigtiff", "other pictures", "BigTIFF", picture("film.tif", grey(), big_tiff=True)),
    same("tiff loop", "other pictures", "a TIFF whose pages run in a circle: one page", f.content(looped, "film.tif")),
]

SYNTAXES = [
    same("dicom explicit", "syntax", "8 bits, explicit little endian", plain(), oracle=True),
    same("dicom implicit", "syntax", "8 bits, implicit little endian", plain(syntax=f.IMPLICIT), oracle=True),
    twelve(
        "dicom big endian",
        "syntax",
        "12 bits, explicit big endian",
        f.by_program("dcmconv", "+tb", BitsStored=12, **f.WINDOW),
    ),
    same(
        "dicom deflated",
        "syntax",
        "deflated explicit little endian",
        f.by_program("dcmconv", "+td", stored=f.film),
        oracle=True,
    ),
    same(
        "dicom bare",
        "syntax",
        "without preamble and meta information",
        f.by_program("dcmconv", "-F", "+ti", stored=f.film),
    ),
    twelve("dicom rle", "syntax", "RLE", f.compressed(f.RLE, BitsStored=12, **f.WINDOW)),
    twelve(
        "dicom jpeg lossless sv1",
        "syntax",
        "JPEG lossless, first-order prediction",
        f.by_program("dcmcjpeg", "+e1", BitsStored=12, **f.WINDOW),
    ),
    twelve(
        "dicom jpeg lossless",
        "syntax",
        "JPEG lossless, process 14",
        f.by_program("dcmcjpeg", "+el", BitsStored=12, **f.WINDOW),
    ),
    twelve("dicom jpeg-ls", "syntax", "JPEG-LS lossless", f.by_program("dcmcjpls", "+el", BitsStored=12, **f.WINDOW)),
    same(
        "dicom jpeg 2000",
        "syntax",
        "JPEG 2000 lossless",
        f.compressed(f.J2K_LOSSLESS, BitsStored=12, **f.WINDOW),
        truth=f.deep_grey,
    ),
    same(
        "dicom htj2k",
        "syntax",
        "high-throughput JPEG 2000 lossless",
        htj2k_file,
        truth=lambda: f.htj2k_picture() / 255,
        also=("unlike_chest",),
    ),
]


def thirteen_bits() -> np.ndarray:
    """The 12-bit film in bits 3 to 14, everything else dirty."""
    return (f.deep() << 3) | np.uint16(0x8005)


def dirty() -> np.ndarray:
    rows, columns = np.indices(f.deep().shape)
    return f.deep() | (((rows + columns) % 16) << 12).astype(np.uint16)


def signed() -> np.ndarray:
    return f.deep().astype(np.int16) - 2048


def shown(low: float, high: float) -> Truth:
    """The 12-bit film through LINEAR with the ends ``low`` and ``high``."""
    return lambda: np.clip((f.deep() - float(low)) / (high - low), 0, 1)


def curve() -> np.ndarray:
    """A lookup table of 4096 entries of 16 bits, not linear."""
    return np.rint(65535 * (np.arange(4096) / 4095) ** 2)


GREY = [
    same(
        "monochrome1",
        "monochrome1",
        "MONOCHROME1",
        plain(lambda: 255 - f.film(), PhotometricInterpretation="MONOCHROME1"),
        oracle=True,
    ),
    same(
        "monochrome1 inverse",
        "presentation",
        "MONOCHROME1 with Presentation LUT Shape INVERSE: one inversion",
        plain(
            lambda: 255 - f.film(),
            PhotometricInterpretation="MONOCHROME1",
            PresentationLUTShape="INVERSE",
            PixelIntensityRelationshipSign=1,
        ),
    ),
    same(
        "lut shape inverse",
        "presentation",
        "MONOCHROME2 with Presentation LUT Shape INVERSE",
        plain(lambda: 255 - f.film(), PresentationLUTShape="INVERSE"),
    ),
    same(
        "lut shape identity",
        "presentation",
        "Presentation LUT Shape IDENTITY, sign -1",
        plain(PresentationLUTShape="IDENTITY", PixelIntensityRelationshipSign=-1),
    ),
    twelve(
        "rescale",
        "rescale",
        "slope 0.5, intercept -1000, window in those units",
        f.deep_dicom(RescaleSlope=0.5, RescaleIntercept=-1000, WindowCenter=24.25, WindowWidth=2048.5),
    ),
    same(
        "rescale to 98 units",
        "rescale",
        "slope 98/4095: few units, all levels kept",
        f.deep_dicom(
            RescaleSlope=str(98 / 4095)[:12],
            RescaleIntercept=0,
            WindowCenter=49,
            WindowWidth=98,
            VOILUTFunction="LINEAR_EXACT",
        ),
        truth=f.deep_grey,
        tolerance=1e-5,
    ),
    same(
        "modality lut",
        "rescale",
        "Modality LUT that squares, then a window",
        f.deep_dicom(ModalityLUTSequence=f.lut(4096, 0, 16, curve()), WindowCenter=32768, WindowWidth=65536),
        truth=lambda: curve()[f.deep()] / 65535,
        oracle=True,
    ),
    twelve("window", "window", "a window", f.deep_dicom(WindowCenter=2000, WindowWidth=3001), shown(499.5, 3499.5)),
    twelve(
        "several windows",
        "window",
        "several windows: the first counts",
        f.deep_dicom(WindowCenter=[2000, 100], WindowWidth=[3001, 50]),
        shown(499.5, 3499.5),
    ),
    same(
        "window exact",
        "window",
        "LINEAR_EXACT",
        f.deep_dicom(WindowCenter=2000, WindowWidth=3000, VOILUTFunction="LINEAR_EXACT"),
        truth=shown(500, 3500),
    ),
    same(
        "window sigmoid",
        "window",
        "SIGMOID",
        f.deep_dicom(WindowCenter=2000, WindowWidth=1000, VOILUTFunction="SIGMOID"),
        truth=lambda: 1 / (1 + np.exp(-4 * (f.deep() - 2000.0) / 1000)),
    ),
    same(
        "voi lut",
        "window",
        "VOI LUT",
        f.dicom(f.deep, BitsStored=12, VOILUTSequence=f.lut(4096, 0, 16, curve())),
        truth=lambda: curve()[f.deep()] / 65535,
        oracle=True,
    ),
    same(
        "no window",
        "window",
        "12 bits without a window: the film's own range",
        f.dicom(f.deep, BitsStored=12),
        truth=f.stretched,
    ),
    twelve("signed", "signed", "signed values", f.deep_dicom(signed, WindowCenter=0)),
    twelve(
        "10 bits",
        "bits",
        "10 bits stored",
        f.deep_dicom(lambda: f.deep() >> 2, BitsStored=10, WindowCenter=512, WindowWidth=1024),
        lambda: (f.deep() >> 2) / 1023,
    ),
    twelve(
        "14 bits",
        "bits",
        "14 bits stored",
        f.deep_dicom(lambda: f.deep() << 2, BitsStored=14, WindowCenter=8192, WindowWidth=16384),
        lambda: (f.deep() << 2) / 16383,
    ),
    twelve(
        "16 bits",
        "bits",
        "16 bits stored",
        f.deep_dicom(lambda: f.deep() * 16, BitsStored=16, WindowCenter=32768, WindowWidth=65536),
        lambda: f.deep() * 16.0 / 65535,
    ),
    twelve("12 bits as 8", "bits", "the same film from 8 and from 12 bits differs by 0.01 at most", f.deep_dicom()),
    same(
        "8 bits of the deep film", "bits", "8 bits against 12", plain(), truth=f.deep_grey, tolerance=0.01, oracle=True
    ),
    twelve("dirty bits", "bits", "old overlay bits above the 12 stored", f.deep_dicom(dirty)),
    twelve(
        "odd high bit", "bits", "12 bits that end at bit 14, the others dirty", f.deep_dicom(thirteen_bits, HighBit=14)
    ),
]

HEADERS = [
    same("one frame", "frames", "Number of Frames 1", plain(NumberOfFrames="1")),
    same("no frames", "frames", "Number of Frames 0", plain(NumberOfFrames="0")),
    same(
        "odd pad",
        "pixel length",
        "an odd number of bytes, padded to even as the standard asks",
        plain(lambda: np.ascontiguousarray(f.film()[:255, :223])),
        truth=lambda: f.film()[:255, :223] / 255,
    ),
    same("one pad byte more", "pixel length", "an even number of bytes, and one more", f.content(lambda: padded())),
    same(
        "float pixels",
        "no pixels",
        "Float Pixel Data, finite: its own range",
        lambda folder: float_pixels(folder),
        truth=lambda: (f.film() - float(f.film().min())) / float(np.ptp(f.film())),
    ),
    *(
        same(f"text {name}", "text", what, plain(**tags))
        for name, what, tags in (
            (
                "charset",
                "UTF-8 name in three parts",
                {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Zzyzx^Ål=山田^太郎=やまだ"},
            ),
            (
                "right to left",
                "Hebrew with a mark that turns the line",
                {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Zzyzx^\u202eמשה"},
            ),
            ("long id", "a patient's id of 5,000 characters", {"PatientID": f.CANARY * 1000}),
            (
                "script",
                "script and a path where names stand",
                {"PatientName": "<script>Zzyzx</script>", "PatientID": "../../Zzyzx"},
            ),
            ("lines", "line breaks and a spreadsheet's formula", {"PatientID": "Zzyzx\n=cmd|'/c calc'!A0"}),
            ("nul", "NUL inside a name", {"PatientName": "Zzyzx\0Canary"}),
            ("wrong charset", "a character set that does not exist", {"SpecificCharacterSet": "ISO_IR 999"}),
        )
    ),
    same("private tags", "private", "private elements, and a document in one", lambda folder: private(folder)),
    same("30 names", "private", "a patient's data in 30 places", plain(**dict.fromkeys(f.PERSONAL, f.CANARY))),
]

NAMES = [
    same(f"name {what}", "file names", f"file name: {what}", partial(f.renamed, plain(), name))
    for what, name in (
        ("without ending", "film"),
        ("unicode", "Röntgen 胸部 \u202e.dcm"),
        ("255 bytes", "f" * 251 + ".dcm"),
        ("line break", "film\n2.dcm"),
        ("dash", "-rf.dcm"),
        ("device name", "CON"),
        ("dot", ".dcm"),
        ("wrong ending", "film.jpg"),
        ("not utf-8", "film\udcff.dcm"),
    )
]
NAMES.append(same("symbolic link", "file names", "a link to a film is that film", f.linked(plain())))


def padded() -> bytes:
    made = f.dataset(f.film())
    del made.PixelData
    return f.dataset_bytes(made) + f.element(0x7FE0, 0x10, b"OB", f.film().tobytes() + b"\0")


def float_pixels(folder: Path) -> Path:
    made = f.dataset(f.film(), BitsAllocated=32)
    del made.PixelData
    for name in ("BitsStored", "HighBit", "PixelRepresentation"):
        delattr(made, name)
    made.add_new(0x7FE00008, "OF", f.film().astype("<f4").tobytes())
    return f.write(made, folder)


def private(folder: Path) -> Path:
    made = f.dataset(f.film())
    block = made.private_block(0x0029, "ZZYZX MAKER", create=True)
    block.add_new(1, "LO", f.CANARY)
    block.add_new(2, "OB", b"%PDF-1.4 Zzyzx " + bytes(1001))
    block.add_new(3, "UN", b"\xff" * 100)
    made.add_new(0x00420011, "OB", b"%PDF-1.4 Zzyzx ")
    return f.write(made, folder)


CASES = [*PICTURES, *SYNTAXES, *GREY, *HEADERS, *NAMES]
