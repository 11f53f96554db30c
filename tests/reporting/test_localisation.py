import numpy as np
import pytest
from made_up import pedigree

from hilum.evaluation.map_scores import FilmMap, draw_maps, measure_film, measure_film_mask, score_maps
from hilum.metrics import patient_folds
from hilum.records import Estimate, Localisation, RedFlag
from hilum.reporting import MarkedFilm, write_localisation
from hilum.reporting.localisation import draw_marks

SIDE = 40
MASK = np.tri(SIDE, dtype=bool)


def make_study(n_films=8, *, masked=False, **changes):
    rng = np.random.default_rng(0)
    places = np.array([[0.2, 0.2, 0.3, 0.3]])
    films = [
        FilmMap(
            f"f{row}", ("Mass", "Pleural_Thickening")[row % 2], f"p{row}", places, 0.4, {}, MASK if masked else None
        )
        for row in range(n_films)
    ]
    for film in films:
        heat = rng.random((SIDE, SIDE))
        maps = draw_maps(heat, rng)
        film.maps.update(measure_film(maps, places, tolerance=0.0))
        if masked:
            film.mask_maps.update(measure_film_mask(maps, MASK, tolerance=0.0))
    folds = patient_folds(np.array([film.patient for film in films]), 3)
    findings, overall, *_ = score_maps(films, folds, bootstrap=20)
    given = {
        "title": "boxes on films",
        "method": "grad_cam",
        "overlaps": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
        "tolerance": 0.0,
        "n_folds": 3,
        "findings": findings,
        "overall": overall,
        "counts": {"boxes judged": n_films},
        "red_flags": (),
        "warnings": ("Few <films>.",),
        "pedigree": pedigree(n_images=n_films, n_patients=n_films),
    }
    return Localisation(**{**given, **changes})


def make_film(**changes):
    heat = np.zeros((SIDE, SIDE), dtype=np.float32)
    heat[20:30, 5:15], heat[25, 10] = 0.6, 1.0
    given = {
        "image_id": "f0.png",
        "finding": "Pleural_Thickening",
        "pixels": np.full((SIDE, SIDE), 100, dtype=np.uint8),
        "heat": heat,
        "boxes": np.array([[20.0, 4.0, 12.0, 9.0]]),
        "heat_threshold": 0.5,
        "pointing": 0.0,
        "best_iou": 0.25,
        "probability": 0.4,
    }
    return MarkedFilm(**{**given, **changes})


def test_the_page_says_everything_and_stands_alone(tmp_path):
    study = make_study(red_flags=(RedFlag(code="shared_patients", sentence="2 of 8 were trained on."),))
    write_localisation(tmp_path / "page.html", study, [make_film()])
    page = (tmp_path / "page.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    for words in (
        "On 8 films of 8 patients the heat map’s hottest point lies in a marked box in",
        "Red flag.</strong> 2 of 8 were trained on.",
        "Few &lt;films&gt;.",
        "Pleural Thickening",
        "usual place",
        "IoBB, random map",
        "average precision, model",
        "hottest point: missed; best IoU 0.25; said 40.0 %",
        "Not a medical device",
    ):
        assert words in page, words
    assert page.count("<img") == 2
    assert page.count("alt=") == 2


def test_the_headline_says_shares_and_intervals_in_one_unit(tmp_path):
    study = make_study()
    scores = study.overall.maps["model"]
    hits = scores.pointing.model_copy(update={"value": 0.358, "low": 0.301, "high": 0.412})
    maps = study.overall.maps | {"model": scores.model_copy(update={"pointing": hits})}
    overall = study.overall.model_copy(update={"maps": maps})
    write_localisation(tmp_path / "page.html", study.model_copy(update={"overall": overall}))
    assert "lies in a marked box in 36 % (30 to 41)" in (tmp_path / "page.html").read_text()


def test_without_films_there_is_no_gallery_and_undefined_is_a_dash(tmp_path):
    write_localisation(tmp_path / "page.html", make_study(1))
    page = (tmp_path / "page.html").read_text()
    assert "<img" not in page
    assert "chosen on other patients, and there are none" in page
    assert "nan" not in page.lower().replace("finan", "")


def test_marks_are_drawn_where_boxes_and_heat_are():
    film = make_film()
    picture = draw_marks(film)
    grey = (picture == 100).all(axis=2)
    assert (picture[4, 20:32] == picture[4, 20]).all()
    assert not grey[4, 20:32].any()
    assert not grey[4:13, 20].any()
    assert grey[6:10, 23:29].all(), "a box is an outline"
    assert not grey[20, 5:15].any()
    assert not grey[25, 10]
    assert tuple(picture[25, 10]) not in {tuple(picture[4, 20]), tuple(picture[20, 6])}
    assert grey[35:].all()
    assert (film.pixels == 100).all()


@pytest.mark.parametrize(
    "changes", [{"heat": np.zeros((SIDE, SIDE), dtype=np.float32)}, {"heat_threshold": float("nan")}]
)
def test_a_map_with_nothing_in_it_draws_no_outline(changes):
    picture = draw_marks(make_film(**changes))
    assert (picture[20, 6] == 100).all()


def test_masks_have_a_section_of_their_own_where_they_are_known(tmp_path):
    write_localisation(tmp_path / "boxes.html", make_study())
    write_localisation(tmp_path / "masks.html", make_study(masked=True))
    with_boxes, with_masks = ((tmp_path / name).read_text() for name in ("boxes.html", "masks.html"))
    assert "Does it cover the finding itself?" not in with_boxes
    assert "Does it cover the finding itself?" in with_masks
    for table in ("mask-pointing", "mask-pointing-gain", "mask-iou", "mask-iou-gain"):
        assert f"{table}-table" in with_masks


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.12, 0.25, "better by 12 to 25 points"),
        (-0.25, -0.12, "worse by 12 to 25 points"),
        (-0.01, 0.11, "no difference is shown"),
        (float("nan"), float("nan"), "no interval says whether that is chance"),
    ],
)
def test_the_headline_says_whether_the_best_control_is_beaten(tmp_path, low, high, said):
    study = make_study()
    gains = {kind: Estimate(value=0.1, low=low, high=high) for kind in study.overall.pointing_gain}
    overall = study.overall.model_copy(update={"pointing_gain": gains})
    write_localisation(tmp_path / "page.html", study.model_copy(update={"overall": overall}))
    assert f": {said}.</h1>" in (tmp_path / "page.html").read_text()


def test_what_is_compared_stands_before_how_many_and_paper_holds_no_table_per_finding(tmp_path):
    write_localisation(tmp_path / "page.html", make_study(masked=True))
    page = (tmp_path / "page.html").read_text()
    for name, last in (("pointing-table", "patients"), ("mask-pointing-table", "masks")):
        table = page[page.index(f'id="{name}"') :]
        assert table.index("usual place") < table.index(last)
    assert page.count('<details class="screen-only">') == 2
