import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from hilum.errors import InvalidValueError
from hilum.metrics import (
    box_average_precision,
    boxes_from_heat,
    centre_heat,
    fold_thresholds,
    match_boxes,
    measure_map,
    measure_mask,
    overlap_of_boxes,
    patient_folds,
    pointing_share,
    random_heat,
)

BOX = np.array([[2.0, 1.0, 3.0, 2.0]])  # columns 2 to 4, rows 1 and 2


def painted(box, shape=(12, 14)):
    left, top, width, height = map(int, box)
    area = np.zeros(shape, dtype=bool)
    area[top : top + height, left : left + width] = True
    return area


whole_boxes = st.tuples(st.integers(0, 8), st.integers(0, 6), st.integers(1, 6), st.integers(1, 6))
maps = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).integers(0, 4, (9, 7)) / 3)


@given(st.lists(whole_boxes, min_size=1, max_size=4), st.lists(whole_boxes, min_size=1, max_size=4))
def test_overlaps_are_those_of_painted_pixels(found, marked):
    iou, iobb = overlap_of_boxes(np.array(found), np.array(marked))
    for (i, one), (j, other) in itertools.product(enumerate(found), enumerate(marked)):
        a, b = painted(one), painted(other)
        assert iou[i, j] == pytest.approx((a & b).sum() / (a | b).sum(), abs=1e-12)
        assert iobb[i, j] == pytest.approx((a & b).sum() / a.sum(), abs=1e-12)


def flood(hot):
    """Connected parts by plain flooding, corners included."""
    left, parts = {tuple(place) for place in np.argwhere(hot)}, []
    while left:
        part, front = set(), [left.pop()]
        while front:
            row, column = front.pop()
            part.add((row, column))
            near = {(row + down, column + across) for down in (-1, 0, 1) for across in (-1, 0, 1)} & left
            left -= near
            front += near
        parts.append(part)
    return parts


@given(maps, st.sampled_from([0.2, 0.5, 1.0]))
def test_boxes_are_those_of_flooded_parts(heat, threshold):
    found = boxes_from_heat(heat, threshold)
    expected = []
    for part in flood(heat >= threshold):
        rows, columns = zip(*part, strict=True)
        box = (min(columns), min(rows), max(columns) - min(columns) + 1, max(rows) - min(rows) + 1)
        expected.append((*box, max(heat[place] for place in part)))
    assert sorted((*box, peak) for box, peak in zip(found.boxes.tolist(), found.peaks, strict=True)) == sorted(expected)
    assert (np.diff(found.peaks) <= 0).all()


@given(maps, st.sampled_from([0.0, 0.6, 1.5, 3.0]))
def test_pointing_is_the_share_of_hottest_pixels_near_a_box(heat, tolerance):
    hits = []
    for row, column in np.argwhere(heat == heat.max()):
        x, y = column + 0.5, row + 0.5
        across, down = max(2 - x, 0, x - 5), max(1 - y, 0, y - 3)
        hits.append((across**2 + down**2) ** 0.5 <= tolerance)
    expected = np.mean(hits) if heat.max() > 0 else 0.0
    assert pointing_share(heat, BOX, tolerance_px=tolerance) == pytest.approx(expected)


def test_a_map_without_heat_points_nowhere():
    assert pointing_share(np.zeros((4, 6)), np.array([[0, 0, 6, 4]])) == 0
    assert len(boxes_from_heat(np.zeros((4, 6)), 0.1).boxes) == 0


def test_the_edge_of_a_box_belongs_to_the_pixel_inside():
    for column, hit in ((1, 0), (2, 1), (4, 1), (5, 0)):
        heat = np.zeros((4, 8))
        heat[1, column] = 1
        assert pointing_share(heat, BOX) == hit


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.3, 0.6]))
def test_no_box_is_matched_twice_and_the_surest_comes_first(seed, smallest):
    rng = np.random.default_rng(seed)
    overlaps, scores = rng.random((5, 3)).round(1), rng.permutation(5)
    free, expected = {0, 1, 2}, np.zeros(5, dtype=bool)
    for box in sorted(range(5), key=lambda place: -scores[place]):
        best = max(sorted(free), key=lambda marked: overlaps[box, marked], default=None)
        if best is not None and overlaps[box, best] >= smallest:
            expected[box] = True
            free.remove(best)
    np.testing.assert_array_equal(match_boxes(overlaps, scores, smallest), expected)


@given(st.integers(0, 2**32 - 1))
def test_average_precision_is_scikit_learns_where_all_marked_boxes_are_found(seed):
    rng = np.random.default_rng(seed)
    scores, right, weights = rng.integers(0, 4, 12) / 4, rng.random(12) < 0.5, rng.integers(0, 3, (12, 3))
    right[0], weights[0] = True, 1
    ours = box_average_precision(scores, right, weights, weights[right].sum(axis=0))
    for column in range(3):
        theirs = average_precision_score(right, scores, sample_weight=weights[:, column])
        assert ours[column] == pytest.approx(theirs, abs=1e-9)


def test_missed_boxes_lower_average_precision():
    assert box_average_precision(np.array([0.9]), np.array([True]), np.ones((1, 1)), np.array([4])) == [0.25]
    assert box_average_precision(np.zeros(0), np.zeros(0, dtype=bool), np.ones((0, 2)), np.array([1, 0]))[0] == 0
    assert np.isnan(box_average_precision(np.array([0.5]), np.array([False]), np.zeros((1, 1)), np.array([0])))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(2, 6), st.integers(0, 99))
def test_a_patient_stands_in_one_fold_and_folds_are_even(patients, n_folds, seed):
    folds = patient_folds(np.array(patients), n_folds, seed)
    by_patient = {
        patient: {fold for p, fold in zip(patients, folds, strict=True) if p == patient} for patient in patients
    }
    assert all(len(found) == 1 for found in by_patient.values())
    sizes = np.bincount([found.pop() for found in by_patient.values()])
    assert len(sizes) == min(n_folds, len(by_patient))
    assert sizes.max() - sizes.min() <= 1


def test_a_threshold_is_chosen_on_the_other_folds_alone():
    quality = np.array([[0.9, 0.1], [0.9, 0.1], [0.0, 0.8]])
    np.testing.assert_array_equal(fold_thresholds(quality, np.array([0, 0, 1])), [1, 1, 0])
    np.testing.assert_array_equal(fold_thresholds(quality, np.zeros(3, dtype=int)), [-1, -1, -1])


@given(st.integers(0, 2**32 - 1), st.integers(0, 4))
def test_no_map_has_a_say_in_its_own_threshold(seed, row):
    rng = np.random.default_rng(seed)
    quality, folds = rng.random((12, 4)), rng.integers(0, 5, 12)
    folds[:5] = range(5)
    changed = quality.copy()
    changed[folds == row] = rng.random((int((folds == row).sum()), 4))
    here = folds == row
    np.testing.assert_array_equal(fold_thresholds(quality, folds)[here], fold_thresholds(changed, folds)[here])


def test_a_random_map_hits_as_often_as_a_box_is_large():
    rng = np.random.default_rng(3)
    box = np.array([[16.0, 16.0, 32.0, 32.0]])  # nine of 49 places
    hits = [pointing_share(random_heat((64, 64), rng), box) for _ in range(600)]
    assert abs(np.mean(hits) - 9 / 49) < 0.05
    assert random_heat((5, 9), rng).shape == (5, 9)
    assert random_heat((5, 9), rng).max() == 1


def test_the_centre_map_points_at_the_middle():
    heat = centre_heat((31, 51))
    assert np.unravel_index(heat.argmax(), heat.shape) == (15, 25)
    np.testing.assert_allclose(heat, heat[::-1, ::-1], atol=1e-6)


def test_a_map_is_measured_at_every_threshold():
    heat = np.zeros((6, 8))
    heat[1:3, 2:5], heat[1, 2], heat[5, 7] = 0.6, 1.0, 0.3
    low, high = 0.2, 0.5
    measured = measure_map(heat, BOX, (low, high))
    assert measured.pointing == 1
    assert [len(peaks) for peaks in measured.peaks] == [2, 1]
    np.testing.assert_allclose(measured.iou[1], [[1.0]])
    np.testing.assert_allclose(measured.iobb[0], [[1.0], [0.0]])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pointing_share(np.zeros(3), BOX), r"expected a heat map \(height, width\), got the shape \(3,\)"),
        (lambda: pointing_share(np.zeros((0, 3)), BOX), "expected a heat map"),
        (lambda: pointing_share(np.full((3, 3), np.nan), BOX), "negative or not finite"),
        (lambda: pointing_share(np.full((3, 3), -1.0), BOX), "negative or not finite"),
        (lambda: pointing_share(np.ones((3, 3)), np.zeros((0, 4))), "at least one marked box"),
        (lambda: pointing_share(np.ones((3, 3)), np.zeros((2, 3))), r"boxes have the shape \(2, 3\)"),
        (lambda: pointing_share(np.ones((3, 3)), np.zeros((1, 4))), "has no area"),
        (lambda: pointing_share(np.ones((3, 3)), BOX, tolerance_px=-1), "tolerance_px must be at least 0, got -1"),
        (lambda: boxes_from_heat(np.ones((3, 3)), 0.0), r"threshold must be above 0, got 0\.0"),
        (lambda: patient_folds(np.array([1, 2]), 1), "n_folds must be at least 2, got 1"),
    ],
)
def test_what_cannot_be_measured_is_said(call, words):
    with pytest.raises(InvalidValueError, match=words):
        call()


def test_a_perfect_map_covers_its_mask_and_maps_that_know_nothing_do_not():
    rng = np.random.default_rng(3)
    mask = np.zeros((64, 64), dtype=bool)
    mask[40:56, 8:20] = True
    perfect, noise, centre = (
        measure_mask(heat, mask, (0.3, 0.6, 0.9))
        for heat in (mask * 1.0, random_heat((64, 64), rng), centre_heat((64, 64)))
    )
    assert perfect.pointing == 1
    assert perfect.iou.tolist() == [1, 1, 1]
    assert max(noise.iou.max(), centre.iou.max()) < 0.4
    assert centre.pointing == 0


def test_the_mask_counts_pixels_where_a_box_counts_corners():
    mask = np.tri(40, dtype=bool)
    whole = np.ones((40, 40))
    assert measure_mask(whole, mask, [0.5]).iou[0] == pytest.approx(mask.mean())
    assert measure_map(whole, np.array([[0.0, 0, 40, 40]]), [0.5]).iou[0][0, 0] == 1
    corner = np.zeros((40, 40))
    corner[0, 39] = 1
    assert measure_mask(corner, mask, [0.5]).pointing == 0
    assert pointing_share(corner, np.array([[0.0, 0, 40, 40]])) == 1
    assert measure_mask(corner, mask, [0.5], tolerance_px=40).pointing == 1


@given(st.integers(0, 10_000))
def test_mask_overlap_is_that_of_sets(seed):
    rng = np.random.default_rng(seed)
    heat, mask = rng.random((9, 7)), rng.random((9, 7)) < 0.4
    mask[0, 0] = True
    for threshold, iou in zip((0.2, 0.8), measure_mask(heat, mask, (0.2, 0.8)).iou, strict=True):
        hot = heat >= threshold
        assert iou == pytest.approx((hot & mask).sum() / (hot | mask).sum())


def test_no_heat_points_nowhere_and_hits_no_mask():
    found = measure_mask(np.zeros((4, 4)), np.ones((4, 4), dtype=bool), [0.5])
    assert (found.pointing, found.iou.tolist()) == (0, [0])


@pytest.mark.parametrize(
    ("mask", "threshold", "tolerance", "said"),
    [
        (np.zeros((4, 4), dtype=bool), 0.5, 0, "with 0 pixels"),
        (np.ones((4, 3), dtype=bool), 0.5, 0, r"got the shape \(4, 3\)"),
        (np.ones((4, 4), dtype=bool), 0.0, 0, "thresholds must be above 0"),
        (np.ones((4, 4), dtype=bool), 0.5, -1, "tolerance_px at least 0"),
    ],
)
def test_masks_that_cannot_be_measured_are_refused(mask, threshold, tolerance, said):
    with pytest.raises(InvalidValueError, match=said):
        measure_mask(np.eye(4), mask, [threshold], tolerance_px=tolerance)
