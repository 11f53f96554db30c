import time
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from hilum.imaging import read_image
from hilum.imaging.film_judge import POSES, describe_look, judge_film, look_of, pose_look
from hilum.phantoms import render_film


@pytest.fixture(scope="module")
def phantoms():
    """Phantoms of another seed than those that the judge has seen."""
    return [render_film(4711, index, size_px=160).pixels / np.float32(255) for index in range(24)]


def posed(film, pose):
    return np.ascontiguousarray(np.rot90(1 - film if pose >= POSES // 2 else film, pose % 4))


def share(films, code):
    return np.mean([code in judge_film(film).flags for film in films])


def test_upright_phantoms_are_proper(phantoms):
    assert [judge_film(film).flags for film in phantoms] == [[]] * len(phantoms)


@pytest.mark.parametrize("pose", range(1, POSES))
def test_turned_and_inverted_phantoms_are_found(phantoms, pose):
    copies = [posed(film, pose) for film in phantoms]
    assert share(copies, "turned") == (pose % 4 != 0)
    assert share(copies, "polarity") == (pose >= POSES // 2)
    assert share(copies, "unlike_chest") == 0


@pytest.mark.parametrize("aspect", [(1, 2), (2, 1), (3, 2)])
def test_other_aspects_gammas_and_sizes_change_nothing(phantoms, aspect):
    for film in phantoms[:4]:
        larger = np.kron(film, np.ones(aspect, dtype=np.float32))
        assert judge_film(larger**1.5).flags == []


@given(st.floats(0.3, 3), st.floats(0.05, 0.5), st.floats(0, 0.4))
def test_a_look_does_not_depend_on_gamma_and_range(gamma, width, start):
    film = np.random.default_rng(0).uniform(0.1, 1, (64, 64)).astype(np.float32)
    assert np.abs(look_of(film) - look_of((film**gamma * width + start).astype(np.float32))).max() < 0.01


def test_a_look_is_made_of_ranks(phantoms):
    look = look_of(phantoms[0])
    assert look.shape == (64, 64)
    assert look.min() >= 0
    assert look.max() <= 1
    assert look_of(np.full((80, 80), 0.3, np.float32)) == pytest.approx(0.5)
    assert np.allclose(look_of(1 - phantoms[0]), 1 - look, atol=0.02)


@pytest.mark.parametrize("pose", range(POSES))
def test_the_coarse_grey_of_each_pose_is_that_of_the_posed_film(phantoms, pose):
    look = look_of(phantoms[1])
    assert np.allclose(describe_look(look)[1][pose], describe_look(pose_look(look, pose))[1][0], atol=1e-9)


def test_gradients_against_the_plain_loop(phantoms):
    look = look_of(phantoms[2])
    expected = np.zeros((8, 8, 8))
    for row in range(64):
        for column in range(64):
            down = look[row + 1, column] - look[row - 1, column] if 0 < row < 63 else 0.0
            right = look[row, column + 1] - look[row, column - 1] if 0 < column < 63 else 0.0
            place = (np.arctan2(down, right) / (2 * np.pi) * 8) % 8
            cell = expected[row // 8, column // 8]
            cell[int(place) % 8] += np.hypot(down, right) * (1 - place % 1)
            cell[(int(place) + 1) % 8] += np.hypot(down, right) * (place % 1)
    expected = np.sqrt(expected.ravel())
    assert np.allclose(describe_look(look)[0], 10 * expected / np.linalg.norm(expected), atol=1e-4)


def others():
    """Pictures of other things, none of which was drawn by what the judge was trained on."""
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[0:200, 0:200] / 200
    board = (np.floor(rows * 7) + np.floor(columns * 7)) % 2
    house = 0.8 - 0.3 * rows
    house[90:190, 60:150] = 0.35
    house[130:190, 95:115] = 0.1
    house[rows > 0.95] = 0.2
    return {
        "noise": rng.random((200, 200)),
        "ramp": rows,
        "waves": np.sin(columns * 30) / 2 + 0.5,
        "board": board,
        "disc": ((rows - 0.5) ** 2 + (columns - 0.5) ** 2 < 0.1) * 1.0,
        "house": house,
        "rings": np.sin(np.hypot(rows - 0.4, columns - 0.3) * 40) / 2 + 0.5,
    }


@pytest.mark.parametrize("name", list(others()))
def test_other_things_are_unlike_a_chest(name):
    assert judge_film(others()[name].astype(np.float32)).flags == ["unlike_chest"]


def test_a_film_that_is_read_is_judged(save, phantoms):
    film = np.rint(phantoms[3] * 255).astype(np.uint8)
    assert read_image(save(film, "film.png")).facts.flags == ()
    assert read_image(save(255 - film, "inverted.png")).facts.flags == ("polarity",)
    assert read_image(save(np.ascontiguousarray(film[::-1]), "head.png")).facts.flags == ("turned",)
    board = np.rint(others()["board"] * 255).astype(np.uint8)
    assert read_image(save(board, "board.png")).facts.flags == ("unlike_chest",)


def test_the_border_is_not_judged_but_said(save, phantoms):
    film = np.rint(phantoms[3] * 200 + 25).astype(np.uint8)
    framed = np.pad(film, ((40, 0), (0, 60)))
    facts = read_image(save(framed, "framed.png")).facts
    assert facts.flags == ("collimated",)
    assert facts.content_box == (40, 0, 160, 160)
    assert (facts.height_px, facts.width_px) == framed.shape


def test_judging_costs_little(phantoms):
    large = np.kron(phantoms[0], np.ones((16, 16), dtype=np.float32))
    judge_film(large)
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        judge_film(large)
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.01


def test_the_weights_are_small_and_no_pickle():
    path = files("hilum").joinpath("resources", "film_judge.npz")
    with path.open("rb") as stream:
        content = stream.read()
    assert len(content) < 100_000
    with path.open("rb") as stream:
        weights = np.load(stream, allow_pickle=False)
        assert all(values.dtype == np.float16 and np.isfinite(values).all() for values in weights.values())


@pytest.mark.shared
@pytest.mark.slow
def test_real_films(shared_data):
    """At most 1 % of films as they are flagged per kind; 90 % of inverted, 80 % of turned copies found."""
    paths = sorted((shared_data / "cxr" / "images").glob("*.jpg"))[::31]
    films = [np.asarray(Pillow.open(path).convert("L"), dtype=np.float32) / 255 for path in paths]
    assert len(films) > 300
    for code in ("polarity", "turned", "unlike_chest"):
        assert share(films, code) <= 0.01, code
    assert share([1 - film for film in films], "polarity") >= 0.9
    for pose in (1, 2, 3):
        assert share([posed(film, pose) for film in films], "turned") >= 0.8
