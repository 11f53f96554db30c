"""Writes ``docs/reference/`` from the code, so that it cannot say anything else than the code does.

Run: ``python docs/generate.py`` writes the pages; with ``--check`` it writes nothing, names the pages that
differ and exits 1 if there is one.
"""

import inspect
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import torch
from typer.main import get_command

import hilum.errors
from hilum.calibration import CALIBRATORS, THRESHOLD_RULES
from hilum.cli import app
from hilum.config import Section, describe
from hilum.data import BLANKS, DATASETS
from hilum.data.doctor import CHECKS, PROBES
from hilum.explain import EXPLAINERS
from hilum.findings import FINDINGS, LABEL_SETS, NIH_FINDINGS, UNCERTAIN_POLICIES, Label
from hilum.imaging import FLAGS, REFUSALS
from hilum.losses import LOSSES, LossSection, make_loss
from hilum.models import BACKBONES, HEADS, ModelSection, build_model
from hilum.records import (
    BundleSpec,
    Comparison,
    Description,
    DoctorReport,
    Evaluation,
    FindingAnswer,
    LearningCurve,
    Localisation,
    Prediction,
    Record,
)
from hilum.runs import TRACKERS
from hilum.training import Recipe, list_recipes

ROOT = Path(__file__).resolve().parents[1]
sys.path += [str(ROOT / "tests"), str(ROOT / "docs")]
from catalogue.page import page_parts  # noqa: E402 - the tests keep the catalogue of inputs
from reference_page import capital, meanings, noun, page, prose, summary, table  # noqa: E402

REFERENCE = ROOT / "docs" / "reference"
HELP_WIDTH = 100

Command = Context = Any  # typer keeps these types to itself
Annotation = Any  # a type, or one of typing's forms, which have no type in common

FORMS: dict[str, tuple[type[Record], str]] = {
    "evaluation": (Evaluation, "`evaluation.json`, written by `hilum evaluate` and `hilum demo`"),
    "localisation": (Localisation, "`localisation.json`, written by `hilum localise`"),
    "prediction": (Prediction, "one line of the JSON lines that `hilum predict` writes"),
    "bundle": (BundleSpec, "`bundle.json`, which a bundle's folder holds beside the weights"),
    "doctor": (DoctorReport, "`doctor.json`, written by `hilum data doctor`"),
    "comparison": (Comparison, "`comparison.json`, written by `hilum compare`"),
    "learning_curve": (LearningCurve, "`learning_curve.json`, written by `hilum learning-curve`"),
    "description": (Description, "the numbers of `hilum data describe`"),
}
"""The forms that leave hilum, by the name of their schema."""


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or check that they stand; returns the exit code."""
    found = pages()
    if "--check" in arguments:
        differing = stale(found)
        for name in differing:
            sys.stdout.write(f"docs/reference/{name} is not what the code says: make docs\n")
        return int(bool(differing))
    write(found)
    return 0


def pages() -> dict[str, str]:
    """Return the content of every generated file by its name below ``docs/reference``."""
    return {
        "README.md": index_page(),
        "cli.md": cli_page(),
        "recipe.md": recipe_page(),
        "tables.md": tables_page(),
        "labels.md": labels_page(),
        "errors.md": errors_page(),
        "records.md": records_page(),
        "inputs.md": page("Inputs", *page_parts(table)),
        **{f"schema/{name}.json": schema(kind) for name, (kind, _) in FORMS.items()},
    }


def stale(found: Mapping[str, str], folder: Path = REFERENCE) -> list[str]:
    """Return the files that differ from ``found``, are missing, or are none of it."""
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    differing = {name for name, text in found.items() if name not in there or there[name].read_text("utf-8") != text}
    return sorted(differing | (set(there) - set(found)))


def write(found: Mapping[str, str], folder: Path = REFERENCE) -> None:
    """Write what differs and remove what is no longer made."""
    for name in stale(found, folder):
        path = folder / name
        if name not in found:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found[name], "utf-8")


def index_page() -> str:
    """Return the contents of the reference."""
    return page(
        "Reference",
        "Everything here is written from the code by `make docs`.",
        "- [cli.md](cli.md): every verb and its options\n"
        "- [recipe.md](recipe.md): every key of a recipe, and the recipes that ship with hilum\n"
        "- [labels.md](labels.md): the labels of public data sets, and the findings that they are\n"
        "- [tables.md](tables.md): findings, data sets, backbones, heads, losses, "
        "calibrators, threshold rules, explainers, trackers, refusals, "
        "flags\n"
        "- [inputs.md](inputs.md): every kind of file that was thought of, and what becomes of it\n"
        "- [errors.md](errors.md): what hilum raises on purpose\n"
        "- [records.md](records.md): the files that leave hilum, field by field; JSON schemas in `schema/`",
    )


# --- verbs ---------------------------------------------------------------------------------------------------------


def cli_page() -> str:
    """Return every verb's own help text."""
    parts = ["Exit codes: 0 done, 1 failed (the reason is on stderr), 2 wrong usage, 130 stopped by Ctrl-C."]
    for words, text in help_texts():
        parts += [f"## {words}", f"```text\n{text}\n```"]
    return page("Verbs", *parts)


def help_texts() -> Iterator[tuple[str, str]]:
    """Yield ``(the verb's words, its --help)``, groups before their verbs, whatever the terminal's width."""

    def walk(command: Command, words: str, parent: Context | None) -> Iterator[tuple[str, str]]:
        settings = {**command.context_settings, "terminal_width": HELP_WIDTH, "max_content_width": HELP_WIDTH}
        context = command.context_class(command, info_name=words.split()[-1], parent=parent, color=False, **settings)
        lines = command.get_help(context).splitlines()
        yield words, "\n".join(line.rstrip() for line in lines)
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, f"{words} {name}", context)

    yield from walk(get_command(app), "hilum", None)


# --- recipes -------------------------------------------------------------------------------------------------------


def recipe_page() -> str:
    """Return every key of a recipe with its meaning, and hilum's own recipes."""
    parts = [
        "A recipe is a YAML file of these keys; every key has a default. `--set KEY=VALUE` changes one on the command "
        "line, for instance `hilum train --set training.epochs=3`. An unknown key is an error that names the nearest "
        "one. The resolved recipe, all keys written out, lies in the run folder and repeats the run."
    ]
    sections: dict[str, list[tuple[str, ...]]] = {}
    for path, kind, default in describe(Recipe):
        owner, field = _owner(Recipe, path)
        limits = _limits(owner, field)
        meaning = meanings(owner).get(field, "")
        sections.setdefault(path.rpartition(".")[0], []).append(
            (f"`{path}`", f"`{kind}`{limits}", _default(default), meaning)
        )
    for section, rows in sections.items():
        owner, _ = _owner(Recipe, f"{section}.x" if section else "x")
        parts += [f"## {section or 'the recipe itself'}", summary(owner), table("key|type|default|meaning", rows)]
    parts += ["## Recipes that ship with hilum", "`hilum train --list` shows them.", _recipe_table()]
    for name in list_recipes():
        text = (files("hilum") / "resources" / "recipes" / f"{name}.yaml").read_text("utf-8")
        parts += [f"### {name}", f"```yaml\n{text.strip()}\n```"]
    return page("Recipe", *parts)


def _recipe_table() -> str:
    rows = [
        (
            f"[`{name}`](#{name})",
            f"`{recipe.model.backbone}`",
            f"`{recipe.model.head}`",
            str(recipe.size_px),
            f"`{recipe.loss.name}`",
            str(recipe.training.epochs),
            recipe.about,
        )
        for name, recipe in list_recipes().items()
    ]
    return table("recipe|backbone|head|px|loss|epochs|about", rows)


def _owner(section: type[Section], path: str) -> tuple[type[Section], str]:
    """Return the section class that defines a dotted key, and the key's last word."""
    first, _, rest = path.partition(".")
    if not rest:
        return section, first
    annotation = section.model_fields[first].annotation
    if not (isinstance(annotation, type) and issubclass(annotation, Section)):
        raise TypeError(f"{path} lies in no section")
    return _owner(annotation, rest)


def _limits(section: type[Section], field: str) -> str:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    found = [
        f"{word} {getattr(bound, sign):g}"
        for bound in section.model_fields[field].metadata
        for sign, word in words.items()
        if getattr(bound, sign, None) is not None
    ]
    return f", {', '.join(found)}" if found else ""


def _default(value: object) -> str:
    if value == NIH_FINDINGS:
        return "all 14"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


# --- tables --------------------------------------------------------------------------------------------------------


def tables_page() -> str:
    """Return the tables that names in recipes and on the command line come from."""
    losses = {name: make_loss(LossSection(name=name), prevalence=torch.tensor([0.5])) for name in LOSSES}
    refusals = [(f"`{code}`", advice) for code, advice in REFUSALS.items()]
    flags = [(f"`{code}`", meaning) for code, meaning in FLAGS.items()]
    return page(
        "Tables",
        "A name from a recipe or a command line is looked up here; an unknown one is an error that names the nearest.",
        "## Findings",
        "The first fourteen are those of ChestX-ray14, which recipes have by default. Which label of which data set is "
        "what stands in [labels.md](labels.md).",
        table("finding|meaning|SNOMED CT|RadLex", _finding_rows()),
        "## Data sets",
        "Names for `hilum data get`, at Kaggle. Both may be used freely if the source is acknowledged and cited.",
        table("data set|what it is|at Kaggle|films|GB", _dataset_rows()),
        "## Backbones",
        "`model.backbone` of a recipe. Parameters without a head, one channel. The licence is that of the start "
        "weights and passes on to what is trained from them.",
        table("backbone|timm's name|M parameters|px of start weights|films|licence|source", _backbone_rows()),
        "## Heads",
        "`model.head` of a recipe.",
        _entries("head", HEADS),
        "## Losses",
        "`loss.name` of a recipe. A label that is unknown (NaN) carries neither loss nor gradient.",
        _entries("loss", losses),
        "## Calibrators",
        "`calibration.method` of a recipe: how validation turns logits into probabilities. All but `temperature` can "
        "mend the level; all but `isotonic`, which wants many positive films, keep the order of films strictly.",
        _entries("method", CALIBRATORS),
        "## Threshold rules",
        "`calibration.threshold` of a recipe: from which probability on a finding counts as present.",
        _entries("rule", THRESHOLD_RULES),
        "## Explainers",
        "`--method` of `hilum explain`.",
        _entries("explainer", EXPLAINERS),
        "## Trackers",
        "`--tracker` of `hilum train`. All are fed from the run's journal, which is the truth.",
        _entries("tracker", TRACKERS),
        "## Checks of the doctor",
        "What `hilum data doctor` looks for.",
        table("check|looks for|in words", _check_rows()),
        "## Probes of the doctor",
        "What its shortcut audit tries to tell the labels from.",
        table("probe|is given|what follows when it reaches much", _probe_rows()),
        "## Refusals",
        "Why a film is not answered: the `reason` of a prediction and the code in `problems.csv`. Codes are stable.",
        table("code|what to do", refusals),
        "## Flags",
        "What a reader should know about a film that is answered: `facts.flags` of a prediction. Codes are stable.",
        table("code|meaning", flags),
    )


def _finding_rows() -> Iterator[tuple[str, ...]]:
    for name, finding in FINDINGS.items():
        yield f"`{name}`", finding.meaning, finding.snomed_ct or "-", finding.radlex or "-"


def _dataset_rows() -> Iterator[tuple[str, ...]]:
    for name, known in DATASETS.items():
        yield f"`{name}`", known.title, f"`{known.handle}`", f"{known.n_films:,}", f"{known.archive_bytes / 1e9:.1f}"


def _backbone_rows() -> Iterator[tuple[str, ...]]:
    for name, row in BACKBONES.items():
        with torch.device("meta"):
            model = build_model(ModelSection(backbone=name), n_findings=1, mean=[0], std=[1], size_px=row.input_size_px)
        millions = sum(tensor.numel() for tensor in model.backbone.parameters()) / 1e6
        films = f"from {row.minimum_size_px} px" + (
            f", a multiple of {row.size_step_px}" if row.size_step_px > 1 else ""
        )
        start = str(row.input_size_px) if row.pretrained else "none published"
        yield f"`{name}`", f"`{row.timm_name}`", f"{millions:.1f}", start, films, row.licence, row.source


def _check_rows() -> Iterator[tuple[str, ...]]:
    for name, check in CHECKS.items():
        yield f"`{name}`", check.title, summary(check.find)


def _probe_rows() -> Iterator[tuple[str, ...]]:
    for name, probe in PROBES.items():
        yield f"`{name}`", ", ".join(probe.inputs), probe.lesson


def _entries(kind: str, entries: Mapping[str, object]) -> str:
    return table(f"{kind}|what it is", [(f"`{name}`", noun(summary(value))) for name, value in entries.items()])


# --- labels ---------------------------------------------------------------------------------------------------------


def labels_page() -> str:
    """Return the labels of public data sets and the findings that they are."""
    policies = [(f"`{name}`", meaning) for name, meaning in UNCERTAIN_POLICIES.items()]
    blanks = [(f"`{name}`", meaning) for name, meaning in BLANKS.items()]
    parts = [
        "Which label of a data set is which [finding](tables.md#findings), and why some are none. A finding that a set "
        "has no label for is unknown on its films.",
        "## Uncertain labels",
        "`--uncertain` of [hilum data import](../how-to/data-import.md).",
        table("policy|an uncertain label is", policies),
        "## Labels that a report does not mention",
        "`--blank` of [hilum data import](../how-to/data-import.md).",
        table("policy|a blank is", blanks),
    ]
    for name, label_set in LABEL_SETS.items():
        about = [f"{label_set.citation}. What is not labelled counts as {label_set.silence}."]
        about += [f"Its films are those of {label_set.films}."] if label_set.films else []
        rows = [(f"`{label}`", _findings_of(rule), rule.note) for label, rule in label_set.labels.items()]
        title = f"{label_set.title} (`hilum data import {name}`)"
        parts += [f"## {title}", " ".join(about), table("label|finding|note", rows)]
    return page("Labels of data sets", *parts)


def _findings_of(label: Label) -> str:
    return ", ".join(f"`{name}`" for name in label.findings) or "-"


# --- errors --------------------------------------------------------------------------------------------------------


def errors_page() -> str:
    """Return the tree of errors."""
    tree = inspect.getdoc(hilum.errors) or ""
    intro, _, drawing = tree.partition("\n\n")
    parts = [prose(intro) + " All stand in `hilum.errors`.", f"```text\n{drawing}\n```"]
    for name in hilum.errors.__all__:
        error: type[Exception] = getattr(hilum.errors, name)
        bases = ", ".join(f"`{base.__name__}`" for base in error.__bases__)
        rows = [(f"`{field}`", text) for field, text in meanings(error).items()]
        parts += [
            f"## {name}",
            f"{summary(error)} Derives from {bases}.",
            *([table("attribute|meaning", rows)] if rows else []),
        ]
    return page("Errors", *parts)


# --- records -------------------------------------------------------------------------------------------------------


def records_page() -> str:
    """Return the forms that leave hilum, field by field."""
    parts = [
        "Other people's scripts may rely on these forms: a field keeps its name and meaning as long as "
        "`schema_version` stays. A number that is undefined stands as `null` in JSON, and a `reason` beside it "
        "says why; it is never 0."
    ]
    seen: set[type[Record]] = set()
    for name, (kind, place) in FORMS.items():
        parts += [f"## {name}", f"{capital(place)}. Schema: [schema/{name}.json](schema/{name}.json)."]
        parts += _record_parts(kind, seen)
        if kind is Prediction:
            parts += _csv_parts()
    return page("Records", *parts)


def _record_parts(kind: type[Record], seen: set[type[Record]]) -> list[str]:
    """Return the headings and tables of a record and of every record in it that was not shown yet."""
    parts = []
    for record in (kind, *_records_below(kind)):
        if record in seen:
            continue
        seen.add(record)
        told = meanings(record)
        rows = []
        for name, field in record.model_fields.items():
            default = "" if field.is_required() else _default_word(field.get_default(call_default_factory=True))
            rows.append((f"`{name}`", _type(field.annotation) + default, told[name]))
        parts += [f"### {record.__name__}", summary(record), table("field|type|meaning", rows)]
    return parts


def _csv_parts() -> list[str]:
    """Return the columns of the CSV form, as the record itself writes them."""
    finding = "Effusion"
    columns = Prediction(image_id="", path="", status="refused", bundle_digest="").row((finding,))
    told = {**meanings(Prediction), **meanings(FindingAnswer)}
    rows = [
        (f"`{column.replace(finding, '<Finding>')}`", told[column.removesuffix(f"_{finding}")]) for column in columns
    ]
    return [
        "### Prediction as CSV",
        "`hilum predict --out FILE.csv` writes one row per film. The columns with a finding's name stand for groups "
        "of columns: all scores, then all probabilities, and so on, each in the bundle's order of findings. Cells "
        "without an answer, or without a number, are empty.",
        table("column|meaning", rows),
    ]


def schema(kind: type[Record]) -> str:
    """Return the JSON schema of a record as it is written; every number may be null, which means undefined."""
    document = kind.model_json_schema(mode="serialization")
    for record in (kind, *_records_below(kind)):
        node = document if record is kind else document["$defs"][record.__name__]
        node["description"] = summary(record)
        for name, meaning in meanings(record).items():
            node["properties"][name]["description"] = meaning
    _let_numbers_be_null(document)
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _let_numbers_be_null(node: object) -> None:
    children: list[object] = []
    if isinstance(node, dict):
        children = list(node.values())
        if node.get("type") == "number":
            node["type"] = ["number", "null"]
        if node.get("default") != node.get("default"):
            node["default"] = None  # NaN
    elif isinstance(node, list):
        children = node
    for child in children:
        _let_numbers_be_null(child)


def _type(annotation: Annotation) -> str:
    """Return a type as a reader of JSON knows it."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (Union, UnionType):
        return " or ".join("null" if part is NoneType else _type(part) for part in parts)
    if origin is tuple:
        kinds = [_type(part) for part in parts if part is not Ellipsis]
        return f"list of {kinds[0]}" if Ellipsis in parts else f"list of {len(kinds)}: {', '.join(kinds)}"
    if origin is dict:
        return f"mapping to {_type(parts[1])}"
    if hasattr(annotation, "__metadata__"):
        return _type(parts[0])
    words = {int: "whole number", float: "number or null", str: "text", bool: "`true` or `false`", object: "any"}
    return words[annotation]


def _records_below(kind: type[Record]) -> list[type[Record]]:
    """Return every record that stands in a record, nearest first, each once."""
    found: list[type[Record]] = []
    waiting = [field.annotation for field in kind.model_fields.values()]
    while waiting:
        annotation = waiting.pop(0)
        if isinstance(annotation, type) and issubclass(annotation, Record):
            if annotation not in found:
                found.append(annotation)
                waiting += [field.annotation for field in annotation.model_fields.values()]
        else:
            waiting += get_args(annotation)
    return found


def _default_word(value: object) -> str:
    if value in ((), {}, ""):
        return ", may be empty"
    if isinstance(value, Record):
        return f", by default {type(value).__name__}"
    return "" if value is None or value != value else f", {json.dumps(value)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
