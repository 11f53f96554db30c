"""The documentation cannot lie: it is written from the code, or held against it here."""

import ast
import importlib
import importlib.util
import json
import pkgutil
import re
import shlex
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import hilum
import hilum.errors
from hilum.calibration import CALIBRATORS, THRESHOLD_RULES
from hilum.config import describe
from hilum.data import DATASETS
from hilum.explain import EXPLAINERS
from hilum.findings import FINDINGS, LABEL_SETS, UNCERTAIN_POLICIES
from hilum.imaging import FLAGS, REFUSALS
from hilum.losses import LOSSES
from hilum.models import BACKBONES, HEADS
from hilum.runs import TRACKERS
from hilum.training import Recipe, list_recipes

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
HOW_TO = DOCS / "how-to"
GUIDES = [ROOT / "README.md", DOCS / "getting-started.md", *sorted(HOW_TO.glob("*.md"))]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
# What a guide may run beside hilum.
OTHER_PROGRAMS = {"make", "git", "source", "pip", "python", ".venv/bin/python", "cd", "head"}
LARGEST_RECORD, MOST_PARAMETERS = 12, 7


def load_generator():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load_generator()


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return generate.pages()


# --- the reference ---------------------------------------------------------------------------------------------------


def test_the_reference_is_what_the_code_says(pages):
    assert generate.stale(pages) == [], "make docs"


def test_a_page_that_differs_is_named(tmp_path, pages):
    generate.write(pages, tmp_path)
    assert generate.stale(pages, tmp_path) == []
    (tmp_path / "cli.md").write_text("changed")
    (tmp_path / "errors.md").unlink()
    (tmp_path / "left-over.md").write_text("")
    assert generate.stale(pages, tmp_path) == ["cli.md", "errors.md", "left-over.md"]
    generate.write(pages, tmp_path)
    assert generate.stale(pages, tmp_path) == []


def test_check_writes_nothing_and_fails(tmp_path, pages, monkeypatch, capsys):
    monkeypatch.setattr(generate, "pages", lambda: {"cli.md": "another text"})
    before = {path: path.read_bytes() for path in generate.REFERENCE.rglob("*.md")}
    assert generate.main(["--check"]) == 1
    assert "docs/reference/cli.md" in capsys.readouterr().out
    assert before == {path: path.read_bytes() for path in generate.REFERENCE.rglob("*.md")}


def test_help_does_not_depend_on_the_terminal(monkeypatch):
    texts = []
    for columns in ("40", "300"):
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setenv("FORCE_COLOR", columns)
        texts.append(generate.cli_page())
    assert texts[0] == texts[1]
    assert "\x1b" not in texts[0]


def test_every_verb_stands_in_the_reference(pages):
    for words, _ in verbs():
        assert f"## {words}\n" in pages["cli.md"]


def test_every_recipe_key_has_a_meaning(pages):
    rows = dict(re.findall(r"^\| `([\w.]+)` \|.*\| (.*) \|$", pages["recipe.md"], flags=re.MULTILINE))
    for key, _, _ in describe(Recipe):
        assert rows.get(key), f"{key} has no meaning: a line under Attributes: of its section"
    for name in list_recipes():
        assert f"### {name}\n" in pages["recipe.md"]


@pytest.mark.parametrize(
    "table",
    [FINDINGS, DATASETS, BACKBONES, HEADS, LOSSES, CALIBRATORS, THRESHOLD_RULES, EXPLAINERS, TRACKERS, REFUSALS, FLAGS],
    ids=lambda table: next(iter(table)),
)
def test_every_table_entry_stands_in_the_reference(pages, table):
    for name in table:
        assert re.search(rf"^\| `{name}` \| \S.*\|$", pages["tables.md"], flags=re.MULTILINE), name


@pytest.mark.parametrize("name", list(LABEL_SETS))
def test_every_label_of_a_data_set_stands_in_the_reference(pages, name):
    section = pages["labels.md"].partition(f"(`hilum data import {name}`)")[2].partition("\n## ")[0]
    for label, rule in LABEL_SETS[name].labels.items():
        words = ", ".join(f"`{finding}`" for finding in rule.findings) or "-"
        assert f"| `{label}` | {words} | {rule.note} |" in section
    for policy in UNCERTAIN_POLICIES:
        assert f"| `{policy}` |" in pages["labels.md"]


def test_every_error_stands_in_the_reference_and_in_the_tree(pages):
    for name in hilum.errors.__all__:
        assert re.search(rf"^## {name}\n\n\w", pages["errors.md"], flags=re.MULTILINE), name
        assert re.search(rf"\b{name}\b", hilum.errors.__doc__), f"{name} is missing in the tree"


def test_every_field_of_a_record_has_a_meaning(pages):
    rows = re.findall(r"^\| `[^`]+` \|.*$", pages["records.md"], flags=re.MULTILINE)
    assert len(rows) > 80
    without = [row for row in rows if re.search(r"\|\s*\|$", row)]
    assert not without, without


def test_a_schema_lets_undefined_numbers_be_null(pages):
    schema = json.loads(pages["schema/evaluation.json"])
    value = schema["$defs"]["RankMetric"]["properties"]["value"]
    assert value["type"] == ["number", "null"]
    assert value["default"] is None
    assert schema["$defs"]["RankMetric"]["properties"]["n_positive"]["type"] == "integer"
    assert schema["properties"]["warnings"]["description"]


# --- guides ----------------------------------------------------------------------------------------------------------


def verbs():
    """Yield every verb that can be run, as its words and its command."""

    def walk(command, words):
        children = getattr(command, "commands", {})
        if not children:
            yield words, command
        for name, child in children.items():
            yield from walk(child, f"{words} {name}")

    yield from walk(generate.get_command(generate.app), "hilum")


def test_every_verb_has_a_how_to():
    headings = {
        heading
        for page in HOW_TO.glob("*.md")
        for heading in re.findall(r"^#+ (hilum .+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    }
    for words, _ in verbs():
        # `data import nih` and `data import csv` share a page.
        parent = words.rpartition(" ")[0]
        assert words in headings or parent in headings - {"hilum data", "hilum"}, f"{words} has no page in docs/how-to"


def commands(page):
    """Yield the command lines of a page's sh blocks, continued lines joined, comments left out."""
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\|(?=\s)", line):
                words = shlex.split(part, comments=True)
                if words:
                    yield words


def parse(words):
    """Parse a command line of hilum as hilum would, and run nothing; return what was understood."""
    command, arguments, context = generate.get_command(generate.app), list(words[1:]), None
    while True:
        context = command.make_context(words[0], arguments, parent=context)
        if not getattr(command, "commands", None):
            return context.params
        _, command, arguments = command.resolve_command(context, [*context._protected_args, *context.args])


COMMANDS = [pytest.param(words, id=f"{page.name}: {shlex.join(words)}") for page in GUIDES for words in commands(page)]


@pytest.mark.parametrize("words", COMMANDS)
def test_commands_of_guides_can_be_parsed(words):
    if words[0] != "hilum":
        assert words[0] in OTHER_PROGRAMS
        return
    params = parse(words)
    recipe = str(params.get("recipe", "own.yaml"))
    assert recipe.endswith(".yaml") or recipe in list_recipes(), f"there is no recipe {recipe}"
    size = re.search(r"-(\d+)$", str(params.get("store", "")))
    if size and recipe in list_recipes():
        assert list_recipes()[recipe].size_px == int(size[1]), f"{recipe} has another size than the store"
    known = {key for key, _, _ in describe(Recipe)}
    for override in params.get("set_") or ():
        assert override.partition("=")[0] in known, override


@pytest.mark.parametrize(
    "line",
    [
        "hilum trian",
        "hilum train --epochs 3",
        "hilum data",
        "hilum predict film.png",
        "hilum data split m.parquet --folds two",
        "hilum data import csv a.csv --out o.parquet",
    ],
)
def test_a_command_that_is_wrong_is_found(line):
    with pytest.raises(Exception, match=r"(?i)no such|missing|valid integer|usage"):
        parse(shlex.split(line))


def test_imports_of_examples_exist():
    n_blocks = 0
    for page in GUIDES:
        for block in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL):
            n_blocks += 1
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom) and node.module.startswith("hilum"):
                    module = importlib.import_module(node.module)
                    for alias in node.names:
                        assert alias.name in module.__all__, f"{page.name}: {node.module}.{alias.name}"
    assert n_blocks


# --- every page ------------------------------------------------------------------------------------------------------


def anchors(page):
    """Return what GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(there), f"{page.name}: {target}"


def test_every_decision_stands_in_the_contents():
    files = sorted(path.name for path in (DOCS / "decisions").glob("0*.md"))
    contents = (DOCS / "decisions" / "README.md").read_text("utf-8")
    assert re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", contents) == files
    for place, name in enumerate(files, start=1):
        text = (DOCS / "decisions" / name).read_text("utf-8")
        assert name.startswith(f"{place:04d}-")
        assert text.startswith(f"# {place:04d}: ")
        for part in ("**Context.**", "**Decision.**", "**Consequences.**"):
            assert part in text, f"{name}: {part}"


def test_every_dependency_has_a_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    named = {Requirement(text).name for group in groups for text in group}
    page = (DOCS / "decisions" / "0011-dependencies.md").read_text("utf-8")
    rows = "\n".join(line.split("|")[1] for line in page.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`([\w-]+)`", rows)) == named


# --- the code --------------------------------------------------------------------------------------------------------


@cache
def trees():
    package = ROOT / "src" / "hilum"
    return [(path.relative_to(package), ast.parse(path.read_text("utf-8"))) for path in sorted(package.rglob("*.py"))]


def listed(page):
    text = (DOCS / "decisions" / page).read_text("utf-8")
    return {
        name
        for line in text.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([\w.]+)`", line.split("|")[1])
    }


def test_large_records_are_those_with_a_decision():
    found = {
        node.name
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and sum(isinstance(part, ast.AnnAssign) for part in node.body) > LARGEST_RECORD
    }
    assert found == listed("0013-large-records.md")


def test_functions_with_many_parameters_are_those_with_a_decision():
    found = set()
    for path, tree in trees():
        for scope in ast.walk(tree):
            for node in getattr(scope, "body", ()) if isinstance(scope, ast.Module | ast.ClassDef) else ():
                if not isinstance(node, ast.FunctionDef):
                    continue
                names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
                is_verb = path.parts[0] == "cli" and not path.name.startswith("_") and not node.name.startswith("_")
                if len(set(names) - {"self", "cls"}) > MOST_PARAMETERS and not is_verb:
                    owner = f"{scope.name}." if isinstance(scope, ast.ClassDef) else ""
                    found.add(f"{owner}{node.name}")
    assert found == listed("0014-many-parameters.md")


def rooms():
    return ["hilum.errors", *(f"hilum.{room.name}" for room in pkgutil.iter_modules(hilum.__path__) if room.ispkg)]


@pytest.mark.parametrize("room", rooms())
def test_public_names_are_sorted_there_and_described(room):
    module = importlib.import_module(room)
    names = module.__all__
    # As ruff sorts: constants, classes, functions.
    groups = [[n for n in names if n.isupper()], [n for n in names if n[0].isupper() and not n.isupper()]]
    groups.append([n for n in names if n[0].islower()])
    assert names == [name for group in groups for name in sorted(group)]
    assert len(set(names)) == len(names)
    for name in names:
        value = getattr(module, name)
        if callable(value) and getattr(value, "__module__", "").startswith("hilum"):
            assert value.__doc__, f"{room}.{name} has no docstring"
