"""timm can be imported whether or not torchvision's compiled part loads; nothing is declared that is there."""

import subprocess
import sys
import types

import pytest
import torch

from hilum.models import _torchvision
from hilum.models._torchvision import import_timm


def test_timm_comes_once():
    assert import_timm() is import_timm()
    assert import_timm().__name__ == "timm"


def test_both_names_are_there_afterwards():
    import_timm()
    assert hasattr(torch.ops.torchvision, "nms")
    assert hasattr(torch.ops.torchvision, "qnms") or not _torchvision._declared


def test_nothing_is_declared_where_the_extension_loads(monkeypatch):
    monkeypatch.setattr(_torchvision, "_declared", [])
    monkeypatch.setattr(_torchvision, "_extension_loads", lambda: True)
    assert import_timm().__name__ == "timm"
    assert _torchvision._declared == []


def test_an_extension_that_does_not_fit_is_told_from_one_that_does(monkeypatch, tmp_path):
    (tmp_path / "_C.so").write_bytes(b"not a library")
    spec = types.SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(_torchvision.importlib.util, "find_spec", lambda name: spec)
    assert not _torchvision._extension_loads()
    (tmp_path / "_C.so").unlink()
    assert _torchvision._extension_loads() == hasattr(torch.ops.torchvision, "nms")
    monkeypatch.setattr(_torchvision.importlib.util, "find_spec", lambda name: None)
    assert not _torchvision._extension_loads()


@pytest.mark.slow
def test_importing_hilums_models_imports_neither_timm_nor_torchvision():
    code = (
        "import sys, hilum.models; assert not {'timm', 'torchvision'} & sys.modules.keys(); "
        "from hilum.models._torchvision import import_timm; import_timm(); assert 'timm' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
