import math

import numpy as np
import pytest

from hilum.records import (
    DoctorCheck,
    DoctorReport,
    Interval,
    MacroMetric,
    MeasurableFinding,
    ShortcutProbe,
    SuspectFilm,
)
from hilum.reporting import write_doctor


def check_of(code, severity="warning", **given):
    values = {
        "title": f"title of {code}",
        "sentence": "What.",
        "fix": "Do <b>.",
        "n_films": len(given.get("films", ())),
    }
    return DoctorCheck(code=code, severity=severity, **{**values, **given})


@pytest.fixture
def report():
    films = tuple(SuspectFilm(image_id=f"<i>{n}</i>.png", detail="dark") for n in range(150))
    return DoctorReport(
        source="labels.csv",
        manifest_digest="d" * 64,
        n_images=12340,
        n_patients=3235,
        n_opened=12000,
        phantom=True,
        checks=(
            check_of("leak", "error", films=(SuspectFilm(image_id="a.png", other="b.png"),), excludes=True),
            check_of("pose_inverted", films=films, n_films=1200),
            check_of("shortcut_view", n_films=12340),
            check_of("few", "note", n_films=2),
        ),
        passed=("children",),
        not_made={"bundle": "none was given"},
        shortcuts=(
            ShortcutProbe(
                code="view",
                title="view position",
                inputs=("view",),
                auroc=MacroMetric(value=0.575, low=0.57, high=0.58, findings=("Mass", "Pleural_Thickening")),
                findings={"Mass": 0.6, "Pleural_Thickening": 0.55},
                n_images=12340,
                sentence="View alone.",
            ),
            ShortcutProbe(
                code="source",
                title="source",
                inputs=(),
                auroc=MacroMetric(findings=()),
                findings={},
                n_images=0,
                sentence="Source was not measured.",
            ),
        ),
        measurable=(
            MeasurableFinding(
                split="test",
                finding="Mass",
                n_positive=14,
                n_negative=1992,
                n_unknown=0,
                expected=Interval(value=0.8, low=0.66, high=0.94),
                measurable=False,
            ),
            MeasurableFinding(
                split="test",
                finding="Hernia",
                n_positive=0,
                n_negative=2006,
                n_unknown=0,
                expected=Interval(),
                measurable=False,
            ),
        ),
    )


@pytest.fixture
def page(report, tmp_path, read_page):
    picture = np.full((220, 220), 120, np.uint8)
    path = tmp_path / "doctor.html"
    write_doctor(path, report, {"a.png": picture, "b.png": picture, "<i>0</i>.png": picture})
    return read_page(path.read_text(encoding="utf-8"))


def test_the_page_says_what_was_found(page):
    assert "1 error and 2 warnings in 12,340 films of 3,235 patients" in page.said
    rows = page.tables["checks-table"]
    assert rows["error"][:2] == ["title of leak", "1"]
    assert rows["note"][0] == "title of few"
    assert "12,000 films opened; 1 proposed" in page.said
    assert "Not a medical device" in page.said
    assert "made up" in page.said
    assert "The first 100 of 1,200 by name" in page.said
    assert "bundle: none was given" in page.said


def test_pictures_stand_in_the_page_and_nothing_is_loaded(page):
    pictures = [address for address in page.addresses if address.startswith("data:image/jpeg;base64,")]
    assert len(pictures) == 3
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    anchors = {address for address in page.addresses if address.startswith("#")}
    assert anchors == {"#leak", "#pose_inverted", "#shortcuts", "#few"}


def test_commands_are_set_as_code(report, tmp_path, read_page):
    checks = (check_of("x", sentence="As `hilum <b>` says.", fix="Run `hilum data split` & see.", n_films=1),)
    write_doctor(tmp_path / "p.html", report.model_copy(update={"checks": checks}), {})
    raw = (tmp_path / "p.html").read_text()
    assert "As <code>hilum &lt;b&gt;</code> says." in raw
    assert raw.count("Run <code>hilum data split</code> &amp; see.") == 2
    assert "`" not in read_page(raw).said


def test_names_are_escaped(page):
    assert "<i>0</i>.png" in page.said
    assert "i" not in page.tags


def test_numbers_are_the_records(page):
    assert page.tables["shortcut-table"]["Pleural Thickening"] == ["0.550"]
    assert page.tables["shortcut-table"]["Mean"][0].startswith("0.575")
    assert page.tables["measurable-table"]["Mass"][1] == "0.66–0.94"
    assert page.tables["measurable-table"]["Hernia"][1] == "–"
    assert "Source was not measured." in page.said


def test_a_clean_set_is_said_to_be_clean(report, tmp_path, read_page):
    clean = report.model_copy(update={"checks": (), "n_opened": 0, "phantom": False, "not_made": {}, "shortcuts": ()})
    write_doctor(tmp_path / "d.html", clean, {})
    page = read_page((tmp_path / "d.html").read_text(encoding="utf-8"))
    assert "nothing found that would make a number wrong" in page.said
    assert "no film was opened" in page.said


def test_undefined_numbers_survive_json(report):
    again = DoctorReport.from_json(report.to_json())
    assert math.isnan(again.shortcuts[1].auroc.value)
    assert again.count("warning") == 2
