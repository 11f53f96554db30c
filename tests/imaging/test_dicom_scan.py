import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.errors import ImageRefusedError
from hilum.imaging import read_image
from hilum.imaging.dicom_scan import inflate, read_meta, scan_elements

EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED = (f"1.2.840.10008.1.2{kind}" for kind in (".1", "", ".2", ".1.99"))
RLE = "1.2.840.10008.1.2.5"


def code_of(path):
    with pytest.raises(ImageRefusedError) as caught:
        read_image(path)
    return caught.value.code


def header(syntax=EXPLICIT):
    """The start of a file of Explicit VR, as far as its meta information."""
    return b"\0" * 128 + b"DICM" + element(2, 0x10, b"UI", syntax.encode())


def element(group, number, vr, value):
    value += b"\0" * (len(value) % 2)
    if vr in {b"SQ", b"OB", b"OW", b"UN", b"UT"}:
        return struct.pack("<HH2s2xI", group, number, vr, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


SEQUENCE = struct.pack("<HH2s2xI", 0x0008, 0x1140, b"SQ", 0xFFFFFFFF)
ITEM, ITEM_END, SEQUENCE_END = (
    struct.pack("<HHI", 0xFFFE, number, length) for number, length in ((0xE000, 0xFFFFFFFF), (0xE00D, 0), (0xE0DD, 0))
)

HOSTILE = {
    "10,000 nested": (header() + (SEQUENCE + ITEM) * 10_000, "undecodable"),
    "nested and closed": (header() + (SEQUENCE + ITEM) * 40 + (ITEM_END + SEQUENCE_END) * 40, "undecodable"),
    "10^6 elements": (header() + element(9, 0x10, b"LO", b"") * 1_000_000, "too_large"),
    "10^6 items": (header() + SEQUENCE + (ITEM + ITEM_END) * 1_000_000, "too_large"),
    "no end": (header() + SEQUENCE + ITEM + element(8, 5, b"CS", b"ISO_IR 100"), "truncated"),
    "4 GB": (header() + struct.pack("<HH2s2xI", 9, 1, b"OB", 0xFFFFFFFE) + b"ab", "undecodable"),
    "longer than the file": (header() + struct.pack("<HH2s2xI", 9, 1, b"OB", 5000) + b"ab", "truncated"),
    "longer than its item": (
        header() + SEQUENCE + struct.pack("<HHI", 0xFFFE, 0xE000, 8) + element(9, 1, b"LO", b"long") + b"\0" * 20,
        "undecodable",
    ),
    "header beyond its item": (
        header() + SEQUENCE + struct.pack("<HHI", 0xFFFE, 0xE000, 4) + element(9, 1, b"LO", b"long") + b"\0" * 20,
        "undecodable",
    ),
    "item beyond the end": (header() + SEQUENCE + struct.pack("<HHI", 0xFFFE, 0xE000, 8000), "truncated"),
    "element among items": (header() + SEQUENCE + element(9, 1, b"LO", b"long"), "undecodable"),
    "end without start": (header() + ITEM_END + b"\0" * 8, "undecodable"),
    "text without a length": (header() + struct.pack("<HH2s2xI", 9, 1, b"UT", 0xFFFFFFFF) + b"ab", "undecodable"),
    "meta 4 GB": (b"\0" * 128 + b"DICM" + struct.pack("<HH2s2xI", 2, 1, b"OB", 0xFFFFFFFE), "undecodable"),
    "deflated bomb": (header(DEFLATED) + zlib.compress(b"\0" * 80_000_000, 9, -15), "too_large"),
    "deflated noise": (header(DEFLATED) + b"\xff" * 500, "undecodable"),
    "deflated, cut": (header(DEFLATED) + zlib.compress(bytes(range(256)) * 9, 9, -15)[:100], "truncated"),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_files_are_refused_at_once(tmp_path, name):
    content, code = HOSTILE[name]
    path = tmp_path / "hostile.dcm"
    path.write_bytes(content)
    begin = time.monotonic()
    assert code_of(path) == code
    assert time.monotonic() - begin < 2


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_a_deflated_bomb_takes_no_memory(tmp_path):
    """612 KB that hold 1,272 MB; the whole process stays below 256 MB."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = b"".join([bomb.compress(b"\0" * 1_000_000) for _ in range(1272)]) + bomb.flush()
    path = tmp_path / "bomb.dcm"
    path.write_bytes(header(DEFLATED) + content)
    assert path.stat().st_size < 1_400_000
    code = (
        "import re, sys; from pathlib import Path; from hilum.imaging import read_image\n"
        "try: read_image(Path(sys.argv[1]))\n"
        "except Exception as error: print(error.code)\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    said = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True).stdout
    reason, peak_kb = said.split()
    assert reason == "too_large"
    assert int(peak_kb) < 256 * 1024


def test_what_a_look_finds(dicom, ramp):
    data = dicom(ramp).read_bytes()
    syntax, begin = read_meta(data, 132)
    assert syntax == EXPLICIT
    elements = scan_elements(data, begin, syntax)
    dataset = pydicom.dcmread(dicom(ramp))
    assert elements.tags == [int(tag) for tag in dataset.keys()]  # noqa: SIM118
    assert elements.end == len(data)
    assert elements.has_pixels


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
def test_every_native_syntax_holds_the_same_film(make_dataset, write_dataset, ramp, syntax):
    dataset = make_dataset(ramp.byteswap().view(ramp.dtype) if syntax == BIG_ENDIAN else ramp)
    expected = read_image(write_dataset(make_dataset(ramp))).pixels
    item = pydicom.Dataset()
    item.ReferencedSOPClassUID = "1.2"
    item.is_undefined_length_sequence_item = True
    dataset.ReferencedImageSequence = [item, item]
    dataset["ReferencedImageSequence"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    image = read_image(write_dataset(dataset, "other.dcm"))
    assert (image.pixels == expected).all()
    assert image.facts.flags == ("small",)


def test_a_sequence_of_unknown_kind_is_implicit(tmp_path, dicom, ramp):
    """PS3.5 6.2.2, note: a private sequence that a gateway could not name."""
    inner = struct.pack("<HHI", 0x0009, 0x1001, 4) + b"text"
    unknown = struct.pack("<HH2s2xI", 0x7FDF, 0x1001, b"UN", 0xFFFFFFFF) + ITEM + inner + ITEM_END + SEQUENCE_END
    whole = dicom(ramp).read_bytes()
    at = whole.index(b"\xe0\x7f\x10\x00")
    path = tmp_path / "unknown.dcm"
    path.write_bytes(whole[:at] + unknown + whole[at:])
    assert (read_image(path).pixels == read_image(dicom(ramp)).pixels).all()


@pytest.mark.parametrize("surplus", [b"\0" * 100, b"\0" * 4, b"\xff" * 77, b"rubbish", element(8, 5, b"CS", b"ABC")])
def test_what_follows_the_pixels_is_left_out(dicom, ramp, surplus):
    path = dicom(ramp)
    expected = read_image(path).pixels
    path.write_bytes(path.read_bytes() + surplus)
    image = read_image(path)
    assert (image.pixels == expected).all()
    assert "trailing_data" in image.facts.flags


def test_padding_that_the_standard_knows_is_no_surplus(dicom, ramp):
    path = dicom(ramp)
    path.write_bytes(path.read_bytes() + element(0xFFFC, 0xFFFC, b"OB", b"\0" * 100))
    assert read_image(path).facts.flags == ("small",)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_are_looked_over_or_refused(data):
    for syntax in (EXPLICIT, IMPLICIT, BIG_ENDIAN):
        try:
            end = scan_elements(data, 0, syntax).end
        except ImageRefusedError:
            continue
        assert 0 <= end <= len(data)


def test_inflated_is_what_was_deflated():
    content = np.random.default_rng(0).integers(0, 9, 100_000).astype(np.uint8).tobytes()
    assert inflate(zlib.compress(content, 6, -15) + b"\0") == content
