import numpy as np
import pytest

from hilum.evaluation.map_scores import FilmMap, draw_maps, measure_film, measure_film_mask, score_maps

LEFT, RIGHT = (0.0, 0.0, 0.25, 0.5), (0.75, 0.5, 0.25, 0.5)


def film(number, place, heat_place, *, finding="Mass", probability=0.5):
    left, top, width, height = (round(40 * side) for side in heat_place)
    heat = np.zeros((40, 40))
    heat[top : top + height, left : left + width] = 1
    places = np.array([place])
    maps = measure_film(draw_maps(heat, np.random.default_rng(number)), places, tolerance=0.0)
    return FilmMap(f"f{number}", finding, f"p{number}", places, probability, maps)


def test_the_usual_place_is_that_of_other_patients_alone():
    apart = [film(0, LEFT, LEFT), film(1, RIGHT, RIGHT)]
    scored = score_maps(apart, np.array([0, 1]), bootstrap=0)
    assert scored.overall.maps["usual_place"].pointing.value == 0
    alike = [film(0, LEFT, LEFT), film(1, LEFT, LEFT)]
    scored = score_maps(alike, np.array([0, 1]), bootstrap=0)
    assert scored.overall.maps["usual_place"].pointing.value == 1
    assert scored.overall.maps["usual_place"].iou[-1].value == 1


def test_what_is_said_of_a_film_is_of_that_film():
    half = (0.0, 0.0, 0.25, 0.25)
    films = [
        film(0, LEFT, LEFT),
        film(1, LEFT, half, finding="Nodule"),
        film(2, LEFT, RIGHT),
        film(3, LEFT, LEFT, finding="Nodule"),
    ]
    scored = score_maps(films, np.array([0, 0, 1, 1]), bootstrap=0)
    np.testing.assert_allclose(scored.best_iou, [1, 0.5, 0, 1])
    assert np.isfinite(scored.heat_thresholds).all()
    assert list(scored.findings) == ["Mass", "Nodule"]


@pytest.mark.parametrize(("sure", "expected"), [((0.9, 0.1), 0.25), ((0.1, 0.9), 0.5), ((0.5, 0.5), 0.25)])
def test_boxes_of_surer_answers_come_first(sure, expected):
    films = [film(0, LEFT, RIGHT, probability=sure[0]), film(1, LEFT, LEFT, probability=sure[1])]
    scored = score_maps(films, np.array([0, 1]), bootstrap=0)
    assert [estimate.value for estimate in scored.findings["Mass"].maps["model"].average_precision] == [expected] * 7


def test_intervals_are_by_patient():
    one = [film(0, LEFT, LEFT), film(1, LEFT, RIGHT)]
    many = [FilmMap(f"{row}", "Mass", each.patient, each.places, 0.5, each.maps) for row, each in enumerate(one * 20)]
    folds = np.array([0, 1] * 20)
    few, more = (
        score_maps(films, fold, bootstrap=200).overall.maps["model"].pointing
        for films, fold in ((one, folds[:2]), (many, folds))
    )
    assert (few.value, few.low, few.high) == (more.value, more.low, more.high) == (0.5, 0.0, 1.0)


def test_the_threshold_for_masks_is_chosen_on_other_patients():
    mask = np.zeros((40, 40), dtype=bool)
    mask[:20] = True
    films = []
    for number, halo in enumerate((0.85, 0.85, 0.25)):  # what surrounds the mask is hot on two films, cold on one
        heat = np.where(mask, 0.95, halo)
        maps = measure_film_mask(draw_maps(heat, np.random.default_rng(number)), mask, tolerance=0.0)
        films.append(FilmMap(f"f{number}", "Mass", f"p{number}", np.array([LEFT]), 0.5, {}, mask, maps))
    for one in films:
        one.maps.update(film(0, LEFT, LEFT).maps)
    scored = score_maps(films, np.array([0, 1, 2]), bootstrap=0).overall.masks
    assert scored.maps["model"].iou.value == 1
    alone = score_maps(films, np.array([0, 0, 1]), bootstrap=0).overall.masks
    assert alone.maps["model"].iou.value == pytest.approx((0.5 + 0.5 + 1) / 3), (
        "the third's threshold takes the halo in"
    )


def test_the_usual_place_of_masks_is_that_of_other_patients_alone():
    def masked(number, columns):
        mask = np.zeros((40, 40), dtype=bool)
        mask[:, columns] = True
        base = film(number, LEFT, LEFT)
        maps = measure_film_mask(draw_maps(mask * 1.0, np.random.default_rng(number)), mask, tolerance=0.0)
        return FilmMap(base.image_id, "Mass", base.patient, base.places, 0.5, base.maps, mask, maps)

    left, right = slice(0, 10), slice(30, 40)
    for second, expected in ((right, 0), (left, 1)):
        films = [masked(0, left), masked(1, second)]
        usual = score_maps(films, np.array([0, 1]), bootstrap=0).overall.masks.maps["usual_place"]
        assert (usual.pointing.value, usual.iou.value) == (expected, expected)
