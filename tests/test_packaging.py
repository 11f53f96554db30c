"""What is shipped and what lies in the repository: the wheel, the pins, nothing that does not belong there."""

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import hilum

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("dicom", "download", "track", "dev")
# What torch's wheel for CUDA brings along; it is torch's own choice, by exact version.
WITH_TORCH = re.compile(r"nvidia-|cuda-|triton")
# In two parts, so that this file is not what it looks for.
REGISTRIES = [
    a + b
    for a, b in (
        ("pypi", ".org"),
        ("files.python", "hosted"),
        ("download.py", "torch"),
        ("debian", ".org"),
        ("ubuntu", ".com"),
        ("npm", "js"),
        ("docker", ".io"),
        ("ghcr", ".io"),
        ("anaconda", ".org"),
        ("conda-", "forge"),
    )
]
PRIVATE_KEY = re.compile(rb"-{5}BEGIN ([A-Z]+ )*PRIVATE KEY")


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files belong to the project is unknown, this test did NOT run")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert "pyproject.toml" in names
    return names


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def needed(name, extras=()):
    """Return what an installed package needs here, by name, itself left out."""
    found, waiting = {}, [(name, frozenset(extras))]
    while waiting:
        package, wanted = waiting.pop()
        for text in importlib.metadata.requires(package) or ():
            need = Requirement(text)
            if need.marker and not any(need.marker.evaluate({"extra": extra}) for extra in wanted or {""}):
                continue
            key = (canonicalize_name(need.name), frozenset(need.extras))
            if key in found:
                continue
            try:
                found[key] = importlib.metadata.version(need.name)
            except importlib.metadata.PackageNotFoundError:
                continue
            waiting.append((need.name, key[1]))
    return {package: version for (package, _), version in found.items() if package != canonicalize_name(name)}


@pytest.mark.slow
def test_the_wheel_holds_everything(tmp_path):
    # By whatever `make` installed: no isolation, so nothing is fetched.
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (entry_points,) = (archive.read(name).decode() for name in names if name.endswith("entry_points.txt"))
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith("METADATA"))
    package = ROOT / "src"
    there = {
        path.relative_to(package).as_posix()
        for path in (package / "hilum").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "hilum/py.typed" in there
    assert any(name.startswith("hilum/resources/recipes/") for name in there)
    assert any(name.startswith("hilum/resources/templates/") for name in there)
    assert there <= names, f"not in the wheel: {sorted(there - names)[:5]}"
    assert {name.split("/")[0] for name in names - there} == {f"hilum-{hilum.__version__}.dist-info"}
    assert "hilum = hilum.cli:main" in entry_points
    assert f"Version: {hilum.__version__}\n" in metadata
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_version_has_one_source():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"]["path"] == "src/hilum/__init__.py"
    assert importlib.metadata.version("hilum") == hilum.__version__
    assert not re.search(r"^version:", (ROOT / "CITATION.cff").read_text(), flags=re.MULTILINE)


def test_every_installed_dependency_is_pinned(pins):
    found = needed("hilum", EXTRAS)
    assert {"torch", "timm", "torchvision", "mlflow", "pydicom", "ruff"} <= set(found)
    wrong = {
        name: (version, pins.get(name, "no pin"))
        for name, version in found.items()
        if not WITH_TORCH.match(name) and Version(version).public != pins.get(name)
    }
    assert not wrong, f"installed and pinned versions differ (installed, pinned): {wrong}"


def test_every_pin_is_needed(pins):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *(need for extra in project["optional-dependencies"].values() for need in extra)]
    for text in named:
        need = Requirement(text)
        assert need.specifier.contains(pins[canonicalize_name(need.name)]), f"{text} against constraints.txt"
    assert not set(pins) - set(needed("hilum", EXTRAS)), "pinned, and needed by nothing"


def test_the_build_tool_is_the_pinned_one(pins):
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert requires == [f"hatchling=={pins['hatchling']}"]


def test_no_registry_is_named(tracked):
    # A user's own pip configuration says where packages come from.
    found = [
        f"{name}: {registry}"
        for name in tracked
        for registry in REGISTRIES
        if registry.encode() in (ROOT / name).read_bytes().lower()
    ]
    assert not found, "\n".join(found)


def test_no_large_file(tracked):
    spec = importlib.util.spec_from_file_location("check_sizes", ROOT / "tools" / "check_sizes.py")
    check_sizes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check_sizes)
    assert check_sizes.too_large(tracked, root=ROOT) == []


def test_no_private_key_and_no_notebook_output(tracked):
    for name in tracked:
        content = (ROOT / name).read_bytes()
        assert not PRIVATE_KEY.search(content), name
        assert not (name.endswith(".ipynb") and b'"output_type"' in content), name
