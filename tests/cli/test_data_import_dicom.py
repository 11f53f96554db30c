import stat

import pytest

from hilum.data import read_manifest
from hilum.imaging import open_key, write_dicom


@pytest.fixture
def archive(tmp_path):
    import numpy as np

    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(4):
        pixels = ((np.arange(64)[:, None] * 3 + np.arange(48) + number) % 256).astype(np.uint8)
        write_dicom(
            folder / f"{number}", pixels, patient_id=f"p{number // 2}", instance_number=number, view="PA",
            age_years=50, sex="M",
        )  # fmt: skip
    return folder


def test_films_and_labels(hilum, archive, tmp_path):
    labels, out, key = tmp_path / "labels.csv", tmp_path / "m.parquet", tmp_path / "k.key"
    labels.write_text("film,fluid\n0,1\n1,0\n9,0\n")
    answer = hilum(
        "data", "import", "dicom", archive, "--out", out, "--key", key, "--labels", labels, "--join", "film=file",
        "--finding-columns", "Effusion=fluid",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert "4 films of 2 patients, 1 finding\n" in answer.out
    assert "2 of 4 films without a row in labels.csv" in answer.out
    assert f"wrote {key}" in answer.out
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    manifest = read_manifest(out)
    assert list(manifest.table["Effusion"][:2]) == [1, 0]
    assert manifest.table["patient_id"][0] == open_key(key).pseudonym("p0")
    again = hilum("data", "import", "dicom", archive, "--out", out, "--key", key)
    assert f"wrote {key}" not in again.out
    assert read_manifest(out).findings == ()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--join", "film=file"), "--labels, which is missing"),
        (("--labels", "l.csv"), "--labels needs --join COLUMN=KIND"),
        (("--labels", "l.csv", "--join", "film"), "--labels needs --join COLUMN=KIND"),
        (("--labels", "l.csv", "--join", "film=uid"), "got 'uid'"),
        (("--labels", "l.csv", "--join", "film=file", "--finding-columns", "Mass"), "expected FINDING=COLUMN"),
        (("--labels", "l.csv", "--join", "film=file"), "there is no label file"),
    ],
)
def test_wrong_options(hilum, archive, tmp_path, words, sentence):
    answer = hilum("data", "import", "dicom", archive, "--out", tmp_path / "m.parquet", *words)
    assert answer.code == 1
    assert sentence in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "m.parquet").exists()
