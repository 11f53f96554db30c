"""Poses: what is turned, inverted, mirrored or unlike the others is named; films as stored are not."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hilum.data.doctor.mirror import mirror_scores
from hilum.data.doctor.pose import _features, _lopsidedness, judge_poses
from hilum.phantoms import render_film

TURNS = {
    "inverted": lambda film: 255 - film,
    "upside_down": lambda film: film[::-1, ::-1],
    "sideways": lambda film: np.rot90(film),
}


@pytest.fixture(scope="module")
def films():
    rendered = np.stack([render_film(11, index, size_px=64).pixels for index in range(150)])
    rendered.setflags(write=False)
    return rendered


def kinds(suspects):
    return {suspect.row: suspect.kind for suspect in suspects}


@pytest.mark.parametrize("n", [30, 150])
def test_turned_films_are_named_in_small_and_large_sets(films, thumbnails, n):
    pixels = films[:n].copy()
    wanted = dict(zip((2, 9, 17), TURNS, strict=True))
    for row, kind in wanted.items():
        pixels[row] = TURNS[kind](pixels[row])
    suspects = judge_poses(thumbnails(n, pixels=pixels))
    assert {row: kind for row, kind in kinds(suspects).items() if kind != "unlike_the_others"} == wanted
    assert all(0.9 <= suspect.confidence <= 1 for suspect in suspects if suspect.row in wanted)
    assert [suspect.row for suspect in suspects] == sorted(suspect.row for suspect in suspects)
    assert len(suspects) <= 5


def test_a_set_that_is_wrong_as_a_whole_does_not_teach_itself(films, thumbnails):
    found = kinds(judge_poses(thumbnails(120, pixels=255 - films[:120])))
    assert sum(kind == "inverted" for kind in found.values()) > 110


def test_what_is_no_chest_film_is_named(films, thumbnails):
    pixels = films[:140].copy()
    generator = np.random.default_rng(0)
    pixels[50] = generator.integers(0, 256, (64, 64))
    pixels[60] = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((8, 8))) * 255
    found = kinds(judge_poses(thumbnails(140, pixels=pixels)))
    assert {50, 60} <= set(found)
    assert len(found) <= 5


def test_what_is_not_its_own_mirror_image_is_lopsided_wherever_its_axis_lies():
    noise = gaussian_filter(np.random.default_rng(3).standard_normal((120, 64, 64)), (0, 3, 3))
    films = noise + 0.8 * noise[:, :, ::-1]
    films[5] = np.roll((noise + noise[:, :, ::-1])[5], 4, axis=1)
    films[9] = noise[9]
    films = ((films / np.abs(films).max(axis=(1, 2), keepdims=True) + 1) * 127).astype(np.uint8)
    lopsided = _lopsidedness(_features(films), np.arange(120) != 9)
    assert lopsided.argmax() == 9
    assert lopsided[9] > 8
    assert lopsided[5] < 1
    assert (_lopsidedness(_features(films[:90]), np.ones(90, dtype=bool)) == 0).all()


def test_lateral_and_unreadable_films_are_left_out(films, thumbnails):
    pixels = films[:20].copy()
    pixels[[3, 4]] = 255 - pixels[[3, 4]]
    kept = thumbnails(20, pixels=pixels, problems={3: ("empty", "")})
    views = tuple("LL" if row == 4 else "PA" for row in range(20))
    assert judge_poses(replace(kept, views=views)) == []
    assert judge_poses(replace(kept, views=("LL",) * 20)) == []


def test_black_surroundings_do_not_matter(films, thumbnails):
    pixels = films[:120].copy()
    pixels[5] = 0
    pixels[5, 16:48, 14:50] = films[5, ::2, 10:46] if films[5, ::2].shape == (32, 64) else 0
    assert kinds(judge_poses(thumbnails(120, pixels=pixels))).get(5) in {None, "unlike_the_others"}


@pytest.mark.slow
def test_mirrored_films_score_lower(films):
    twice = np.concatenate([films, films[:, :, ::-1][:15]])
    many = np.concatenate([twice] * 4)
    groups = np.tile(np.concatenate([np.arange(150), np.arange(15)]), 4)
    told = []
    scores = mirror_scores(many, groups, on_progress=lambda done, total: told.append((done, total)))
    mirrored = np.tile(np.arange(165) >= 150, 4)
    assert np.median(scores[mirrored]) < 0 < np.median(scores[~mirrored])
    assert told == [(1, 2), (2, 2)]


def test_large_sets_are_judged_for_mirror_images(films, thumbnails, monkeypatch):
    import hilum.data.doctor.mirror as mirror
    import hilum.data.doctor.pose as pose

    monkeypatch.setattr(pose, "_FEWEST_FOR_MIRROR", 100)
    monkeypatch.setattr(mirror, "mirror_scores", lambda part, groups: np.where(np.arange(len(part)) == 7, -5.0, 5.0))
    found = judge_poses(thumbnails(40, pixels=films[:40].copy()))
    assert found == []
    found = judge_poses(thumbnails(120, pixels=films[:120].copy()))
    assert [one.kind for one in found].count("mirrored") == 1
    assert next(one for one in found if one.kind == "mirrored").confidence == pytest.approx(0.9933, abs=1e-3)
