"""The tables of a report beside findings and calls: calibration, refer zones, intervals, rates, whole films."""

from collections.abc import Iterator

from hilum.findings import title_of
from hilum.records import Evaluation, FindingEvaluation, FixedRate, PredictiveValues, ReferEvaluation
from hilum.reporting.table import BLANK, Cell, Table, no_finding_title
from hilum.wording import count, fixed, percent

__all__ = [
    "calibration_rows",
    "film_rows",
    "predictive_rows",
    "published_rows",
    "rank_rows",
    "rate_rows",
    "refer_rows",
]

_HERE = "these films"


def predictive_rows(evaluation: Evaluation) -> Table | None:
    """Return what a call means here and, where prevalences were given, there; None where nobody computed it."""
    found = [(name, finding.operating_point.predictive) for name, finding in _named(evaluation)]
    if not any(values for _, values in found):
        return None
    given = any(value.prevalence_from != _HERE for _, values in found for value in values)
    columns = ("prevalence here", "PPV here", "NPV here")
    table = Table((*columns, "prevalence given", "PPV there", "NPV there") if given else columns)
    for name, values in found:
        here = next((value for value in values if value.prevalence_from == _HERE), None)
        there = next((value for value in values if value.prevalence_from != _HERE), None)
        cells = _predictive_cells(table, here)
        table.add(name, *cells, *(_predictive_cells(table, there) if given else ()))
    return table


def calibration_rows(evaluation: Evaluation) -> Table:
    """Return whether probabilities mean what they say, in seven numbers per finding."""
    table = Table(("Brier", "NLL", "ECE", "by chance", "ECE, equal width", "slope", "intercept"))
    for name, finding in _named(evaluation):
        measured = finding.calibration
        table.add(
            name,
            table.measured(measured.brier),
            table.measured(measured.nll),
            table.measured(measured.ece),
            table.number(measured.ece_by_chance, "no film has a known label"),
            table.measured(measured.ece_equal_width),
            table.measured(measured.slope),
            table.measured(measured.intercept),
        )
    return table


def refer_rows(evaluation: Evaluation) -> Table | None:
    """Return what every refer zone promised and did; None where there is none."""
    zones = [(name, finding.refer) for name, finding in _named(evaluation) if finding.refer is not None]
    if not zones:
        return None
    columns = (
        "zone",
        "referred",
        "missed",
        "allowed",
        "false alarms",
        "allowed",
        "behind it, with the finding",
        "promises",
    )
    table = Table(columns)
    for name, zone in zones:
        table.add(
            name,
            Cell(f"{percent(zone.low)} to {percent(zone.high)}"),
            table.measured(zone.referred),
            table.measured(zone.missed),
            table.share(zone.allowed_missed, "nothing was promised"),
            table.measured(zone.false_alarms),
            table.share(zone.allowed_false_alarms, "nothing was promised"),
            Cell(_behind(zone)),
            Cell(_kept(zone)),
        )
    return table


def _behind(zone: ReferEvaluation) -> str:
    """Say on how many patients the zone rests, and on how many of their films where they were counted."""
    patients = count(zone.n_calibration, "patient")
    return f"{patients}, {count(zone.n_calibration_images, 'film')}" if zone.n_calibration_images else patients


def _kept(zone: ReferEvaluation) -> str:
    """Say of both promises whether they were kept."""
    broken = [
        words
        for words, held in (("missed", zone.in_band), ("false alarms", zone.false_alarms_in_band))
        if held is False
    ]
    if broken:
        return f"broken: {' and '.join(broken)}"
    return "kept" if zone.in_band and zone.false_alarms_in_band else "cannot be said"


def rank_rows(evaluation: Evaluation) -> Table | None:
    """Return AUROC's intervals side by side, and the partial AUROC; None where nobody computed them."""
    ranked = [(name, finding, finding.rank) for name, finding in _named(evaluation) if finding.rank is not None]
    if not ranked:
        return None
    partial = f"partial AUROC, to {ranked[0][2].partial_up_to:g}"
    table = Table((partial, "AUROC, by patient", "DeLong by patient", "DeLong by film", "bootstrap by film"))
    for name, finding, rank in ranked:
        estimates = (rank.partial_auroc, finding.auroc, rank.clustered_delong, rank.delong, rank.by_image)
        table.add(name, *(table.measured(value) for value in estimates))
    return table


def rate_rows(evaluation: Evaluation) -> Table | None:
    """Return the rates that the order of the films allows; None where nobody computed them."""
    ranked = [(name, finding.rank) for name, finding in _named(evaluation) if finding.rank is not None]
    first = next((rank for _, rank in ranked if rank.sensitivity_at_specificity), None)
    if first is None:
        return None
    sensitive = [f"sensitivity at specificity {rate.held:g}" for rate in first.sensitivity_at_specificity]
    specific = [f"specificity at sensitivity {rate.held:g}" for rate in first.specificity_at_sensitivity]
    table = Table((*sensitive, *specific))
    for name, rank in ranked:
        sensitivities = _held(table, rank.sensitivity_at_specificity, first.sensitivity_at_specificity)
        table.add(
            name, *sensitivities, *_held(table, rank.specificity_at_sensitivity, first.specificity_at_sensitivity)
        )
    return table


def film_rows(evaluation: Evaluation) -> Table | None:
    """Return how whole films fare; None where nobody computed it."""
    if evaluation.film is None:
        return None
    table = Table(("ranking loss", "films all right", "films"))
    cells = (table.measured(evaluation.film.ranking_loss), table.measured(evaluation.film.subset_accuracy))
    table.add("All findings together", *cells, Cell(f"{evaluation.film.n_images:,}"))
    return table


def published_rows(evaluation: Evaluation) -> Table | None:
    """Return published means beside the one of this study; None where none may stand beside it."""
    mean = evaluation.macro.get("auroc")
    if not evaluation.comparable or mean is None:
        return None
    table = Table(("mean AUROC", "source", "mind"))
    for result in evaluation.comparable:
        table.add(result.name, Cell(fixed(result.mean_auroc)), Cell(result.source), Cell(result.note or BLANK))
    table.summarise("This study", table.estimate(mean, "undefined for every finding"), Cell(BLANK), Cell(BLANK))
    return table


def _named(evaluation: Evaluation) -> Iterator[tuple[str, FindingEvaluation]]:
    """Yield findings by their title, ``No Finding`` last."""
    for name, finding in evaluation.findings.items():
        yield title_of(name), finding
    if evaluation.no_finding is not None:
        yield no_finding_title(evaluation), evaluation.no_finding


def _predictive_cells(table: Table, values: PredictiveValues | None) -> tuple[Cell, ...]:
    if values is None:
        return (Cell(BLANK),) * 3
    share = table.share(values.prevalence, "no film has a known label")
    return share, table.measured(values.ppv), table.measured(values.npv)


def _held(table: Table, rates: tuple[FixedRate, ...], columns: tuple[FixedRate, ...]) -> tuple[Cell, ...]:
    reached = {rate.held: table.measured(rate.reached) for rate in rates}
    return tuple(reached.get(column.held, Cell(BLANK)) for column in columns)
