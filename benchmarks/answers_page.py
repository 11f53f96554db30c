"""Writes ``docs/results/0005-answers.md`` and its figures from what ``benchmarks/answers.sh`` left behind.

Run: ``python benchmarks/answers_page.py WORK``.
"""

import argparse
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markdown_table import table
from refer_promise import N_STUDIES, promises

from hilum.findings import title_of
from hilum.records import BundleSpec, Evaluation, FindingEvaluation, Interval
from hilum.runs import write_text
from hilum.wording import fixed, interval, measured, percent

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "results" / "0005-answers.md"
COMMAND = "benchmarks/answers.sh"
CASES = 100
"""A promise is judged where at least so many films with the finding stand behind it."""


@dataclass(frozen=True)
class Study:
    """An evaluation, the folder it lies in, and what it is called."""

    title: str
    folder: Path
    found: Evaluation

    @property
    def errors(self) -> list[float]:
        return [finding.calibration.ece.value for finding in self.found.findings.values()]

    def promises(self) -> dict[str, bool]:
        """Whether missed and false alarms are within their bands, for findings with enough films behind."""
        zones = {name: finding.refer for name, finding in self.found.findings.items() if finding.refer}
        return {
            title_of(name): bool(zone.in_band and zone.false_alarms_in_band)
            for name, zone in zones.items()
            if zone.n_calibration_images >= CASES
        }


def main():
    parser = argparse.ArgumentParser(description="Write the page about calibrated answers.")
    parser.add_argument("work", type=Path, help="the folder that benchmarks/answers.sh wrote to")
    work = parser.parse_args().work
    public = study("A public DenseNet121, its own test fold", work / "public")
    ours = study("real-cpu, other patients of the same place", work / "in-domain" / "evaluation")
    made_up = study("The demo on 9,000 phantoms", work / "phantoms" / "evaluation")
    text = [*opening(public, ours, made_up), *widths(public)]
    for each in (public, ours, made_up):
        text += [*calibration_table(each), *zone_table(each), *promise_table(each)]
    if (work / "local").is_dir():
        text += recalibration(work / "local")
    write_text(PAGE, "\n".join([*text, *limits()]) + "\n")
    n_films = ours.found.pedigree.n_images
    kept = [sum(each.promises().values()) for each in (public, ours)]
    figures = (
        ("ece_real", max(float(np.mean(each.errors)) for each in (public, ours)), "ECE, mean over findings", n_films),
        ("conformal_findings_in_band", sum(kept), f"of {sum(len(e.promises()) for e in (public, ours))}", n_films),
    )
    for name, value, unit, n in figures:
        record(name, value, unit=unit, n=n)


def study(title: str, folder: Path) -> Study:
    path = folder / "evaluation.json"
    return Study(title, folder, Evaluation.from_json(path.read_bytes(), source=str(path)))


def opening(*studies: Study) -> Iterator[str]:
    yield "# 0005: answers, not scores\n"
    yield "**Asked.** On real films, do probabilities mean what they say, and do refer zones keep their promises?\n"
    for each in studies:
        pedigree = each.found.pedigree
        kept = each.promises()
        split = f", split {pedigree.split_digest[:12]}" if pedigree.split_digest else ""
        broken = ", ".join(name for name, both in kept.items() if not both) or "none"
        yield (
            f"**{each.title}.** {pedigree.n_images:,} films of {pedigree.n_patients:,} patients; fitted on "
            f"{pedigree.thresholds_from}. Mean AUROC {measured(each.found.macro['auroc'])}. ECE: mean over findings "
            f"{fixed(float(np.mean(each.errors)), 4)}, largest {fixed(max(each.errors), 4)}. Zones with at least "
            f"{CASES} films with the finding behind them: {len(kept)}; with a promise outside its one-sided "
            f"95 % band: {broken}. "
            f"Labels {pedigree.data_digest[:12]}{split}; commit {pedigree.commit[:12]}; {pedigree.intervals}.\n"
        )


def widths(each: Study) -> Iterator[str]:
    """AUROC with the interval by patient beside the one that takes every film for another patient."""
    yield f"## {each.title}: intervals by patient and by film\n"
    header = ("finding", "films with", "AUROC, by patient", "Obuchowski", "by film", "DeLong by film", "patient / film")
    yield table(header, (width_cells(name, finding) for name, finding in each.found.findings.items()), align="lrllllr")
    study = each.found.subgroups
    parts = [group for group in study.subgroups if group.attribute == "official list"] if study else []
    for group in parts:
        gap = measured(group.mean_gap, 4, difference=True)
        yield (
            f"\nOfficial list, {group.level}: {group.n_images:,} films of {group.n_patients:,} patients, mean AUROC "
            f"{measured(group.mean_auroc, 4)}, against the others {gap}."
        )
    yield ""


def width_cells(name: str, finding: FindingEvaluation) -> list[str]:
    rank = finding.rank
    spans = [interval(value, 4) for value in (rank.clustered_delong, rank.by_image, rank.delong)]
    ratio = width(finding.auroc) / width(rank.by_image)
    return [title_of(name), f"{finding.auroc.n_positive:,}", measured(finding.auroc, 4), *spans, f"{ratio:.2f}"]


def calibration_table(each: Study) -> Iterator[str]:
    yield f"## {each.title}: calibration\n"
    header = ("finding", "films with", "ECE (95 %)", "by chance", "Brier", "slope", "intercept")
    rows = []
    for name, finding in each.found.findings.items():
        found = finding.calibration
        errors = (measured(found.ece, 4), fixed(found.ece_by_chance, 4), measured(found.brier, 4))
        fitted = (measured(found.slope, 2), measured(found.intercept, 2))
        rows.append((title_of(name), f"{finding.auroc.n_positive:,}", *errors, *fitted))
    yield table(header, rows, align="lrlrlll") + "\n"


def zone_table(each: Study) -> Iterator[str]:
    yield f"## {each.title}: refer zones\n"
    promised = ("missed", "allowed", "kept", "false alarms", "allowed", "kept")
    rows = ((title_of(name), *zone_cells(finding)) for name, finding in each.found.findings.items())
    yield table(("finding", "films behind", "patients", "referred", *promised), rows, align="lrrrlrllrl") + "\n"


def promise_table(each: Study) -> Iterator[str]:
    """One study may break a promise by chance; what a hundred do is the promise itself."""
    yield f"## {each.title}: zones judged {N_STUDIES} times\n"
    yield "Zones fitted on a random half of these patients, judged on the other half: means over the studies.\n"
    header = ("finding", "films behind", "missed", "in the band", "false alarms", "in the band")
    rows = (
        (
            title_of(name),
            f"{kept.n_images:,.0f}",
            fixed(kept.missed),
            percent(kept.missed_kept),
            fixed(kept.false_alarms),
            percent(kept.false_alarms_kept),
        )
        for name, kept in promises(each.folder / "predictions.csv").items()
    )
    yield table(header, rows, align="lrrrrr") + "\n"


def zone_cells(finding: FindingEvaluation) -> tuple[str, ...]:
    zone = finding.refer
    if zone is None:
        return ("–",) * 9
    words = {True: "yes", False: "**no**", None: "–"}
    return (
        f"{zone.n_calibration_images:,}",
        f"{zone.n_calibration:,}",
        percent(zone.referred.value),
        measured(zone.missed),
        f"{zone.allowed_missed:g}",
        words[zone.in_band],
        measured(zone.false_alarms),
        f"{zone.allowed_false_alarms:g}",
        words[zone.false_alarms_in_band],
    )


def recalibration(folder: Path) -> Iterator[str]:
    """What a few cases of another mix are worth."""
    before = Evaluation.from_json((folder / "before.json").read_bytes(), source="before.json")
    after = Evaluation.from_json((folder / "evaluation.json").read_bytes(), source="evaluation.json")
    spec = BundleSpec.from_json((folder / "bundle" / "bundle.json").read_bytes(), source="bundle.json")
    yield "## real-cpu, recalibrated on a few films of another mix\n"
    yield f"{spec.recalibration.note} Labels {after.pedigree.data_digest[:12]}; commit {after.pedigree.commit[:12]}.\n"
    header = ("finding", "films with", "ECE before", "ECE after", "threshold before", "after")
    rows = (
        (
            title_of(name),
            f"{new.auroc.n_positive:,}",
            measured(before.findings[name].calibration.ece),
            measured(new.calibration.ece),
            fixed(before.findings[name].operating_point.threshold, 2),
            fixed(spec.findings[name].threshold, 2),
        )
        for name, new in after.findings.items()
    )
    yield table(header, rows, align="lrllrr") + "\n"


def limits() -> Iterator[str]:
    yield "## What this cannot say\n"
    yield "- Anything about another hospital: all are judged on films from where they were fitted. There, recalibrate."
    yield "- What radiologists would call: labels were mined from reports."
    yield "- Of the public model all but the ranks is cross-fitted: each fold is calibrated by the others' patients."
    yield "\n## Again\n"
    yield "```text\nbenchmarks/answers.sh PREDICTIONS LABELS WORK INIT LOCAL"
    yield "python benchmarks/answers_page.py WORK\n```"
    yield "\nNot a medical device."


def width(value: Interval) -> float:
    return value.high - value.low


def record(name: str, value: float, *, unit: str, n: int) -> None:
    """Write a figure by the tool that everybody uses."""
    tool = importlib.util.spec_from_file_location("record_figure", ROOT / "tools" / "record_figure.py")
    module = importlib.util.module_from_spec(tool)
    tool.loader.exec_module(module)
    module.record(module.FIGURES, name, value, unit=unit, n=n, command=COMMAND)


if __name__ == "__main__":
    main()
