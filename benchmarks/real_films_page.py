"""Writes ``docs/results/0001-real-films.md`` and its figures from what ``benchmarks/real_films.sh`` left behind.

Run: ``python benchmarks/real_films_page.py WORK --init "what real-cpu started from"``. Both models are compared on the
same resamples of patients, so a difference has an interval of its own.
"""

import argparse
import csv
import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from hilum.data import SPLITS, Manifest, read_manifest
from hilum.findings import ANCESTOR_FINDINGS, NIH_FINDINGS, NO_FINDING
from hilum.metrics import Difference, paired_difference
from hilum.records import MEASURABLE_POSITIVES, Evaluation, Interval, TableRow
from hilum.runs import Run, write_text

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "results" / "0001-real-films.md"
OURS, ANCESTOR = "real-cpu", "ancestor"
FOUR = tuple(name for name in ANCESTOR_FINDINGS if name != NO_FINDING)
COMMAND = "benchmarks/real_films.sh"


@dataclass(frozen=True)
class Study:
    """One run, its evaluation and what it said about the test films."""

    run: Run
    manifest: Manifest

    @cached_property
    def evaluation(self) -> Evaluation:
        return Evaluation.from_json(self.run.evaluation_path.read_bytes())

    @cached_property
    def probabilities(self) -> np.ndarray:
        with (self.run.evaluation_path.parent / "predictions.csv").open(newline="") as stream:
            of_film = {
                row["image_id"]: [float(row[f"probability_{n}"]) for n in NIH_FINDINGS]
                for row in csv.DictReader(stream)
            }
        return np.array([of_film[name] for name in self.manifest.table["image_id"].iloc[self.manifest.rows("test")]])

    def mean(self, chosen) -> float:
        return float(np.mean([self.evaluation.findings[name].auroc.value for name in chosen]))

    def row(self, name) -> TableRow:
        return (self.evaluation.no_finding if name == NO_FINDING else self.evaluation.findings[name]).table

    def events(self, kind):
        return [event for event in self.run.journal.read() if event["kind"] == kind]


def main():
    parser = argparse.ArgumentParser(description="Write the page about the study on real films.")
    parser.add_argument("work", type=Path, help="the folder that benchmarks/real_films.sh wrote to")
    parser.add_argument("--init", required=True, help="in words: what real-cpu started from")
    parser.add_argument("--note", default="", help="in words: how the machine was used meanwhile")
    given = parser.parse_args()
    manifest = read_manifest(given.work / "manifest.parquet")
    ours, ancestor = (Study(Run.open(given.work / name), manifest) for name in (OURS, ANCESTOR))
    thirteen = [
        name for name, found in ours.evaluation.findings.items() if found.auroc.n_positive >= MEASURABLE_POSITIVES
    ]
    text = [
        *about(manifest, ours, ancestor, init=given.init, note=given.note),
        *auroc_table(manifest, ours, ancestor, thirteen),
        *ancestor_table(ours, ancestor),
        *limits(ours, ancestor, thirteen),
    ]
    write_text(PAGE, "\n".join(text) + "\n")
    n_films = len(manifest.rows("test"))
    for name, value in (
        ("real_auroc13", ours.mean(thirteen)),
        ("real_auroc_ancestor4", ours.mean(FOUR)),
        ("real_ancestor_auroc13", ancestor.mean(thirteen)),
        ("real_ancestor_auroc4", ancestor.mean(FOUR)),
    ):
        record(name, round(value, 4), unit="AUROC", n=n_films)
    print(f"wrote {PAGE}")


def record(name, value, *, unit, n):
    """Write into figures.json by the tool that does nothing else."""
    spec = importlib.util.spec_from_file_location("record_figure", ROOT / "tools" / "record_figure.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.record(tool.FIGURES, name, value, unit=unit, n=n, command=COMMAND)


def about(manifest, ours, ancestor, *, init, note):
    pedigree, patients = ours.evaluation.pedigree, manifest.table["patient_id"]
    parts = (
        f"{name} {len(manifest.rows(name)):,} films of {patients.iloc[manifest.rows(name)].nunique():,} patients"
        for name in SPLITS
    )
    return [
        "# 0001: real films, from import to report",
        "",
        "**Asked.** What does hilum's recipe for a small machine reach on real films, and what does the ancestor's",
        "recipe reach on the same films at the same size?",
        "",
        f"**Films.** A part of ChestX-ray14 in NIH's natural mix, {len(manifest):,} films of",
        f"{manifest.n_patients:,} patients, stored as JPEG of 256 px. The official split; validation is cut by patient",
        "from its training list:",
        f"{', '.join(parts)}. Manifest {manifest.digest[:12]}, split {manifest.split_digest[:12]}.",
        "",
        "**Chosen on validation alone:** epoch, calibration, thresholds. Nothing was chosen on the test films.",
        f"Intervals: {pedigree.intervals}.",
        "",
        "| recipe | network | start | loss | epochs | kept | training | AUROC on validation |",
        "| --- | --- | --- | --- | ---: | ---: | ---: | ---: |",
        recipe_row(OURS, ours, init),
        recipe_row(ANCESTOR, ancestor, "random weights"),
        "",
        *([note, ""] if note else []),
    ]


def recipe_row(name, study, start):
    recipe, end = study.events("start")[0]["recipe"], study.events("end")[-1]
    n_epochs = len({event["epoch"] for event in study.events("epoch")})
    return (
        f"| {name} | {recipe['model']['backbone']}, {recipe['size_px']} px | {start} | {recipe['loss']['name']} "
        f"| {n_epochs} | {end['best_epoch']} | {end['seconds'] / 60:.0f} min | {end['best_auroc']:.3f} |"
    )


def auroc_table(manifest, ours, ancestor, thirteen):
    gap = compare(manifest, ours.probabilities, ancestor.probabilities, NIH_FINDINGS)
    outside = [name for name, low, high in zip(NIH_FINDINGS, gap.low, gap.high, strict=True) if low > 0 or high < 0]
    means = (
        (f"mean of {len(NIH_FINDINGS)}", NIH_FINDINGS),
        (f"mean of the {len(thirteen)} with at least {MEASURABLE_POSITIVES} films", thirteen),
        ("mean of the ancestor's four", FOUR),
    )
    named = (
        f"{len(outside)} of {len(NIH_FINDINGS)}: {', '.join(map(title, outside))}" if outside else "no single finding"
    )
    return [
        "## AUROC on the test films",
        "",
        f"| finding | films | {OURS} | {ANCESTOR} | difference | AUPRC {OURS} | AUPRC {ANCESTOR} |",
        "| --- | ---: | --- | --- | --- | --- | --- |",
        *(
            auroc_row(name, ours, ancestor, difference(*gap_of))
            for name, *gap_of in zip(NIH_FINDINGS, *gap[:3], strict=True)
        ),
        *(mean_row(manifest, ours, ancestor, label, chosen) for label, chosen in means),
        no_finding_row(ours, ancestor),
        "",
        "Differences are of the two models on the same resamples of patients. **Bold**: the interval leaves out 0,",
        f"which it does for {named}. Of fourteen looked at, one in twenty does so by chance.",
        "",
    ]


def compare(manifest, first, second, chosen) -> Difference:
    rows, columns = manifest.rows("test"), [NIH_FINDINGS.index(name) for name in chosen]
    return paired_difference(
        first[:, columns],
        second[:, columns],
        targets=manifest.targets(rows)[:, columns].astype(float),
        groups=manifest.table["patient_id"].to_numpy(dtype=str)[rows],
    )


def auroc_row(name, ours, ancestor, gap):
    mine, other = (study.evaluation.findings[name] for study in (ours, ancestor))
    numbers = (estimate(mine.auroc), estimate(other.auroc), gap, estimate(mine.auprc), estimate(other.auprc))
    return f"| {title(name)} | {mine.auroc.n_positive} | {' | '.join(numbers)} |"


def no_finding_row(ours, ancestor):
    mine, other = (study.evaluation.no_finding for study in (ours, ancestor))
    numbers = (estimate(mine.auroc), estimate(other.auroc), "", estimate(mine.auprc), estimate(other.auprc))
    return f"| {NO_FINDING} (derived) | {mine.auroc.n_positive} | {' | '.join(numbers)} |"


def mean_row(manifest, ours, ancestor, label, chosen):
    # A constant ranks at 0.5 on every resample, so the difference to it is a mean with its interval, less 0.5.
    constant = np.full_like(ours.probabilities, 0.5)
    means = [compare(manifest, study.probabilities, constant, chosen) for study in (ours, ancestor)]
    numbers = [f"{m.mean + 0.5:.3f} ({m.mean_low + 0.5:.3f}–{m.mean_high + 0.5:.3f})" for m in means]
    gap = compare(manifest, ours.probabilities, ancestor.probabilities, chosen)
    return f"| {label} | | {' | '.join(numbers)} | {difference(gap.mean, gap.mean_low, gap.mean_high)} | | |"


def ancestor_table(ours, ancestor):
    averages = ("micro", "macro", "weighted", "samples")
    heads = (f"{what} {name}" for name in (OURS, ANCESTOR) for what in ("precision", "recall", "F1"))
    return [
        "## The ancestor's table",
        "",
        "Precision, recall and F1 at thresholds chosen on validation.",
        "",
        f"| | support | {' | '.join(heads)} |",
        "| --- | ---: | --- | --- | --- | --- | --- | --- |",
        *(table_row(title(name), ours.row(name), ancestor.row(name)) for name in ANCESTOR_FINDINGS),
        *(
            table_row(f"{name} average of all 14", *(getattr(s.evaluation.averages, name) for s in (ours, ancestor)))
            for name in averages
        ),
        "",
    ]


def table_row(label, mine: TableRow, other: TableRow):
    numbers = (f"{value:.2f}" for row in (mine, other) for value in (row.precision, row.recall, row.f1))
    return f"| {label} | {mine.support:,} | {' | '.join(numbers).replace('nan', '–')} |"


def limits(ours, ancestor, thirteen):
    rare = ", ".join(title(name) for name in NIH_FINDINGS if name not in thirteen)
    pedigree = ours.evaluation.pedigree
    bundles = " and ".join(study.evaluation.pedigree.bundle_digest[:12] for study in (ours, ancestor))
    return [
        "## What this cannot say",
        "",
        "- To what a difference is owed: the recipes differ in network, start weights, loss, head, rate, augmentation.",
        "  The ancestor began with ImageNet weights of DenseNet121, not at hand here: it begins with nothing.",
        "- How the ancestor did in its own time: it had 5,606 films, cut by image, stopped early on its test films,",
        "  and drew ROC curves from calls. Its published figures do not stand beside these.",
        f"- Anything about {rare}: fewer than {MEASURABLE_POSITIVES} films.",
        "- How runs vary with the seed: there is one of each.",
        "- How either does against radiologists, or elsewhere: labels were mined from one hospital's reports.",
        "",
        "## Again",
        "",
        "```text",
        "ANCESTOR_INIT=none benchmarks/real_films.sh FILMS LISTS WORK INIT",
        'python benchmarks/real_films_page.py WORK --init "…"',
        "```",
        "",
        f"Commit {pedigree.commit[:12]}, {pedigree.date[:10]}; bundles {bundles}. Not a medical device.",
    ]


def title(name):
    return name.replace("_", " ")


def estimate(metric: Interval):
    return "–" if np.isnan(metric.value) else f"{metric.value:.3f} ({metric.low:.3f}–{metric.high:.3f})"


def difference(value, low, high):
    text = f"{value:+.3f} ({low:+.3f} to {high:+.3f})"
    return f"**{text}**" if low > 0 or high < 0 else text


if __name__ == "__main__":
    main()
