"""Writes ``docs/results/0005-answers.md`` and its figures from what ``benchmarks/answers.sh`` left behind.

Run: ``python benchmarks/answers_page.py WORK``.
"""

import argparse
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hilum.reporting.wording import fixed, interval, percent, title_of

from hilum.records import Evaluation, FindingEvaluation, Interval
from hilum.runs import write_text

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "results" / "0005-answers.md"
COMMAND = "benchmarks/answers.sh"
CASES = 100
"""A promise is judged where at least so many films with the finding stand behind it."""


@dataclass(frozen=True)
class Study:
    """An evaluation and what it is called."""

    title: str
    found: Evaluation

    @property
    def errors(self) -> list[float]:
        return [finding.calibration.ece.value for finding in self.found.findings.values()]

    def promises(self) -> list[tuple[bool, bool]]:
        """Whether missed and false alarms are within their bands, for findings with enough cases behind."""
        zones = [finding.refer for finding in self.found.findings.values() if finding.refer]
        judged = [zone for zone in zones if zone.n_calibration_images >= CASES]
        return [(bool(zone.in_band), bool(zone.false_alarms_in_band)) for zone in judged]


def main():
    parser = argparse.ArgumentParser(description="Write the page about calibrated answers.")
    parser.add_argument("work", type=Path, help="the folder that benchmarks/answers.sh wrote to")
    work = parser.parse_args().work
    public = study("A public DenseNet121, its own test fold", work / "public" / "evaluation.json")
    ours = study("real-cpu, other patients of the same place", work / "in-domain" / "evaluation" / "evaluation.json")
    text = [*opening(public, ours), *widths(public)]
    for each in (public, ours):
        text += [*calibration_table(each), *zone_table(each)]
    write_text(PAGE, "\n".join([*text, *limits()]) + "\n")
    n_films = ours.found.pedigree.n_images
    kept = [sum(all(pair) for pair in each.promises()) for each in (public, ours)]
    figures = (
        ("ece_real", max(float(np.mean(each.errors)) for each in (public, ours)), "ECE, mean over findings", n_films),
        ("conformal_findings_in_band", sum(kept), f"of {sum(len(e.promises()) for e in (public, ours))}", n_films),
    )
    for name, value, unit, n in figures:
        record(name, value, unit=unit, n=n)


def study(title: str, path: Path) -> Study:
    return Study(title, Evaluation.from_json(path.read_bytes(), source=str(path)))


def opening(*studies: Study) -> Iterator[str]:
    yield "# 0005: answers, not scores\n"
    yield "**Asked.** On real films, do probabilities mean what they say, and do refer zones keep their promises?\n"
    for each in studies:
        pedigree = each.found.pedigree
        kept = each.promises()
        split = f", split {pedigree.split_digest[:12]}" if pedigree.split_digest else ""
        both = sum(all(pair) for pair in kept)
        yield (
            f"**{each.title}.** {pedigree.n_images:,} films of {pedigree.n_patients:,} patients; fitted on "
            f"{pedigree.thresholds_from}. Mean AUROC {said(each.found.macro['auroc'])}. ECE: mean over findings "
            f"{fixed(float(np.mean(each.errors)), 4)}, largest {fixed(max(each.errors), 4)}. Zones with at least "
            f"{CASES} films with the finding behind them: {len(kept)}; both promises kept by {both}. "
            f"Labels {pedigree.data_digest[:12]}{split}; commit {pedigree.commit[:12]}; {pedigree.intervals}.\n"
        )


def widths(each: Study) -> Iterator[str]:
    """AUROC with the interval by patient beside the one that takes every film for another patient."""
    yield f"## {each.title}: intervals by patient and by film\n"
    yield "| finding | films with | AUROC, by patient | Obuchowski | by film | DeLong by film | patient / film |"
    yield "| --- | ---: | --- | --- | --- | --- | ---: |"
    for name, finding in each.found.findings.items():
        rank = finding.rank
        ratio = width(finding.auroc) / width(rank.by_image)
        spans = " | ".join(interval(value, 4) for value in (rank.clustered_delong, rank.by_image, rank.delong))
        yield (
            f"| {title_of(name)} | {finding.auroc.n_positive:,} | {fixed(finding.auroc.value, 4)} "
            f"{interval(finding.auroc, 4)} | {spans} | {ratio:.2f} |"
        )
    study = each.found.subgroups
    parts = [group for group in study.subgroups if group.attribute == "official list"] if study else []
    for group in parts:
        gap = f"{group.mean_gap.value:+.4f} {interval(group.mean_gap, 4)}"
        yield (
            f"\nOfficial list, {group.level}: {group.n_images:,} films of {group.n_patients:,} patients, mean AUROC "
            f"{fixed(group.mean_auroc.value, 4)} {interval(group.mean_auroc, 4)}, against the others {gap}."
        )
    yield ""


def calibration_table(each: Study) -> Iterator[str]:
    yield f"## {each.title}: calibration\n"
    yield "| finding | films with | ECE (95 %) | by chance | Brier | slope | intercept |"
    yield "| --- | ---: | --- | ---: | --- | --- | --- |"
    for name, finding in each.found.findings.items():
        measured = finding.calibration
        cells = (said(measured.brier, 4), said(measured.slope, 2), said(measured.intercept, 2))
        yield (
            f"| {title_of(name)} | {finding.auroc.n_positive:,} | {said(measured.ece, 4)} | "
            f"{fixed(measured.ece_by_chance, 4)} | {' | '.join(cells)} |"
        )
    yield ""


def zone_table(each: Study) -> Iterator[str]:
    yield f"## {each.title}: refer zones\n"
    yield "| finding | films behind | patients | referred | missed | allowed | kept | false alarms | allowed | kept |"
    yield "| --- | ---: | ---: | ---: | --- | ---: | --- | --- | ---: | --- |"
    for name, finding in each.found.findings.items():
        yield f"| {title_of(name)} | {zone_cells(finding)} |"
    yield ""


def zone_cells(finding: FindingEvaluation) -> str:
    zone = finding.refer
    if zone is None:
        return " | ".join(["–"] * 9)
    words = {True: "yes", False: "**no**", None: "–"}
    return " | ".join(
        (
            f"{zone.n_calibration_images:,}",
            f"{zone.n_calibration:,}",
            percent(zone.referred.value),
            said(zone.missed),
            f"{zone.allowed_missed:g}",
            words[zone.in_band],
            said(zone.false_alarms),
            f"{zone.allowed_false_alarms:g}",
            words[zone.false_alarms_in_band],
        )
    )


def limits() -> Iterator[str]:
    yield "## What this cannot say\n"
    yield "- Anything about another hospital: both are judged on films from where they were fitted. There, recalibrate."
    yield "- What radiologists would call: labels were mined from reports."
    yield "- Of the public model all but the ranks is cross-fitted: each fold is calibrated by the others' patients."
    yield "\n## Again\n"
    yield "```text\nbenchmarks/answers.sh PREDICTIONS LABELS WORK INIT\npython benchmarks/answers_page.py WORK\n```"
    yield "\nNot a medical device."


def said(value: Interval, digits: int = 3) -> str:
    return f"{fixed(value.value, digits)} {interval(value, digits)}".strip()


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
