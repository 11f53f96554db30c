import math
import re

import numpy as np
import pytest

from hilum.evaluation import evaluate_predictions
from hilum.findings import NO_FINDING
from hilum.phantoms import draw_case, render_phantom
from hilum.records import RedFlag
from hilum.reporting import GalleryFilm, write_report

DASH = "–"


@pytest.fixture
def report(tmp_path, read_page):
    def write(evaluation, **options):
        path = write_report(tmp_path / "report.html", evaluation, **options)
        return read_page(path.read_text(encoding="utf-8"))

    return write


def cell(interval):
    ends = f" ({interval.low:.3f}–{interval.high:.3f})" if math.isfinite(interval.low) else ""
    return f"{interval.value:.3f}{ends}"


def title(name):
    return name.replace("_", " ")


def test_the_finding_table_is_the_record(report, whole):
    rows = report(whole).tables["finding-table"]
    for name, finding in {**whole.findings, f"{NO_FINDING} (derived)": whole.no_finding}.items():
        present, absent, prevalence, auroc, auprc, threshold, sensitivity, specificity = rows[title(name)]
        assert (present, absent) == (f"{finding.auroc.n_positive:,}", f"{finding.auroc.n_negative:,}")
        assert prevalence == f"{100 * finding.prevalence:.1f} %"
        assert auroc == cell(finding.auroc)
        assert auprc == cell(finding.auprc)
        assert threshold == f"{finding.operating_point.threshold:.3f}"
        assert sensitivity == cell(finding.operating_point.sensitivity)
        assert specificity == cell(finding.operating_point.specificity)


def test_means_say_over_how_many_findings(report, whole, odd):
    rows = report(whole).tables["finding-table"]
    assert rows["Mean · 14 findings"][3:5] == [cell(whole.macro["auroc"]), cell(whole.macro["auprc"])]
    assert not any(name.startswith("Mean, at least 25") for name in rows)  # the same findings: the same mean
    assert rows["Mean of Atelectasis, Effusion, Infiltration, Mass · 4 findings"][3] == cell(whole.ancestor)
    fewer = {name: mean.model_copy(update={"findings": mean.findings[:-1]}) for name, mean in whole.measurable.items()}
    rows = report(whole.model_copy(update={"measurable": fewer})).tables["finding-table"]
    assert rows["Mean, at least 25 positives · 13 findings"][3] == cell(whole.measurable["auroc"])
    assert "Mean · 3 findings" in report(odd).tables["finding-table"]


def test_the_classification_table_is_the_ancestors(report, whole):
    rows = report(whole).tables["classification-table"]
    averages = {f"{name} average": getattr(whole.averages, name) for name in ("micro", "macro", "weighted", "samples")}
    findings = {title(name): finding.table for name, finding in whole.findings.items()}
    for name, row in {**findings, **averages, f"{NO_FINDING} (derived)": whole.no_finding.table}.items():
        assert rows[name] == [f"{row.precision:.3f}", f"{row.recall:.3f}", f"{row.f1:.3f}", f"{row.support:,}"]
    assert list(rows)[1:] == [*findings, *averages, f"{NO_FINDING} (derived)"]


def test_confusion_matrices_are_the_record(report, whole):
    tables = [table for name, table in report(whole).tables.items() if name.startswith("table ")]
    assert len(tables) == len(whole.findings)
    for table, finding in zip(tables, whole.findings.values(), strict=True):
        point = finding.operating_point
        counts = [cell.split()[0].replace(",", "") for name in ("called", "not called") for cell in table[name]]
        assert list(map(int, counts)) == [
            point.true_positive, point.false_positive, point.false_negative, point.true_negative,
        ]  # fmt: skip
        assert table["called"][0].split(" ", 1)[1].startswith(f"{100 * point.sensitivity.value:.1f}".removesuffix(".0"))


def test_the_pedigree_is_whole(report, whole):
    said = report(whole).said
    pedigree = whole.pedigree
    values = (pedigree.command, pedigree.version, pedigree.date, pedigree.data_digest, pedigree.split_digest)
    values += (pedigree.predictions_digest,)
    for value in (*values, pedigree.bundle_digest, pedigree.intervals, "seed 7", "resamples 25", "split test", "1,234"):
        assert value in said


def test_the_first_screen_has_sentence_picture_and_warnings(report, odd):
    page = report(odd)
    before = page.said[: page.said.index("Precision-recall")]
    assert "On 120 made-up films of" in before
    assert all(" ".join(warning.split()) in before for warning in odd.warnings)
    assert "Not a medical device" in before
    assert page.tags.index("svg") < page.tags.index("table")


@pytest.mark.parametrize("kind", ["whole", "odd", "bare", "silent"])
def test_no_page_says_nan_or_loads_anything(report, kind, request, history, gallery):
    page = report(request.getfixturevalue(kind), history=history, gallery=gallery, recipe="a: 1")
    visible = re.sub(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", "", page.text)
    assert not re.search(r"\b(nan|inf|None|undefined value)\b", visible)
    assert not re.search(r"https?:|@import|url\(", visible)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(address.startswith(("#", "data:image/jpeg;base64,")) for address in page.addresses)


def test_anchors_lead_somewhere(report, whole, history, gallery):
    page = report(whole, history=history, gallery=gallery)
    for address in page.addresses:
        assert not address.startswith("#") or f'id="{address[1:]}"' in page.text


def test_hostile_words_are_words(report, odd, gallery):
    page = report(odd, gallery=gallery, recipe="</pre><script>recipe()</script>")
    assert "<script" not in page.text
    assert "onerror=alert" not in page.text.replace("&lt;img src=x onerror=alert(1)&gt;", "")
    for words in ("<script>alert('title')</script>", "<script>warn()</script> & so on", "<b>films</b>", "<u>1</u>.png",
                  "<script>recipe()</script>"):  # fmt: skip
        assert words in page.said


def test_what_is_undefined_is_a_dash_with_its_reason(report, odd):
    page = report(odd)
    rows, said = page.tables["finding-table"], page.said
    assert rows["Mass"][5].startswith(DASH)
    assert rows["Mass"][6].startswith(DASH)
    assert rows["Hernia"][3].startswith(DASH)
    assert rows["Hernia"][6].startswith(DASH)
    assert not rows["Hernia"][7].startswith(DASH)
    assert rows["Edema"][3].startswith(DASH)
    assert rows["Nodule"][2].startswith(DASH)
    assert page.tables["classification-table"]["Pleural Thickening"][0].startswith(DASH)
    assert "0.000" not in rows["Hernia"][3:5] + rows["Nodule"][3:5]
    for row in rows.values():
        assert all(re.fullmatch(f"{DASH} [a-z]+", text) for text in row if text.startswith(DASH))
    for reason in ("no threshold could be chosen", "none of 120 films with a known label has the finding",
                   "all of 120 films with a known label have the finding", "no film has a known label",
                   "no film was called"):  # fmt: skip
        assert reason in said


def test_a_threshold_from_elsewhere_is_noted(report, odd, whole):
    rows = report(odd).tables["finding-table"]
    assert re.fullmatch(r"0\.500 [a-z]", rows["Hernia"][5])
    assert rows["Effusion"][5] == "0.400"
    assert "this threshold: fixed 0.5" in report(odd).said


def test_leaked_is_red_and_phantoms_are_said_to_be_made_up(report, odd, whole):
    marked, plain = report(odd), report(whole)
    assert "grave" in marked.classes
    assert "Leaked." in marked.said
    assert "Made-up films." in marked.said
    assert "grave" not in plain.classes
    assert "Leaked" not in plain.said
    assert "made-up" not in plain.said.lower()


def test_without_intervals_none_is_shown(report, bare):
    page = report(bare)
    assert page.tables["finding-table"]["Effusion"][3] == f"{bare.findings['Effusion'].auroc.value:.3f} a"
    assert "no interval was computed" in page.said
    assert "whisker" not in page.classes
    assert "patients unknown" in page.said
    assert f"command {DASH} not given" in page.said


def test_sections_without_content_are_left_out(report, whole, history, gallery):
    plain, full = report(whole), report(whole, history=history, gallery=gallery, recipe="epochs: 3")
    for anchor in ("#history", "#films"):
        assert anchor not in plain.addresses
        assert anchor in full.addresses
    assert "details" not in plain.tags
    assert "epochs: 3" in full.said
    assert "best 0.734" in full.said


def test_the_gallery_says_found_missed_and_extra(report, whole, gallery):
    page = report(whole, gallery=gallery)
    assert page.tags.count("img") == 4
    assert "Effusion 81.2 % present, called" in page.said
    assert page.said.count("heat map: Pleural Thickening") == 1
    assert "Mass 10.0 % present, missed" in page.said
    assert f"Pleural Thickening {DASH} called, not labelled" in page.said
    assert "No Finding nothing called" in page.said
    assert f"Hernia {DASH} present, missed" in page.said
    assert page.said.count("no heat map") == 2


def test_no_warning_is_said_to_be_none(report, whole):
    assert "No warning was raised" in report(whole.model_copy(update={"warnings": ()})).said


def test_the_page_stays_small(tmp_path, whole, history):
    pixels = render_phantom(draw_case(0, 0, prevalence="balanced"), 512).pixels
    overlay = np.repeat(pixels[..., None], 3, axis=2)
    gallery = [GalleryFilm(f"{n}.png", pixels, overlay, ("Mass",), {"Mass": 0.5}, ("Mass",)) for n in range(12)]
    assert write_report(tmp_path / "r.html", whole, history=history, gallery=gallery).stat().st_size < 1_500_000


@pytest.mark.shared
@pytest.mark.slow
def test_public_predictions_have_their_numbers(report, shared_data):
    predictions = shared_data / "predictions" / "reproduce-chexnet-densenet121.csv.gz"
    evaluation = evaluate_predictions(
        predictions, shared_data / "nih-metadata" / "Data_Entry_2017_v2020.csv.gz", bootstrap=0
    )
    rows = report(evaluation).tables["finding-table"]
    for name, finding in evaluation.findings.items():
        assert rows[title(name)][3].split()[0] == f"{finding.auroc.value:.3f}"


@pytest.fixture(scope="session")
def errors():
    from hilum.reporting import FilmError

    pixels = np.zeros((40, 64), dtype=np.uint8)
    return [
        GalleryFilm("4.png", pixels, pixels[..., None].repeat(3, axis=2), ("Mass", "Edema"), {"Mass": 0.021}, (),
                    FilmError("Mass", "missed", 0.35)),
        GalleryFilm("5.png", pixels, None, (), {"Mass": 0.97}, ("Mass",), FilmError("Mass", "false alarm", 0.35)),
        GalleryFilm("6.png", pixels, None, ("Mass",), {"No Finding": 0.9}, ("No Finding",),
                    FilmError("No Finding", "false alarm", 0.5)),
    ]  # fmt: skip


def test_errors_say_missed_and_false_alarm_and_that_labels_may_be_wrong(report, whole, gallery, errors):
    page = report(whole, gallery=[*gallery, *errors])
    for words in (
        "The label may be what is wrong",
        "missed at 2.1 %, called from 35.0 % on; labelled Mass, Edema 4.png",
        "false alarm at 97.0 %, called from 35.0 % on; labelled with none of the model’s findings 5.png",
        "false alarm at 90.0 %: under-diagnosed, called from 50.0 % on; labelled Mass 6.png",
    ):
        assert words in page.said
    assert "Hernia — present, missed" not in report(whole, gallery=errors).said
    assert 'id="films"' not in report(whole, gallery=errors).text
    assert 'id="errors"' not in report(whole, gallery=gallery).text


NEW = ("decision", "refer", "rank", "whole-films", "subgroups", "published", "predictive")


def test_everything_that_was_measured_has_its_section(report, full, spec):
    page = report(full, spec=spec)
    assert all(f"#{anchor}" in page.addresses for anchor in NEW)
    names = ("predictive", "calibration", "refer", "rank", "rate", "film", "subgroup", "published")
    assert {*(f"{name}-table" for name in names), "subgroup-1", "claim-2024", "tripod-ai"} <= set(page.tables)
    assert "Not looked at: weight." in page.said
    assert "Square of 224 px" in page.said


def test_what_an_older_study_lacks_is_left_out(report, old):
    page = report(old)
    assert not any(f'id="{anchor}"' in page.text for anchor in NEW)
    assert "In short" in page.said


def test_red_flags_stand_before_everything_else(report, full, odd):
    page = report(full)
    assert page.said.index("Do <b>not</b>.") < page.said.index("On 400 films")
    assert page.text.index('role="alert"') < page.text.index('class="lead"')
    assert "<b>not" not in page.text
    assert report(odd).text.split('class="lead"')[0].count("training set are among these films") == 1


def test_shared_patients_are_said_even_where_nothing_leaked_by_consent(report, whole):
    flagged = whole.model_copy(update={"red_flags": (RedFlag(code="shared_patients", sentence="Some are shared."),)})
    assert "Red flag. Some are shared." in report(flagged).said


def test_looks_and_published_results_stand_on_the_first_screen(report, full, whole):
    first = report(full).text.split("<nav")[0]
    assert "Look 3 at these films" in first
    assert first.count('class="published"') == 4
    assert "Upright ticks" in first
    assert "Upright ticks" not in report(whole).text


def test_every_picture_has_words(report, full, gallery, history):
    page = report(full, gallery=gallery, history=history)
    assert "svg" in page.tags
    assert page.unnamed == []


def test_no_finding_says_whether_it_was_answered_itself(report, whole):
    page = report(whole.model_copy(update={"no_finding_derived": False}))
    assert "No Finding (answered itself)" in page.tables["finding-table"]
    assert "(derived)" not in page.said


def luminance(colour):
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return sum(
        weight * (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4)
        for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True)
    )


@pytest.mark.parametrize("scheme", [0, 1])
def test_words_can_be_told_from_paper(scheme):
    from importlib.resources import files

    style = (files("hilum") / "resources" / "templates" / "page.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", style.split(":root")[1 + scheme].split("}")[0]))
    pairs = [(ink, "paper") for ink in ("ink", "quiet", "accent", "second", "grave", "note")]
    for ink, paper in [*pairs, ("ink", "grave-wash"), ("grave", "grave-wash"), ("note", "note-wash")]:
        light, dark = sorted((luminance(colours[ink]), luminance(colours[paper])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, paper)


def test_paper_has_the_summary_on_a_page_of_its_own_and_what_is_folded_on_a_screen():
    from importlib.resources import files

    style = (files("hilum") / "resources" / "templates" / "page.css").read_text(encoding="utf-8")
    on_paper = style.split("@media print")[1]
    assert re.search(r"\.first \{[^}]*break-after: page", on_paper)
    assert "details::details-content { content-visibility: visible" in on_paper
    assert not re.search(r"\bsummary \{[^}]*display: none", on_paper)


def test_no_checklist_has_marks_of_another_kind_of_text(report, full):
    assert "`" not in report(full).said
