"""Imports go down: the tables in ARCHITECTURE.md, held against every import of the package."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EVERYWHERE_FROM_FLOOR_2 = {"numpy", "jaxtyping"}
NO_ROOM = {"resources"}  # templates and recipes, no code
FACADE = "hilum"  # hilum/__init__.py and hilum/__main__.py stand above every floor


@dataclass(frozen=True)
class Room:
    floor: int
    foreign: frozenset[str]


def read_rooms(architecture: str) -> dict[str, Room]:
    """The rows ``| floor | room | holds | foreign packages |`` of the page that counts."""
    rows = re.findall(r"^\| (\d+) \| (\w+) \|[^|]*\|([^|]*)\|$", architecture, flags=re.MULTILINE)
    return {
        room: Room(int(floor), frozenset(filter(None, re.split(r"[,\s]+", foreign)))) for floor, room, foreign in rows
    }


def imported_names(tree: ast.Module) -> Iterator[tuple[int, str, int]]:
    """Yield (line, dotted name, level of a relative import); imports inside functions count too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "hilum" else [module]
            yield from ((node.lineno, name, node.level) for name in names)


def offence(room: str, name: str, level: int, rooms: dict[str, Room]) -> str | None:
    """Say what is wrong with one import of a room, or None."""
    here = rooms[room]
    top, _, rest = name.partition(".")
    if level:
        return "relative import"
    if top == "hilum":
        there = rest.split(".")[0]
        if there in ("", "__version__", room):
            return None if rest else "imports the facade, which stands above it"
        if there not in rooms:
            return f"imports hilum.{there}, which has no floor"
        if rooms[there].floor >= here.floor:
            return f"floor {here.floor} imports {there} on floor {rooms[there].floor}: imports go down"
        return f"imports {name} past the door of {there}: what is public stands there" if "." in rest else None
    foreign = here.foreign | (EVERYWHERE_FROM_FLOOR_2 if here.floor >= 2 else set())
    if top in sys.stdlib_module_names or top in foreign:
        return None
    return f"imports {top}, which ARCHITECTURE.md does not allow in {room}"


def offences(package: Path, rooms: dict[str, Room]) -> list[str]:
    """Every import of the package that the tables forbid, as ``file:line: what``."""
    found = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if parts[0] in ("__init__", "__main__"):
            continue
        if parts[0] not in rooms:
            found.append(f"{path.relative_to(package)}: room {parts[0]} has no floor")
            continue
        for line, name, level in imported_names(ast.parse(path.read_text())):
            wrong = offence(parts[0], name, level, rooms)
            if wrong:
                found.append(f"{path.relative_to(package)}:{line}: {wrong}")
    return found


@pytest.fixture(scope="module")
def rooms() -> dict[str, Room]:
    return read_rooms((ROOT / "ARCHITECTURE.md").read_text())


def test_the_table_is_read_whole(rooms):
    assert rooms["errors"] == Room(0, frozenset())
    assert rooms["imaging"] == Room(3, frozenset({"pydicom", "dicomanonymizer", "PIL", "scipy"}))
    assert rooms["cli"].floor == max(room.floor for room in rooms.values())
    assert "torch" not in rooms["metrics"].foreign | rooms["imaging"].foreign | rooms["reporting"].foreign


def test_imports_go_down(rooms):
    found = offences(ROOT / "src" / "hilum", rooms)
    assert not found, "\n".join(found)


def test_no_package_is_allowed_in_vain(rooms):
    package = ROOT / "src" / "hilum"
    for room, row in rooms.items():
        files = (package / room).rglob("*.py") if (package / room).is_dir() else [package / f"{room}.py"]
        text = "".join(path.read_text() for path in files)
        assert not [name for name in row.foreign if not re.search(rf"\b{name}\b", text)], room


def test_every_room_has_a_floor(rooms):
    folders = {path.name for path in (ROOT / "src" / "hilum").iterdir() if path.is_dir() and path.name[0] != "_"}
    assert folders - NO_ROOM <= set(rooms)


def test_resources_hold_no_code():
    assert not list((ROOT / "src" / "hilum" / "resources").rglob("*.py"))


@pytest.mark.parametrize(
    ("room", "line", "expected"),
    [
        ("data", "from hilum.models import Bundle", "imports go down"),
        ("data", "from hilum.training import train", "imports go down"),
        ("data", "def f():\n    import hilum.training.loop", "imports go down"),
        ("data", "from hilum import training", "imports go down"),
        ("data", "import hilum", "facade"),
        ("data", "from .manifest import Manifest", "relative import"),
        ("data", "from hilum.utils import helper", "no floor"),
        ("data", "import httpx", "httpx"),
        ("data", "from hilum.records.base import Interval", "past the door of records"),
        ("data", "if True:\n    from timm.models import x", "timm"),
        ("reporting", "import torch", "torch"),
        ("findings", "import numpy as np", "numpy"),
        ("helpers", "", "no floor"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path, rooms, room, line, expected):
    (tmp_path / room).mkdir()
    (tmp_path / room / "module.py").write_text(f"{line}\n")
    (found,) = offences(tmp_path, rooms)
    assert expected in found


@pytest.mark.parametrize(
    "line",
    [
        "import json",
        "import numpy as np",
        "from hilum.errors import DataError",
        "from hilum.data.split import f",
        "import pandas as pd",
        "from hilum import __version__",
    ],
)
def test_an_allowed_import_passes(tmp_path, rooms, line):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "module.py").write_text(f"{line}\n")
    assert offences(tmp_path, rooms) == []
