import numpy as np
import pytest

from hilum.data.doctor.films import (
    _FLAG_RULES,
    _POSES,
    flagged_films,
    lateral_films,
    missing_films,
    refused_films,
    strange_poses,
)
from hilum.data.doctor.pose import PoseSuspect
from hilum.imaging import FLAGS, REFUSALS


def test_missing_films_are_proposed_to_be_left_out(examine, manifest_of):
    there = np.array([True, False, True, False])
    (check,) = examine(missing_films, manifest_of(4), on_disk=there).values()
    assert [film.image_id for film in check.films] == ["00000001_000.png", "00000003_000.png"]
    assert check.excludes
    assert not examine(missing_films, manifest_of(4), on_disk=np.ones(4, bool))
    assert not examine(missing_films, manifest_of(4))


def test_where_not_one_film_is_there_none_is_left_out(examine, manifest_of):
    (check,) = examine(missing_films, manifest_of(4), on_disk=np.zeros(4, bool)).values()
    assert "labels alone" in check.sentence
    assert not check.excludes


def test_refused_films_go_by_code_and_say_what_to_do(examine, manifest_of, thumbnails):
    problems = {0: ("truncated", "It ends."), 2: ("truncated", "It {ends} early."), 1: ("colour", "Red.")}
    problems[3] = ("missing", "Gone.")
    found = examine(refused_films, manifest_of(4), thumbnails=thumbnails(4, problems=problems))
    assert list(found) == ["refused_truncated", "refused_colour"]
    check = found["refused_truncated"]
    assert check.n_films == 2
    assert check.films[1].detail == "It {ends} early."
    assert "copy it anew" in check.fix
    assert all(check.excludes for check in found.values())


def test_the_advice_of_a_refusal_stands_once(examine, manifest_of, thumbnails):
    problems = {0: ("truncated", f"It ends. {REFUSALS['truncated']}")}
    check = examine(refused_films, manifest_of(1), thumbnails=thumbnails(1, problems=problems))["refused_truncated"]
    assert (check.sentence, check.fix) == ("1 film is refused: It ends.", REFUSALS["truncated"])
    assert check.films[0].detail == "It ends."


def test_text_in_the_pixels_does_not_fail_a_strict_examination(examine, manifest_of, thumbnails):
    films = thumbnails(3, flags=[("burned_in_text",), ("burned_in",), ()])
    found = examine(flagged_films, manifest_of(3), thumbnails=films)
    assert {code: check.severity for code, check in found.items()} == {
        "flag_burned_in": "warning",
        "flag_burned_in_text": "note",
    }
    assert "before you pass films on" in found["flag_burned_in_text"].fix


def test_braces_in_a_sentence_do_no_harm(examine, manifest_of, thumbnails):
    found = examine(refused_films, manifest_of(1), thumbnails=thumbnails(1, problems={0: ("format", "{x}")}))
    assert "(x)" in found["refused_format"].sentence


@pytest.mark.parametrize("view", ["LL", "rl", "LATERAL", "L", "left lateral", "LAT"])
def test_lateral_films_are_found_by_the_view_column(examine, manifest_of, view):
    (check,) = examine(lateral_films, manifest_of(4, view=["PA", view, "AP", ""])).values()
    assert [film.image_id for film in check.films] == ["00000001_000.png"]
    assert check.excludes


def test_frontal_films_are_not_lateral(examine, manifest_of):
    assert not examine(lateral_films, manifest_of(5, view=["PA", "AP", "AP SUPINE", "", None]))


def test_grave_flags_stand_alone_and_harmless_ones_together(examine, manifest_of, thumbnails):
    flags = [("polarity", "lossy"), ("lossy",), (), ("no_spacing", "lossy")]
    found = examine(flagged_films, manifest_of(4), thumbnails=thumbnails(4, flags=flags))
    assert list(found) == ["flag_polarity", "flags"]
    assert (found["flag_polarity"].severity, found["flag_polarity"].excludes) == ("note", False)
    assert FLAGS["polarity"] in found["flag_polarity"].sentence
    assert found["flags"].severity == "note"
    assert "lossy 3, no_spacing 1" in found["flags"].sentence
    assert found["flags"].n_films == 3


def test_a_film_is_named_once_by_its_pose_or_its_flag(examine, manifest_of, thumbnails):
    films = thumbnails(3, flags=[("polarity",), ("polarity", "turned"), ("turned",)])
    poses = [PoseSuspect(1, "inverted", 0.9), PoseSuspect(2, "sideways", 0.9)]
    found = examine(flagged_films, manifest_of(3), thumbnails=films, poses=poses)
    named = {code: [film.image_id[:8] for film in check.films] for code, check in found.items()}
    assert named == {"flag_polarity": ["00000000"], "flag_turned": ["00000001"]}


def test_every_rule_is_for_a_flag_that_exists():
    assert set(_FLAG_RULES) <= set(FLAGS)


def test_poses_are_named_surest_first(examine, manifest_of):
    poses = [PoseSuspect(0, "inverted", 0.7), PoseSuspect(2, "inverted", 0.9), PoseSuspect(1, "mirrored", 0.8)]
    found = examine(strange_poses, manifest_of(4), poses=poses)
    assert list(found) == ["pose_inverted", "pose_mirrored"]
    assert [film.image_id for film in found["pose_inverted"].films] == ["00000002_000.png", "00000000_000.png"]
    assert found["pose_inverted"].excludes
    assert not found["pose_mirrored"].excludes
    assert set(_POSES) == {"inverted", "upside_down", "sideways", "mirrored", "unlike_the_others"}
