import shutil

import pytest

from hilum.records import Localisation

FINDINGS = ("Effusion", "Mass", "Cardiomegaly")


@pytest.fixture(scope="module")
def bundle(make_bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "bundle"
    make_bundle(folder, findings=FINDINGS)
    return folder


def test_phantoms_are_judged_with_their_own_boxes(hilum, bundle, films, tmp_path):
    words = ("localise", "--bundle", bundle, "--manifest", films.manifest, "--out", tmp_path, "--bootstrap", 20)
    answer = hilum(*words)
    assert answer.code == 0, answer.err
    study = Localisation.from_json((tmp_path / "localisation.json").read_text())
    assert study.pedigree.split == "test"
    assert study.pedigree.command.startswith("hilum localise")
    assert set(study.findings) <= set(FINDINGS)
    assert "phantoms" in answer.out
    assert "IoBB ≥ 0.3" in answer.out
    assert "usual place" in answer.out
    assert f"wrote {tmp_path / 'localisation.html'}" in answer.out
    page = (tmp_path / "localisation.html").read_text()
    assert page.count("<img") >= 2


def test_a_run_keeps_its_study_and_flags_training_patients(hilum, run_copy, films):
    words = ("localise", "--run", run_copy, "--manifest", films.manifest, "--boxes", films.phantoms, "--bootstrap", 0)
    answer = hilum(*words, "--all-films", "--method", "grad_cam_plus_plus")
    assert answer.code == 0, answer.err
    assert answer.out.index("RED FLAG shared_patients: ") < answer.out.index("IoU")
    study = Localisation.from_json((run_copy / "evaluation" / "localisation.json").read_text())
    assert {flag.code for flag in study.red_flags} == {"shared_patients", "selection_films"}
    assert study.method == "grad_cam_plus_plus"


def test_training_films_are_refused(hilum, run_copy, films):
    answer = hilum("localise", "--run", run_copy, "--manifest", films.manifest, "--split", "train")
    assert answer.code == 1
    assert "were in this bundle's training set" in answer.sentence


def test_wrong_usage_is_said(hilum, bundle, films, tmp_path):
    start = ("localise", "--manifest", films.manifest)
    assert "expected --run RUN, or --bundle BUNDLE --out DIR" in hilum(*start).sentence
    assert "expected --run RUN, or --bundle" in hilum(*start, "--bundle", bundle).sentence
    words = (*start, "--bundle", bundle, "--out", tmp_path)
    assert "say different things" in hilum(*words, "--all-films", "--split", "test").sentence
    assert "unknown explainer 'grad_kam'. Did you mean 'grad_cam'" in hilum(*words, "--method", "grad_kam").sentence
    assert "tolerance must lie in [0, 1)" in hilum(*words, "--tolerance", 2).sentence


def test_no_list_beside_the_films_is_said(hilum, bundle, films, tmp_path):
    shutil.copytree(films.phantoms / "images", tmp_path / "a" / "b" / "c")
    shutil.copy(films.phantoms / "Data_Entry_2017.csv", tmp_path / "a" / "b" / "c")
    hilum("data", "import", "nih", tmp_path / "a" / "b" / "c", "--out", tmp_path / "m.parquet")
    answer = hilum("localise", "--bundle", bundle, "--manifest", tmp_path / "m.parquet", "--out", tmp_path / "o")
    assert "name the list of boxes with --boxes" in answer.sentence


def test_a_run_without_a_bundle_is_said(hilum, run_copy, films):
    shutil.rmtree(run_copy / "bundle")
    answer = hilum("localise", "--run", run_copy, "--manifest", films.manifest)
    assert "was not trained to its end yet" in answer.sentence


def test_masks_of_phantoms_are_judged_as_well(hilum, bundle, tmp_path):
    folder, manifest = tmp_path / "set", tmp_path / "m.parquet"
    hilum("data", "phantom", folder, "--count", 12, "--size", 64, "--masks", "--workers", 1)
    hilum("data", "import", "nih", folder, "--out", manifest)
    words = ("localise", "--bundle", bundle, "--manifest", manifest, "--all-films", "--bootstrap", 0)
    answer = hilum(*words, "--out", tmp_path / "own")
    assert answer.code == 0, answer.err
    assert "hottest pixel in the mask" in answer.out
    study = Localisation.from_json((tmp_path / "own" / "localisation.json").read_text())
    assert study.overall.masks.n_masks == study.overall.n_images == study.counts["masks judged"]
    assert "Does it cover the finding itself?" in (tmp_path / "own" / "localisation.html").read_text()
    (folder / "masks").rename(tmp_path / "elsewhere")
    assert "the mask" not in hilum(*words, "--out", tmp_path / "o").out
    named = hilum(*words, "--out", tmp_path / "o", "--masks", tmp_path / "elsewhere")
    assert "hottest pixel in the mask" in named.out
    assert "holds no mask" in hilum(*words, "--out", tmp_path / "o", "--masks", tmp_path / "o").sentence
