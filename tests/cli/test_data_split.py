import json
import shutil
from dataclasses import replace

import pytest

from hilum.data import SPLITS, read_manifest


@pytest.fixture
def manifest(films, tmp_path):
    path = tmp_path / "m.parquet"
    read_manifest(films.manifest).save(path)
    return path


def films_per_split(path):
    whole = read_manifest(path)
    return {name: set(whole.table["image_id"].iloc[whole.rows(name)]) for name in SPLITS}


def test_fractions(hilum, manifest):
    answer = hilum("data", "split", manifest, "--fractions", "0.6,0.2,0.2", "--seed", 3)
    assert answer.code == 0
    assert "0 patients shared" in answer.out
    parts = films_per_split(manifest)
    assert sum(map(len, parts.values())) == 72
    assert len(parts["train"]) == pytest.approx(0.6 * 72, abs=6)
    written = json.loads(manifest.with_suffix(".split.json").read_text())
    assert written["method"] == "fractions 0.6, 0.2, 0.2 by patient, seed 3"
    assert written["split_digest"] == read_manifest(manifest).split_digest
    assert {name: set(images) for name, images in written["images"].items()} == parts


def test_the_same_split_again_from_its_file(hilum, manifest, tmp_path):
    hilum("data", "split", manifest, "--seed", 1)
    kept = tmp_path / "kept.split.json"
    shutil.copy(manifest.with_suffix(".split.json"), kept)
    first = films_per_split(manifest)
    hilum("data", "split", manifest, "--seed", 2)
    assert films_per_split(manifest) != first
    assert hilum("data", "split", manifest, "--from", kept).code == 0
    assert films_per_split(manifest) == first


def test_another_split_says_what_it_replaces_and_takes_the_old_ones_notes_away(hilum, manifest, tmp_path):
    listed = tmp_path / "excluded.csv"
    listed.write_text("image_id\n" + read_manifest(manifest).table["image_id"].iloc[0] + "\n")
    hilum("data", "split", manifest)
    before = {name: len(films) for name, films in films_per_split(manifest).items()}
    answer = hilum("data", "split", manifest, "--seed", 4, "--exclude", listed)
    counts = ", ".join(f"{name} {number}" for name, number in before.items())
    assert f"the split that stood in the manifest ({counts}) was replaced" in answer.out
    assert hilum("data", "split", manifest, "--seed", 4, "--exclude", listed).out.count("1 film left out") == 1
    assert "was replaced" not in hilum("data", "split", manifest, "--seed", 4, "--exclude", listed).out
    assert "left out" not in hilum("data", "split", manifest, "--seed", 4).out
    assert not any("left out" in note for note in read_manifest(manifest).notes)


def test_folds_are_disjoint_and_cover_everything(hilum, manifest):
    tests = []
    for fold in range(3):
        assert hilum("data", "split", manifest, "--folds", 3, "--fold", fold).code == 0
        tests.append(films_per_split(manifest)["test"])
    assert sum(map(len, tests)) == len(set.union(*tests)) == 72


def official(films, tmp_path, *, share_a_patient):
    whole = read_manifest(films.manifest)
    patients = whole.table["patient_id"]
    is_test = (patients.rank(method="dense") % 4 == 0).to_numpy(copy=True)
    if share_a_patient:
        first = patients[is_test].value_counts().index[0]
        is_test[(patients == first).to_numpy().argmax()] = False
    ids = whole.table["image_id"].to_numpy()
    lists = tmp_path / "train_val_list.txt", tmp_path / "test_list.txt"
    lists[0].write_text("\n".join(ids[~is_test]))
    lists[1].write_text("\n".join([*ids[is_test], "00099999_000.png"]))
    return *lists, set(ids[is_test])


def test_official_lists(hilum, manifest, films, tmp_path):
    train_val, test, expected = official(films, tmp_path, share_a_patient=False)
    answer = hilum("data", "split", manifest, "--official-train-val", train_val, "--official-test", test)
    assert answer.code == 0, answer.err
    parts = films_per_split(manifest)
    assert parts["test"] == expected
    assert parts["validation"]
    assert "1 listed film is not in the manifest" in answer.out


def test_a_split_does_not_repeat_what_the_import_said(hilum, manifest):
    whole = read_manifest(manifest)
    replace(whole, notes=("said once by the import",)).save(manifest)
    answer = hilum("data", "split", manifest)
    assert answer.code == 0
    assert "said once" not in answer.out
    assert read_manifest(manifest).notes == ("said once by the import",)


def test_a_patient_in_two_splits(hilum, manifest, films, tmp_path):
    before = manifest.read_bytes()
    train_val, test, _ = official(films, tmp_path, share_a_patient=True)
    answer = hilum("data", "split", manifest, "--official-train-val", train_val, "--official-test", test)
    assert answer.code == 1
    assert "1 of 24 patients stands in more than one split" in answer.sentence
    assert "hilum data split" in answer.sentence
    assert manifest.read_bytes() == before


def test_a_manifest_changed_by_hand_is_refused(hilum, manifest, tmp_path, films):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(manifest)
    frame = table.to_pandas()
    twice = frame["patient_id"].value_counts().index[0]
    rows = frame.index[frame["patient_id"] == twice]
    frame.loc[rows[0], "split"], frame.loc[rows[1], "split"] = "train", "test"
    pq.write_table(pa.Table.from_pandas(frame, schema=table.schema, preserve_index=False), manifest)
    answer = hilum("data", "prepare", manifest, "--out", tmp_path / "store")
    assert answer.code == 1
    assert "1 of" in answer.sentence
    assert "Split anew by patient" in answer.sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--official-test", "t.txt"), "needs both lists"),
        (("--folds", 3, "--from", "x.json"), "choose one way"),
        (("--fractions", "0.7,0.3"), "expected three numbers"),
        (("--fractions", "0.7,0.1,0.1"), "sum to 1"),
        (("--folds", 3, "--fold", 3), "fold one of 0"),
        (("--from", "nowhere.json"), "is no split that hilum wrote"),
    ],
)
def test_wrong_wishes(hilum, manifest, words, sentence):
    answer = hilum("data", "split", manifest, *words)
    assert (answer.code, answer.out) == (1, "")
    assert sentence in answer.sentence


def test_no_manifest(hilum, tmp_path):
    answer = hilum("data", "split", tmp_path / "m.parquet")
    assert answer.code == 1
    assert "`hilum data import` makes one" in answer.sentence
