import csv
import json
import re
import shutil
import sys

import numpy as np
import pytest

from hilum.cli import predict as verb
from hilum.imaging import write_dicom, write_png
from hilum.inference import Predictor
from hilum.models import load_bundle
from hilum.records import Interval, PlattMap, Prediction, ReferZone

FINDINGS = ("Effusion", "Mass", "Nodule")


@pytest.fixture(scope="module")
def bundle(make_bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "bundle"
    make_bundle(folder, rules={"Nodule": {"threshold": float("nan"), "reason": "no film of validation has it"}})
    return folder


@pytest.fixture(scope="module")
def folder(films, tmp_path_factory):
    """Two films, one cut short, one that is no film."""
    folder = tmp_path_factory.mktemp("inbox")
    for film in films.images[:2]:
        shutil.copy(film, folder)
    (folder / "cut.png").write_bytes(films.images[0].read_bytes()[:200])
    (folder / "letter.txt").write_text("Dear colleague")
    return folder


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_csv(hilum, bundle, folder, tmp_path):
    out = tmp_path / "answers.csv"
    answer = hilum("predict", folder, "--bundle", bundle, "--out", out)
    assert answer.code == 0
    assert answer.out == f" wrote {out}\n"
    assert "1 film of 3 not answered" in answer.err
    assert "trained on phantoms" in answer.err
    written = rows(out)
    parts = ("score", "probability", "low", "high", "call", "call_share")
    assert list(written[0]) == [
        "image_id", "path", "status", "reason", *(f"{part}_{name}" for part in parts for name in FINDINGS)
    ]  # fmt: skip
    assert [row["image_id"] for row in written] == sorted(path.name for path in folder.glob("*.png"))
    by_name = {row["image_id"]: row for row in written}
    assert by_name["cut.png"]["status"] == "refused"
    assert by_name["cut.png"]["reason"] == "truncated"
    assert {by_name["cut.png"][f"{part}_{name}"] for part in parts for name in FINDINGS} == {""}
    answered = [row for row in written if row["status"] == "answered"]
    predictor = Predictor(load_bundle(bundle))
    for row, prediction in zip(
        answered, predictor.predict_files([folder / r["image_id"] for r in answered]), strict=True
    ):
        assert row["path"] == str(folder / row["image_id"])
        for name in FINDINGS:
            expected = prediction.findings[name]
            assert float(row[f"score_{name}"]) == pytest.approx(expected.score, abs=1e-6)
            assert float(row[f"probability_{name}"]) == pytest.approx(expected.probability, abs=1e-6)
            assert row[f"call_{name}"] == (expected.call or "")
        assert row["call_Nodule"] == ""


def test_its_csv_can_be_evaluated(hilum, bundle, films, tmp_path):
    out = tmp_path / "answers.csv"
    assert hilum("predict", films.phantoms / "images", "--bundle", bundle, "--out", out).code == 0
    assert len(rows(out)) == 72
    answer = hilum(
        "evaluate", "--predictions", out, "--labels", films.phantoms / "Data_Entry_2017.csv",
        "--out", tmp_path / "study", "--bootstrap", 0,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    written = json.loads((tmp_path / "study" / "evaluation.json").read_text())
    assert set(written["findings"]) == set(FINDINGS)
    assert written["pedigree"]["n_images"] == 72


def test_json_lines_in_a_pipe_and_in_a_file(hilum, bundle, folder, tmp_path):
    piped = hilum("predict", folder, "--bundle", bundle)
    assert piped.code == 0
    predictions = [Prediction.from_json(line) for line in piped.out.splitlines()]
    assert [prediction.status for prediction in predictions].count("answered") == 2
    out = tmp_path / "answers.jsonl"
    assert hilum("predict", folder, "--bundle", bundle, "--out", out).code == 0
    assert out.read_text() == piped.out


def zone(low, high):
    rates = {"missed": 0.1, "cleared": 0.8, "found": 0.7, "false_alarms": 0.05}
    promises = {"allowed_missed": 0.1, "allowed_false_alarms": 0.1, "n_patients_with": 20, "n_patients_without": 90}
    return ReferZone(low=low, high=high, **rates, **promises)


def test_a_table_on_a_terminal(hilum, make_bundle, folder, films, tmp_path, monkeypatch):
    rates = {"sensitivity": Interval(value=0.81), "specificity": Interval(value=0.9), "n_positive": 10}
    known = PlattMap(covariance=((0.01, 0.0), (0.0, 0.01)))
    rules = {
        "Effusion": {"threshold": 0.0, **rates, "n_negative": 90, "calibration": known},
        "Mass": {"threshold": 1.0, **rates, "n_negative": 990},
        "Nodule": {"threshold": float("nan"), "reason": "no film of validation has it"},
    }
    bundle = tmp_path / "bundle"
    make_bundle(bundle, rules=rules)
    monkeypatch.setattr(verb, "_on_a_terminal", lambda: True)
    answer = hilum("predict", folder / "cut.png", films.images[0], "--bundle", bundle)
    assert answer.code == 0
    lines = [line.rstrip() for line in answer.out.splitlines()]
    assert lines[0] == " cut.png   not answered: truncated"
    assert lines[2] == f" {films.images[0].name}   PNG · 64×64 · full range · small"
    assert lines[3].split() == ["finding", "score", "probability", "call", "what", "it", "means"]
    assert re.match(r" Effusion +0\.\d{3} +\d+\.\d% \(\d+\.\d to \d+\.\d\) +present ", lines[4])
    assert lines[4].endswith("present  47 of 100 called so have it (where 10 % have it)")
    assert lines[5].startswith(" Nodule ")
    assert lines[5].endswith("no call  no film of validation has it")
    assert lines[6] == " 1 finding absent (--all shows them)"
    everything = hilum("predict", films.images[0], "--bundle", bundle, "--all").out
    assert re.search(r"\n Mass .* absent +2 of 1,000 called so have it \(where 1 % have it\)", everything)
    assert "--all shows" not in everything
    assert "nan" not in answer.out + everything


def test_what_a_call_means_where_a_finding_is_rarer(hilum, make_bundle, films, tmp_path, monkeypatch):
    rules = {
        "Effusion": {"threshold": 0.5, "refer": zone(0.0, 1.0), "n_positive": 100, "n_negative": 100},
        "Mass": {"threshold": 0.0, "refer": zone(0.0, 0.0), "n_positive": 100, "n_negative": 100},
    }
    make_bundle(tmp_path / "bundle", rules=rules)
    monkeypatch.setattr(verb, "_on_a_terminal", lambda: True)
    common = ("predict", films.images[0], "--bundle", tmp_path / "bundle", "--all")
    lines = hilum(*common).out.splitlines()
    # Of films with the finding 20 % are referred, of those without 15 %.
    assert any(
        line.rstrip().endswith("refer    a person should look: 57 of 100 called so have it (where 50 % have it)")
        for line in lines
    )
    rarer = hilum(*common, "--prevalence", "Mass=0.02, Effusion=0.05").out
    assert "22 of 100 called so have it (where 2 % have it)" in rarer
    assert "7 of 100 called so have it (where 5 % have it)" in rarer
    out = tmp_path / "answers.csv"
    assert hilum(*common[:-1], "--prevalence", "Mass=0.02", "--out", out).code == 0
    (row,) = rows(out)
    assert float(row["call_share_Mass"]) == pytest.approx(0.7 * 0.02 / (0.7 * 0.02 + 0.05 * 0.98))
    assert float(row["call_share_Effusion"]) == pytest.approx(0.2 / 0.35)
    assert (row["call_Effusion"], row["low_Mass"]) == ("refer", "")


def test_a_share_is_never_0_of_100_where_it_is_a_few_of_1000():
    assert [verb._of_films(share) for share in (0.0, 0.004, 0.0096, 0.5, 1.0)] == [
        "0 of 100", "4 of 1,000", "1 of 100", "50 of 100", "100 of 100",
    ]  # fmt: skip
    assert [verb._is_one(share) for share in (0.01, 0.001, 0.1, 1.0)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Effusion", "--prevalence Effusion: expected a finding and a share between 0 and 1, such as Effusion=0.05"),
        ("Effusion=5", "--prevalence Effusion=5: expected"),
        ("Effusion=nan", "--prevalence Effusion=nan: expected"),
        ("Effusion=0.1,Effusion=0.2", "--prevalence names Effusion twice"),
        ("Efusion=0.1", "Did you mean 'Effusion'"),
        ("Hernia=0.1", "unknown finding of this bundle 'Hernia'"),
    ],
)
def test_wrong_prevalences(hilum, bundle, films, text, message):
    answer = hilum("predict", films.images[0], "--bundle", bundle, "--prevalence", text)
    assert answer.code == 1
    assert message in answer.sentence


def test_dicom_and_png_of_a_film_agree(hilum, bundle, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (80, 64), dtype=np.uint8)
    write_png(tmp_path / "film.png", pixels)
    write_dicom(tmp_path / "film.dcm", pixels, patient_id="1", instance_number=1, view="PA", age_years=50, sex="F")
    out = tmp_path / "answers.csv"
    assert hilum("predict", tmp_path / "film.png", tmp_path / "film.dcm", "--bundle", bundle, "--out", out).code == 0
    png, dicom = rows(out)
    for name in FINDINGS:
        assert float(png[f"score_{name}"]) == pytest.approx(float(dicom[f"score_{name}"]), abs=0.02)


def test_nothing_answered_is_a_failure(hilum, bundle, folder, tmp_path):
    out = tmp_path / "answers.csv"
    answer = hilum("predict", folder / "cut.png", tmp_path / "gone.png", "--bundle", bundle, "--out", out)
    assert answer.code == 1
    assert "2 films of 2 not answered" in answer.err
    assert [row["status"] for row in rows(out)] == ["refused", "refused"]


@pytest.mark.parametrize("name", ["weights.safetensors", "golden.npz", "MODEL_CARD.md", "bundle.json"])
def test_one_flipped_byte_in_a_bundle(hilum, bundle, films, tmp_path, name):
    copy = shutil.copytree(bundle, tmp_path / "bundle")
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    answer = hilum("predict", films.images[0], "--bundle", copy, "--out", tmp_path / "a.csv")
    assert (answer.code, answer.out) == (1, "")
    assert "bundle" in answer.sentence
    assert not (tmp_path / "a.csv").exists()


def test_wrong_wishes(hilum, bundle, films, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    answer = hilum("predict", empty, "--bundle", bundle)
    assert (answer.code, f"no film lies in {empty}" in answer.sentence) == (1, True)
    answer = hilum("predict", films.images[0], "--bundle", bundle, "--out", tmp_path / "a.txt")
    assert (answer.code, "ends in .csv or .jsonl" in answer.sentence) == (1, True)
    answer = hilum("predict", films.images[0], "--bundle", empty)
    assert (answer.code, "bundle.json" in answer.sentence) == (1, True)
    answer = hilum("predict", films.images[0], "--bundle", bundle, "--out", films.images[0] / "a.csv")
    assert answer.code == 1
    assert "Traceback" not in answer.err


def test_a_terminal_is_looked_for(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert verb._on_a_terminal()
