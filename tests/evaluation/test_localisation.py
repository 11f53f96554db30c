from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from hilum.data import FilmBoxes, FilmMasks, Manifest, patient_hash, read_boxes, read_nih, write_phantoms
from hilum.errors import DataError, ImageRefusedError, InvalidValueError, LeakError
from hilum.evaluation import LocalisationSettings, evaluate_localisation
from hilum.records import Explanation, Localisation

FINDINGS = ("Effusion", "Mass", "Nodule")
SHAPE = (60, 80)
QUICK = LocalisationSettings(bootstrap=40)


def make_manifest(n_films=30, n_patients=12):
    columns = {
        "image_id": [f"f{row:02d}" for row in range(n_films)],
        "path": [f"/films/f{row:02d}.png" for row in range(n_films)],
        "patient_id": [f"p{row % n_patients}" for row in range(n_films)],
        "study_id": [f"s{row}" for row in range(n_films)],
        "view": "PA",
        "sex": "F",
        "age_years": np.float32(50),
        "split": "test",
    }
    labels = {name: np.ones(n_films, dtype=np.float32) for name in FINDINGS}
    return Manifest(pd.DataFrame(columns | labels), FINDINGS, source="made up", phantom=True)


def make_boxes(manifest, findings=FINDINGS, seed=0):
    rng = np.random.default_rng(seed)
    names = [(image_id, name) for image_id in manifest.table["image_id"] for name in findings]
    corners = np.stack([rng.uniform(0, 50, len(names)), rng.uniform(0, 30, len(names))], axis=1)
    sides = rng.uniform(10, 25, (len(names), 2))
    images, found = zip(*names, strict=True)
    return FilmBoxes("boxes.csv", images, found, np.concatenate([corners, sides], axis=1), None)


class Maps:
    """Heat that is 1 within the marked boxes, or anywhere else: ``right`` decides."""

    method = "painted"

    def __init__(self, boxes, *, right=True, trained=(), refused=()):
        self.by_film, self.right, self.refused = boxes.by_film(), right, refused
        spec = SimpleNamespace(findings=dict.fromkeys(FINDINGS), training_patients=trained)
        self.bundle = SimpleNamespace(spec=spec, digest="d")

    def explain(self, path, findings):
        if path.stem in self.refused:
            raise ImageRefusedError("empty_file", "nothing in it", "copy it again")
        return {name: self._map(path.stem, name) for name in findings}

    def _map(self, image_id, finding):
        heat = np.zeros(SHAPE, dtype=np.float32)
        for left, top, width, height in self.by_film[image_id, finding]:
            heat[int(top) : round(top + height), int(left) : round(left + width)] = 1
        return Explanation(image_id, finding, self.method, heat if self.right else (1 - heat), 0.5)


def judge(**changes):
    manifest = changes.pop("manifest", None) or make_manifest()
    boxes = changes.pop("boxes", None) or make_boxes(manifest)
    settings = replace(QUICK, **changes.pop("settings", {}))
    return evaluate_localisation(Maps(boxes, **changes), manifest, boxes, settings)


@pytest.fixture(scope="module")
def perfect():
    return judge()


def test_maps_that_are_right_score_high_and_beat_every_control(perfect):
    study, films = perfect
    assert tuple(study.findings) == FINDINGS
    for finding in [*study.findings.values(), study.overall]:
        model = finding.maps["model"]
        assert model.pointing.value > 0.9
        assert model.best_iou.value > 0.85
        assert model.average_precision[-1].value > 0.9
        assert set(finding.maps) == {"model", "random", "centre", "usual_place"}
        assert all(gain.low > 0.2 for gain in finding.pointing_gain.values())
        assert all(gain.low > 0.2 for gain in finding.iou_gain.values())
    assert (study.overall.n_boxes, study.overall.n_images, study.overall.n_patients) == (90, 90, 12)
    assert (study.pedigree.n_images, study.pedigree.n_patients) == (30, 12)
    assert len(films) == 90
    assert films[0].boxes.shape == (1, 4)


def test_a_share_of_all_has_an_interval_that_is_not_a_point(perfect):
    study, _ = perfect
    whole = [estimate for finding in study.findings.values() for estimate in finding.maps["model"].iou]
    whole = [estimate for estimate in whole if estimate.value == 1]
    assert whole
    assert all(estimate.low < 0.9 for estimate in whole)


def test_shares_fall_with_the_overlap_and_iobb_is_at_least_iou(perfect):
    study, _ = perfect
    for finding in study.findings.values():
        for scores in finding.maps.values():
            iou, iobb, precision = (
                [estimate.value for estimate in values]
                for values in (scores.iou, scores.iobb, scores.average_precision)
            )
            assert iou == sorted(iou, reverse=True)
            assert iobb == sorted(iobb, reverse=True)
            assert precision == sorted(precision, reverse=True)
            assert all(one >= other for one, other in zip(iobb, iou, strict=True))


def test_the_overall_figures_are_those_of_all_pairs(perfect):
    study, films = perfect
    assert study.overall.maps["model"].best_iou.value == pytest.approx(np.mean([film.best_iou for film in films]))
    means = np.mean([finding.maps["random"].average_precision[0].value for finding in study.findings.values()])
    assert study.overall.maps["random"].average_precision[0].value == pytest.approx(means)
    pointing = np.average([finding.maps["centre"].pointing.value for finding in study.findings.values()])
    assert study.overall.maps["centre"].pointing.value == pytest.approx(pointing)


def test_maps_that_are_wrong_miss():
    study, films = judge(right=False)
    assert study.overall.maps["model"].pointing.value == 0
    assert study.overall.maps["model"].pointing.high < 0.5
    assert all(film.pointing == 0 for film in films)
    assert all(gain.value <= 0 for gain in study.overall.pointing_gain.values())


def test_the_same_seed_gives_the_same_study_and_json_brings_it_back(perfect):
    study, _ = perfect
    again, _ = judge()
    assert again.overall == study.overall
    assert judge(settings={"seed": 1})[0].overall.maps["random"] != study.overall.maps["random"]
    assert Localisation.from_json(study.to_json()).findings == study.findings


def test_training_patients_are_refused_or_flagged():
    trained = tuple(patient_hash(f"p{number}") for number in (1, 2, 99))
    with pytest.raises(LeakError, match="2 of 12 patients were in this bundle's training set"):
        judge(trained=trained)
    study, _ = judge(trained=trained, settings={"all_films": True})
    assert [flag.code for flag in study.red_flags] == ["shared_patients"]
    assert "2 of 12 patients" in study.red_flags[0].sentence
    assert study.pedigree.split == "all"


def test_films_of_validation_are_flagged():
    manifest = make_manifest()
    splits = np.where(manifest.table["patient_id"] == "p0", "validation", "test")
    manifest = replace(manifest, table=manifest.table.assign(split=splits))
    study, _ = judge(manifest=manifest, settings={"all_films": True})
    assert [flag.code for flag in study.red_flags] == ["selection_films"]
    part, _ = judge(manifest=manifest)
    assert (part.pedigree.n_patients, part.counts["boxes on films of other splits"]) == (11, 9)


def test_what_is_left_out_is_counted():
    manifest = make_manifest()
    boxes = make_boxes(manifest, (*FINDINGS, "Hernia"))
    strange = replace(
        boxes,
        image_ids=("nowhere", *boxes.image_ids[1:]),
        boxes=boxes.boxes + np.where(np.arange(len(boxes))[:, None] == 5, [500, 0, 0, 0], 0),
    )
    study, _ = judge(manifest=manifest, boxes=strange, refused=("f02",))
    assert study.counts == {
        "boxes judged": 85,
        "boxes on films not in the manifest": 1,
        "boxes of findings that the bundle does not answer for": 30,
        "boxes on films that could not be read": 3,
        "boxes outside of their film": 1,
    }


def test_one_patient_has_no_threshold_and_says_why():
    study, films = judge(manifest=make_manifest(4, 1))
    model = study.overall.maps["model"]
    assert model.pointing.value > 0.9
    assert np.isnan(model.best_iou.value)
    assert "chosen on other patients, and there are none" in model.best_iou.reason
    assert np.isnan([film.heat_threshold for film in films]).all()
    assert study.findings["Mass"].maps["model"].boxes_per_map != study.findings["Mass"].maps["model"].boxes_per_map


def test_no_resamples_no_interval():
    study, _ = judge(settings={"bootstrap": 0})
    pointing = study.overall.maps["random"].pointing
    assert np.isnan(pointing.low)
    assert pointing.reason == "no resamples were asked for"
    assert study.pedigree.intervals == "none"


def test_tolerance_lets_more_hit(perfect):
    near, _ = judge(right=False, settings={"tolerance": 0.5})
    assert near.overall.maps["model"].pointing.value > 0.5
    assert near.tolerance == 0.5


def test_phantoms_and_few_boxes_are_warned_of():
    study, _ = judge(manifest=make_manifest(10, 5))
    assert any("phantoms" in warning for warning in study.warnings)
    assert any("Fewer than 25 boxes" in warning and "Mass (10)" in warning for warning in study.warnings)


def test_nothing_to_judge_is_said():
    with pytest.raises(DataError, match=r"no box of boxes\.csv lies on a film to judge on"):
        judge(settings={"split": "train"})
    manifest = make_manifest(3, 3)
    with pytest.raises(DataError, match="could be judged: 9 boxes on films that could not be read"):
        judge(manifest=manifest, refused=("f00", "f01", "f02"))


@pytest.mark.parametrize("wrong", [{"tolerance": -0.1}, {"tolerance": 1.0}, {"n_folds": 1}, {"bootstrap": -1}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidValueError, match=str(next(iter(wrong.values())))):
        LocalisationSettings(**wrong)


def test_paths_are_handed_on(perfect):
    assert perfect[1][0].path == Path("/films/f00.png")


class Painted(Maps):
    """Heat that is what a mask says, on phantoms; ``where`` may move it."""

    def __init__(self, masks, findings, size_px, where=lambda mask: mask):
        self.masks, self.shape, self.where, self.refused = masks, (size_px, size_px), where, ()
        spec = SimpleNamespace(findings=dict.fromkeys(findings), training_patients=())
        self.bundle = SimpleNamespace(spec=spec, digest="d")

    def _map(self, image_id, finding):
        heat = self.where(self.masks.read(image_id, finding, self.shape)).astype(np.float32)
        return Explanation(image_id, finding, self.method, heat, 0.5)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    folder = write_phantoms(tmp_path_factory.mktemp("sets") / "set", count=48, size_px=64, seed=3, masks=True).folder
    manifest = read_nih(folder)
    return replace(manifest, table=manifest.table.assign(split="test")), read_boxes(folder), FilmMasks(folder / "masks")


def judge_phantoms(phantoms, **changes):
    manifest, boxes, masks = phantoms
    explainer = Painted(masks, manifest.findings, 64, **changes)
    return evaluate_localisation(explainer, manifest, boxes, QUICK, masks=masks)[0]


def test_maps_that_are_the_phantoms_masks_score_one_and_maps_that_know_nothing_lower(phantoms):
    study = judge_phantoms(phantoms)
    for finding in [*study.findings.values(), study.overall]:
        masks = finding.masks
        assert masks.n_masks == finding.n_images
        assert (masks.maps["model"].pointing.value, masks.maps["model"].iou.value) == (1, 1)
        for kind in ("random", "centre", "usual_place"):
            assert masks.maps[kind].iou.value < 0.8
            assert masks.iou_gain[kind].value == pytest.approx(1 - masks.maps[kind].iou.value)
    assert all(study.overall.masks.maps[kind].iou.value < 0.5 for kind in ("random", "centre", "usual_place"))
    assert all(gain.low > 0.3 for gain in study.overall.masks.iou_gain.values())
    assert all(gain.low > 0.2 for gain in study.overall.masks.pointing_gain.values())
    assert study.counts["masks judged"] == study.overall.n_images
    assert Localisation.from_json(study.to_json()).overall == study.overall


def test_maps_beside_their_masks_score_nothing(phantoms):
    masks = judge_phantoms(phantoms, where=lambda mask: ~mask).overall.masks
    assert (masks.maps["model"].pointing.value, masks.maps["model"].iou.value) == (0, 0)
    assert all(gain.high <= 0 for gain in masks.iou_gain.values())


def test_films_without_a_mask_count_for_boxes_alone(phantoms, tmp_path):
    manifest, boxes, masks = phantoms
    some = sorted(masks.folder.iterdir())
    for file in some[::2]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    explainer = Painted(masks, manifest.findings, 64)
    study, _ = evaluate_localisation(explainer, manifest, boxes, QUICK, masks=FilmMasks(tmp_path))
    assert study.overall.masks.n_masks == len(some[::2])
    assert study.overall.n_images == len(some)
    assert study.overall.masks.maps["model"].iou.value == 1
    assert study.counts["films and findings with a box and without a mask"] == len(some) - len(some[::2])


def test_without_masks_nothing_is_said_of_masks(perfect):
    study, _ = perfect
    assert study.overall.masks is None
    assert not any("mask" in name for name in study.counts)
