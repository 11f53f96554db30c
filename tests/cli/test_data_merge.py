import numpy as np
import pandas as pd

from hilum.data import Manifest, read_manifest


def save(path, source, findings, folder):
    n = 3
    table = pd.DataFrame(
        {"image_id": [f"{row}.png" for row in range(n)], "patient_id": [f"p{row}" for row in range(n)]}
    )
    table = table.assign(path=[f"/{folder}/{row}.png" for row in range(n)], study_id="", view="PA", sex="")
    table = table.assign(age_years=np.float32(50), source=source, split=["train", "validation", "test"])
    Manifest(table.assign(**dict.fromkeys(findings, np.float32(1))), findings, f"{source}.csv").save(path)
    return path


def test_merge(hilum, tmp_path):
    first = save(tmp_path / "a.parquet", "A", ("Mass", "Effusion"), "a")
    second = save(tmp_path / "b.parquet", "B", ("Fracture",), "b")
    out = tmp_path / "m.parquet"
    answer = hilum("data", "merge", first, second, "--out", out)
    assert answer.code == 0
    assert "6 films of 6 patients, 3 findings" in answer.out
    assert [line.split() for line in answer.out.splitlines() if line.split()[:1] in (["A"], ["B"])] == [
        ["A", "3", "2"],
        ["B", "3", "1"],
    ]
    assert "every manifest is split, and the splits were kept" in answer.out
    assert f"hilum data prepare {out}" in answer.out
    assert read_manifest(out).findings == ("Effusion", "Mass", "Fracture")


def test_a_film_that_stands_in_two(hilum, tmp_path):
    first = save(tmp_path / "a.parquet", "A", ("Mass",), "a")
    second = save(tmp_path / "b.parquet", "B", ("Fracture",), "a")
    answer = hilum("data", "merge", first, second, "--out", tmp_path / "m.parquet")
    assert answer.code == 1
    assert "3 films stand in more than one of the manifests" in answer.sentence
    answer = hilum("data", "merge", first, second, "--repeated", "first", "--out", tmp_path / "m.parquet")
    assert answer.code == 0
    assert "3 films of 3 patients, 2 findings" in answer.out
    assert hilum("data", "merge", first, "--out", tmp_path / "m.parquet").code == 1


def test_without_splits_the_next_step_is_one(hilum, tmp_path):
    paths = []
    for name in ("A", "B"):
        path = save(tmp_path / f"{name}.parquet", name, ("Mass",), name)
        read_manifest(path).with_splits([None] * 3).save(path)
        paths.append(path)
    answer = hilum("data", "merge", *paths, "--out", tmp_path / "m.parquet")
    assert f"hilum data split {tmp_path / 'm.parquet'}" in answer.out
