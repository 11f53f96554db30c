import math

import pytest

from hilum.reporting.measure_table import (
    calibration_rows,
    film_rows,
    predictive_rows,
    published_rows,
    rank_rows,
    rate_rows,
    refer_rows,
)

DASH = "–"


def rows(table):
    return {row.name: row.cells for row in table.rows}


def said(cell):
    return f"{cell.text} {cell.interval}".strip()


def written(value):
    ends = (f"{end:.3f}".replace("-", "−") for end in (value.low, value.high))
    between = " to " if value.low < 0 else "–"
    number = f"{round(value.value, 3) + 0.0:.3f}".replace("-", "−")
    return f"{number} ({between.join(ends)})".replace("−0.000", "0.000")


def title(name):
    return name.replace("_", " ")


def test_calibration_is_the_record(full):
    table = rows(calibration_rows(full))
    for name, finding in full.findings.items():
        measured = finding.calibration
        cells = table[title(name)]
        for cell, value in zip(
            (*cells[:3], *cells[4:]),
            (measured.brier, measured.nll, measured.ece, measured.ece_equal_width, measured.slope, measured.intercept),
            strict=True,
        ):
            assert said(cell) == written(value)
        assert cells[3].text == f"{measured.ece_by_chance:.3f}"
    assert list(table)[-1] == "No Finding (derived)"


def test_ranks_and_rates_are_the_record(full):
    ranks, rates = rows(rank_rows(full)), rate_rows(full)
    for name, finding in full.findings.items():
        rank = finding.rank
        expected = (rank.partial_auroc, finding.auroc, rank.clustered_delong, rank.delong, rank.by_image)
        assert [said(cell) for cell in ranks[title(name)]] == [written(value) for value in expected]
        held = (*rank.sensitivity_at_specificity, *rank.specificity_at_sensitivity)
        assert [said(cell) for cell in rows(rates)[title(name)]] == [written(rate.reached) for rate in held]
    assert rates.columns[0] == f"sensitivity at specificity {held[0].held:g}"


def test_a_finding_with_other_held_rates_leaves_a_blank(full):
    rank = full.findings["Mass"].rank.model_copy(update={"sensitivity_at_specificity": ()})
    findings = full.findings | {"Mass": full.findings["Mass"].model_copy(update={"rank": rank})}
    cells = rows(rate_rows(full.model_copy(update={"findings": findings})))["Mass"]
    assert cells[0].text == " "
    assert cells[-1].text != " "


def test_predictive_values_stand_under_their_prevalence(full, whole):
    table = predictive_rows(full)
    here, there = full.findings["Effusion"].operating_point.predictive
    cells = rows(table)["Effusion"]
    assert [said(cell) for cell in cells[1:3]] == [written(here.ppv), written(here.npv)]
    assert [said(cell) for cell in cells[3:]] == ["5.0 %", written(there.ppv), written(there.npv)]
    assert [cell.text for cell in rows(table)["Mass"][3:]] == [" "] * 3
    assert len(predictive_rows(whole).columns) == 3


def test_zones_say_what_became_of_the_promise(full):
    table = rows(refer_rows(full))
    assert list(table) == ["Effusion", "Mass", "Hernia"]
    assert [cells[-1].text for cells in table.values()] == ["kept", "broken: missed", "cannot be said"]
    assert [said(cell) for cell in table["Effusion"][:7]] == [
        "10.0 % to 40.0 %", "0.250 (0.230–0.270)", "0.080 (0.060–0.100)", "10.0 %", "0.120 (0.100–0.140)", "10.0 %",
        "1,234 patients",
    ]  # fmt: skip
    counted = full.findings["Effusion"].refer.model_copy(update={"n_calibration_images": 2001})
    finding = full.findings["Effusion"].model_copy(update={"refer": counted})
    again = rows(refer_rows(full.model_copy(update={"findings": full.findings | {"Effusion": finding}})))
    assert said(again["Effusion"][6]) == "1,234 patients, 2,001 films"


def test_films_and_published_results(full):
    film = rows(film_rows(full))["All findings together"]
    assert [said(cell) for cell in film[:2]] == [written(full.film.ranking_loss), written(full.film.subset_accuracy)]
    published = rows(published_rows(full))
    assert [cell.text for cell in published["Somebody 2018"]] == ["0.807", "A journal", "chosen on test"]
    assert published["This study"][0].text == f"{full.macro['auroc'].value:.3f}"


@pytest.mark.parametrize("table", [predictive_rows, refer_rows, rank_rows, rate_rows, film_rows, published_rows])
def test_what_was_not_measured_has_no_table(table, old):
    assert table(old) is None


def test_undefined_numbers_say_the_records_reason(odd):
    table = calibration_rows(odd)
    cells = rows(table)["Nodule"]
    reason = odd.findings["Nodule"].calibration.brier.reason.removeprefix("undefined: ")
    assert math.isnan(odd.findings["Nodule"].calibration.brier.value)
    assert cells[0].text == DASH
    assert table.notes[reason] == cells[0].mark
    assert "no interval was computed" not in table.notes
