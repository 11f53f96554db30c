"""Films that stand twice: copies of every kind are found, other films are not."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hilum.data.doctor import duplicates
from hilum.data.doctor.duplicates import DuplicatePair, find_duplicates
from hilum.phantoms import render_film

N = 80


@pytest.fixture(scope="module")
def films():
    rendered = np.stack([render_film(7, index, size_px=128).pixels for index in range(N)])
    rendered.setflags(write=False)
    return rendered


def small(film):
    return np.asarray(Image.fromarray(film).resize((64, 64), Image.Resampling.BILINEAR))


def cropped(film):
    return film[2:-3, 2:-1]


KINDS = {
    "the same": lambda film: film,
    "cropped": cropped,
    "gamma": lambda film: (255 * (film / 255) ** 1.5).astype(np.uint8),
    "brighter": lambda film: (film * 0.7 + 50).astype(np.uint8),
    "inverted": lambda film: 255 - film,
    "mirrored": lambda film: np.ascontiguousarray(film[:, ::-1]),
    "mirrored and inverted": lambda film: np.ascontiguousarray(255 - film[:, ::-1]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_copies_are_found_and_nothing_else(films, thumbnails, kind):
    copies = [small(KINDS[kind](films[row])) for row in range(8)]
    pixels = np.concatenate([[small(film) for film in films], copies])
    found = find_duplicates(thumbnails(len(pixels), pixels=pixels))
    assert [(pair.row_a, pair.row_b) for pair in found] == [(row, N + row) for row in range(8)]
    assert {pair.mirrored for pair in found} == {"mirrored" in kind}
    assert {pair.inverted for pair in found} == {"inverted" in kind}
    assert all(0.9 <= pair.similarity <= 1.001 for pair in found)


def test_rows_are_those_of_the_manifest_and_unreadable_films_are_left_out(films, thumbnails):
    pixels = np.stack([small(film) for film in films[:40]])
    pixels[[3, 5, 9, 20]] = pixels[3]
    found = find_duplicates(thumbnails(40, pixels=pixels, problems={5: ("empty", ""), 0: ("empty", "")}))
    assert {(pair.row_a, pair.row_b) for pair in found} == {(3, 9), (3, 20), (9, 20)}


def test_padding_does_not_hide_a_copy(films, thumbnails):
    pixels = np.stack([small(film) for film in films])
    kept = thumbnails(N, pixels=pixels)
    box = [0, 6, 64, 52]
    pixels[N - 1] = 0
    pixels[N - 1, :, 6:58] = np.asarray(Image.fromarray(pixels[4]).resize((52, 64), Image.Resampling.BILINEAR))
    boxes = kept.boxes.copy()
    boxes[N - 1] = box
    assert [(pair.row_a, pair.row_b) for pair in find_duplicates(replace(kept, boxes=boxes))] == [(4, N - 1)]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_films(films, thumbnails, n):
    pixels = np.stack([small(films[0])] * n)
    found = find_duplicates(thumbnails(n, pixels=pixels))
    assert len(found) == n * (n - 1) // 2
    assert all(isinstance(pair, DuplicatePair) for pair in found)


def test_no_readable_film(films, thumbnails):
    problems = {0: ("empty", ""), 1: ("empty", "")}
    assert find_duplicates(thumbnails(2, pixels=np.zeros((2, 64, 64), np.uint8), problems=problems)) == []


def test_blank_films_are_no_copies(thumbnails):
    assert find_duplicates(thumbnails(4, pixels=np.full((4, 64, 64), 77, np.uint8))) == []


def test_progress_reaches_the_end(films, thumbnails):
    told = []
    pixels = np.stack([small(film) for film in films[:9]])
    find_duplicates(thumbnails(9, pixels=pixels), on_progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (9, 9)


@pytest.mark.shared
@pytest.mark.slow
def test_real_films_at_two_sizes_are_the_same_films(shared_data, thumbnails):
    by_size = [shared_data / folder / "images" for folder in ("cxr", "cxr-enriched")]
    names = sorted({path.name for path in by_size[0].iterdir()} & {path.name for path in by_size[1].iterdir()})[:150]
    pixels = []
    for folder in by_size:
        for name in names:
            with Image.open(folder / name) as picture:
                pixels.append(np.asarray(picture.convert("L").resize((64, 64), Image.Resampling.BILINEAR)))
    found = {(pair.row_a, pair.row_b) for pair in find_duplicates(thumbnails(len(pixels), pixels=np.stack(pixels)))}
    assert found == {(row, len(names) + row) for row in range(len(names))}


def test_of_a_pairs_crops_the_nearest_is_laid_over():
    """Columns: film, other, mirrored, sign, crop; a mirrored pair is another one."""
    pairs = np.array([[0, 1, 0, 1, 0], [0, 1, 0, 1, 2], [0, 1, 1, 1, 1], [0, 1, 0, 1, 1], [2, 3, 0, -1, 0]])
    nearness = np.array([0.7, 0.9, 0.65, 0.8, 0.66], np.float32)
    assert duplicates._nearest_crop(pairs, nearness).tolist() == [[0, 1, 0, 1, 2], [0, 1, 1, 1, 1], [2, 3, 0, -1, 0]]
