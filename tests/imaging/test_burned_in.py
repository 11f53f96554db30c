"""Lines of text are found, what films always hold is not taken for text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw, ImageFont

from hilum.imaging import read_image, text_boxes, write_png
from hilum.phantoms import render_film

TEXTS = ["MEIER^ANNA", "12/03/2015", "JOHN DOE", "Acme Hospital", "1984-02-29", "ID 4711-22", "14:32:05"]
CAP_HEIGHT = 0.72  # of a font's size


def film(size=1024, seed=0):
    """A smooth picture with noise, darker at the sides, as bright as a film is."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    rng = np.random.default_rng(seed)
    return (90 + 80 * np.sin(3 * columns) * np.cos(rows) + rng.normal(0, 4, rows.shape)).clip(0, 255).astype(np.uint8)


def with_text(pixels, text, *, height_px, at, tone=255):
    picture = Image.fromarray(pixels)
    ImageDraw.Draw(picture).text(at, text, fill=tone, font=ImageFont.load_default(height_px / CAP_HEIGHT))
    return np.asarray(picture, dtype=np.float32) / 255


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("share", [0.012, 0.03])
@pytest.mark.parametrize("tone", [255, 0])
def test_lines_of_text_are_found(text, share, tone):
    height = int(np.ceil(share * 1024))
    boxes = text_boxes(with_text(film(), text, height_px=height, at=(300, 500), tone=tone))
    assert boxes
    assert any(box.top <= 500 + height and box.bottom >= 500 and box.left <= 300 + 8 * height for box in boxes)


def test_boxes_are_in_pixels_of_the_film():
    boxes = text_boxes(with_text(film(3000), "MEIER ANNA 1951", height_px=60, at=(600, 2000)))
    assert len(boxes) == 1
    assert 1980 < boxes[0].top < boxes[0].bottom < 2120
    assert 580 < boxes[0].left < boxes[0].right < 1400


@pytest.mark.parametrize("marker", ["L", "R", "AP", "L 12"])
def test_side_markers_are_no_text(marker):
    assert text_boxes(with_text(film(), marker, height_px=40, at=(850, 60))) == []


def test_wires_and_edges_are_no_text():
    picture = Image.fromarray(film())
    drawing = ImageDraw.Draw(picture)
    drawing.line([(100, 100), (400, 300), (600, 900)], fill=255, width=5)
    drawing.rectangle([0, 0, 1024, 40], fill=0)
    drawing.ellipse([700, 200, 760, 260], fill=255)
    assert text_boxes(np.asarray(picture, dtype=np.float32) / 255) == []


def test_phantoms_hold_no_text():
    assert [text_boxes(render_film(0, index, size_px=256).pixels / np.float32(255)) for index in range(3)] == [[]] * 3


@settings(max_examples=40, deadline=None)
@given(arrays(np.float32, st.tuples(st.integers(1, 70), st.integers(1, 70)), elements=st.floats(0, 1, width=32)))
def test_any_film_gives_boxes_within_it(pixels):
    for box in text_boxes(pixels):
        assert 0 <= box.top < box.bottom <= pixels.shape[0]
        assert 0 <= box.left < box.right <= pixels.shape[1]


def test_read_image_says_so(tmp_path):
    plain, written = film(256), with_text(film(256), "MEIER ANNA", height_px=9, at=(20, 30))
    write_png(tmp_path / "plain.png", plain)
    write_png(tmp_path / "text.png", (written * 255).astype(np.uint8))
    assert "burned_in_text" not in read_image(tmp_path / "plain.png").facts.flags
    assert "burned_in_text" in read_image(tmp_path / "text.png").facts.flags


@pytest.mark.slow
@pytest.mark.shared
def test_real_films(shared_data):
    """Counted by eye: 4 of these 20 hold PORTABLE or the like, at most one more may be flagged; text drawn is found."""
    films = [
        np.asarray(Image.open(path).convert("L")) for path in sorted((shared_data / "cxr-original").rglob("*.png"))
    ]
    flagged = sum(bool(text_boxes(pixels.astype(np.float32) / 255)) for pixels in films)
    assert 3 <= flagged <= 5
    n_found = n_drawn = 0
    for number, pixels in enumerate(films):
        for place, text in enumerate(TEXTS[number % 3 :: 3]):
            at = (60 + 97 * number % 700, 80 + 211 * place)
            tone = 0 if pixels[at[1] : at[1] + 20, at[0] : at[0] + 150].mean() > 140 else 255
            boxes = text_boxes(with_text(pixels, text, height_px=13, at=at, tone=tone))
            n_found += any(box.top <= at[1] + 25 and box.bottom >= at[1] and box.right >= at[0] for box in boxes)
            n_drawn += 1
    assert n_found >= 0.95 * n_drawn
