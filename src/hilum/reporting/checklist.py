"""CLAIM 2024 and TRIPOD+AI, filled from what was measured: every item has an answer, or the reason why it has none."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

from hilum.config import Section, load
from hilum.findings import title_of
from hilum.records import BundleSpec, Evaluation
from hilum.reporting.headline import films_of, headline, recalibrated
from hilum.reporting.subgroup import attribute_title
from hilum.wording import DASH, count, fixed, interval, percent

__all__ = ["ANSWERS", "CHECKLISTS", "Checklist", "ChecklistLine", "Study", "fill_checklists"]

CHECKLISTS = ("claim-2024", "tripod-ai")
"""Files of ``resources/checklists``, in the order of the report."""


class Item(Section):
    """One item of a checklist, as its file has it.

    Attributes:
        number: As the checklist counts.
        item: What is asked, in our words.
        answer: A name of ``ANSWERS``; empty where hilum cannot know.
        otherwise: Why there is no answer, where there is none.
    """

    number: str
    item: str
    answer: str = ""
    otherwise: str = ""


class Asked(Section):
    """A file of ``resources/checklists``."""

    name: str
    source: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Study:
    """What a report knows.

    Attributes:
        evaluation: The numbers.
        spec: The bundle that answered; None where it is not known.
        errors: Whether errors are shown film by film.
        heat_maps: Whether heat maps are shown.
    """

    evaluation: Evaluation
    spec: BundleSpec | None = None
    errors: bool = False
    heat_maps: bool = False


@dataclass(frozen=True)
class ChecklistLine:
    """An item and its answer; ``filled`` is False where the answer says why there is none."""

    number: str
    item: str
    answer: str
    filled: bool


@dataclass(frozen=True)
class Checklist:
    """One checklist, filled."""

    key: str
    name: str
    source: str
    lines: tuple[ChecklistLine, ...]

    @property
    def n_filled(self) -> int:
        """Items that have an answer."""
        return sum(line.filled for line in self.lines)


def fill_checklists(study: Study) -> list[Checklist]:
    """Return every checklist of ``CHECKLISTS`` with an answer, or a reason, for each item."""
    return [_filled(key, study) for key in CHECKLISTS]


def _filled(key: str, study: Study) -> Checklist:
    text = (files("hilum") / "resources" / "checklists" / f"{key}.yaml").read_text(encoding="utf-8")
    asked = load(Asked, text, source=f"{key}.yaml")
    return Checklist(key, asked.name, asked.source, tuple(_line(item, study) for item in asked.items))


def _line(item: Item, study: Study) -> ChecklistLine:
    answer = ANSWERS[item.answer](study) if item.answer else ""
    return ChecklistLine(item.number, item.item, answer or f"Not reported because {item.otherwise}.", bool(answer))


def _of_model(words: Callable[[BundleSpec], str]) -> Callable[[Study], str]:
    """Return an answer that is empty where no bundle is known."""
    return lambda study: words(study.spec) if study.spec is not None else ""


def _always(words: str) -> Callable[[Study], str]:
    """Return an answer that holds for every study."""
    return lambda _study: words


def _value(section: object, key: str) -> str:
    """Return a plain value of a resolved section, empty where it is missing."""
    return f"{section[key]}" if isinstance(section, dict) and section.get(key) is not None else ""


def _model(spec: BundleSpec) -> str:
    backbone = _value(spec.model, "backbone") or "unknown network"
    return f"{backbone}, one output for each of {count(len(spec.findings), 'finding')}; bundle.json has every setting."


def _method(spec: BundleSpec) -> str:
    return f"Deep learning: a convolutional or attention network ({_value(spec.model, 'backbone') or 'unknown'})."


def _preprocessing(spec: BundleSpec) -> str:
    rules = spec.input
    shape = "padded with black" if rules.resize == "pad" else "stretched"
    mean, std = (", ".join(f"{value:.4g}" for value in values) for values in (rules.mean, rules.std))
    return f"Square of {rules.size_px} px, {shape}; pixels in [0, 1], minus {mean}, divided by {std}; the same for all."


def _start(spec: BundleSpec) -> str:
    started = _value(spec.model, "init")
    words = {"none": "At random.", "pretrained": "Published weights of the backbone (timm)."}
    licence = f" Licence: {spec.licence}." if spec.licence else ""
    return (words.get(started, "Weights of a file or of an earlier bundle.") if started else "") + (
        licence if started not in ("", "none") else ""
    )


def _training(spec: BundleSpec) -> str:
    section = spec.recipe.get("training")
    settings = [f"{key.replace('_', ' ')} {_value(section, key)}" for key in ("epochs", "batch_size", "learning_rate")]
    told = ", ".join(words for words in settings if not words.endswith(" "))
    name = _value(spec.recipe, "name") or "unnamed"
    patients = count(len(spec.training_patients), "patient")
    return f"Recipe {name} on {patients}{': ' if told else ''}{told}; the whole recipe lies in the bundle."


def _imbalance(spec: BundleSpec) -> str:
    loss = _value(spec.recipe.get("loss"), "name")
    return f"Loss: {loss}; calibration and thresholds per finding on {spec.selected_on}." if loss else ""


def _recalibration(spec: BundleSpec) -> str:
    return recalibrated(spec.recalibration) if spec.recalibration else ""


def _software(study: Study) -> str:
    versions = study.spec.versions if study.spec is not None else {}
    trained = "; ".join(f"{name} {version}" for name, version in versions.items() if version and name != "commit")
    return f"hilum {study.evaluation.pedigree.version}" + (f"; trained with {trained}." if trained else ".")


def _purpose(study: Study) -> str:
    findings = count(len(study.evaluation.findings), "finding")
    return f"Research on frontal chest films, {findings}; not a medical device, and no answer may guide care."


def _data(study: Study) -> str:
    pedigree = study.evaluation.pedigree
    labels = pedigree.data_digest[:12] or DASH
    return f"{study.evaluation.title or 'Evaluation'}: {pedigree.split or 'no split'}; labels {labels}."


def _flow(study: Study) -> str:
    counts = study.evaluation.counts
    return "; ".join(f"{name}: {number:,}" for name, number in counts.items()) + ("." if counts else "")


def _split(study: Study) -> str:
    pedigree = study.evaluation.pedigree
    digest = f", digest {pedigree.split_digest[:12]}" if pedigree.split_digest else ", no digest of a split is known"
    return f"Judged: {pedigree.split or 'all films'}{digest}."


def _disjoint(study: Study) -> str:
    if study.evaluation.leaked:
        return "Patients of the training are among these films: see the red flag."
    return (
        "By patient; checked against the patients that lie in the bundle."
        if study.evaluation.pedigree.bundle_digest
        else ""
    )


def _size(study: Study) -> str:
    return f"All that was there: {films_of(study.evaluation.pedigree)}; intervals say how far that carries."


def _uncertainty(study: Study) -> str:
    pedigree = study.evaluation.pedigree
    return f"{pedigree.intervals}; films of a patient are drawn together." if pedigree.n_bootstrap else ""


def _subgroups(study: Study) -> str:
    parts = study.evaluation.subgroups
    if parts is None or not parts.subgroups:
        return ""
    names = ", ".join(dict.fromkeys(attribute_title(group.attribute) for group in parts.subgroups))
    return f"Gaps with intervals by {names}: section Subgroups."


def _groups(study: Study) -> str:
    parts = study.evaluation.subgroups
    groups = [] if parts is None else [group for group in parts.subgroups if " x " not in group.attribute]
    return "; ".join(f"{group.attribute} {group.level}: {group.n_images:,}" for group in groups) + (
        "." if groups else ""
    )


def _performance(study: Study) -> str:
    mean = study.evaluation.macro.get("auroc")
    if mean is None or not mean.findings:
        return ""
    words = f"Mean AUROC {fixed(mean.value)} {interval(mean)}".strip()
    return f"{words} over {count(mean.n_findings, 'finding')}; each with its interval in Findings."


def _calls(study: Study) -> str:
    points = [finding.operating_point for finding in study.evaluation.findings.values()]
    n_known = sum(point.threshold == point.threshold for point in points)
    return f"Sensitivity, specificity, PPV and NPV of {count(n_known, 'finding')}: Findings." if n_known else ""


def _published(study: Study) -> str:
    names = "; ".join(result.name for result in study.evaluation.comparable)
    return f"Same films, labels and findings: {names}." if names else ""


def _shift(study: Study) -> str:
    if study.spec is None:
        return ""
    shares = [
        f"{title_of(name)} {percent(rule.prevalence)} / {percent(study.evaluation.findings[name].prevalence)}"
        for name, rule in study.spec.findings.items()
        if name in study.evaluation.findings
    ]
    return f"Prevalence on {study.spec.selected_on} / here: {', '.join(shares)}." if shares else ""


def _positives(study: Study) -> str:
    names = study.evaluation.findings
    return "; ".join(f"{title_of(name)} {finding.auroc.n_positive:,}" for name, finding in names.items()) + " films."


def _limits(study: Study) -> str:
    flags, cautions = len(study.evaluation.red_flags), len(study.evaluation.warnings)
    if not flags and not cautions:
        return "No warning was raised; it speaks of these films only."
    return f"First screen: {count(flags, 'red flag')}, {count(cautions, 'caution')}, each in a sentence."


def _external(study: Study) -> str:
    spec, pedigree = study.spec, study.evaluation.pedigree
    if spec is None or not pedigree.split_digest or not spec.split_digest:
        return ""
    if pedigree.split_digest == spec.split_digest:
        return "None: these films are of the split that the model was trained with."
    return ""


def _internal(study: Study) -> str:
    spec, pedigree = study.spec, study.evaluation.pedigree
    same = spec is not None and pedigree.split_digest and pedigree.split_digest == spec.split_digest
    return f"The {pedigree.split} part of the split that the model was trained with." if same else ""


ANSWERS: dict[str, Callable[[Study], str]] = {
    "answers": _of_model(lambda _spec: "Logit, calibrated by the rules of the bundle, then threshold and refer zone."),
    "availability": lambda study: (
        "hilum is open source; "
        + (
            f"bundle {study.evaluation.pedigree.bundle_digest[:12]}."
            if study.evaluation.pedigree.bundle_digest
            else "the model is not known."
        )
    ),
    "calls": _calls,
    "data": _data,
    "disjoint": _disjoint,
    "ensemble": _of_model(lambda _spec: "None: one network."),
    "errors": lambda study: "Section Errors: the misses and false alarms it was surest of." if study.errors else "",
    "external": _external,
    "flow": _flow,
    "goal": lambda study: f"How well {count(len(study.evaluation.findings), 'finding')} are told on stored films.",
    "groups": _groups,
    "heat_maps": lambda study: "Heat maps beside films; not checked against boxes here." if study.heat_maps else "",
    "imbalance": _of_model(_imbalance),
    "internal": _internal,
    "labels": _always("As the label file has them; present, absent or unknown per finding."),
    "limits": _limits,
    "measures": _always(
        "AUROC, AUPRC, rates and predictive values at thresholds, Brier, NLL, ECE, slope, "
        "net benefit; defined in hilum's documentation."
    ),
    "method": _of_model(_method),
    "missing": _always("Unknown labels are left out finding by finding; what is undefined is a dash with its reason."),
    "model": _of_model(_model),
    "performance": _performance,
    "positives": _positives,
    "predictors": _of_model(lambda _spec: "The pixels of one film; nothing else goes in."),
    "preprocessing": _of_model(_preprocessing),
    "protocol": _always("Section Pedigree: command line, commit, digests and seed make the numbers again."),
    "published": _published,
    "purpose": _purpose,
    "recalibration": _of_model(_recalibration),
    "refusals": _always("What cannot be read is refused with a reason and counted, never answered."),
    "retrospective": _always("Retrospective: stored films."),
    "sealed": _of_model(lambda _spec: "The bundle: weights, input rules, calibration, thresholds, under a digest."),
    "selection": _of_model(lambda spec: f"Checkpoint, calibration and thresholds on the split {spec.selected_on}."),
    "shift": _shift,
    "size": _size,
    "software": _software,
    "split": _split,
    "start": _of_model(_start),
    "subgroups": _subgroups,
    "summary": lambda study: headline(study.evaluation),
    "thresholds": lambda study: (
        f"A probability per finding; thresholds: {study.evaluation.pedigree.thresholds_from or DASH}."
    ),
    "title": lambda study: f"{study.evaluation.title or 'Evaluation'}: evaluation of findings on chest films.",
    "training": _of_model(_training),
    "uncertainty": _uncertainty,
}
"""What hilum can say of a study, by the name that checklists ask for; empty where it does not know."""
