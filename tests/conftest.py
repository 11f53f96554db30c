"""What all tests share: threads, small bundles, and real films where they are at hand."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def _few_threads():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real films used in development; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("HILUM_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip("real films are not on this machine (set HILUM_SHARED to their folder): this test did NOT run")
    return folder


@pytest.fixture(scope="session")
def make_bundle():
    """Writes a bundle of a small network with random weights; keywords say what is special about it."""
    import numpy as np
    import torch

    from hilum.models import ModelSection, build_model, write_bundle
    from hilum.records import BundleSpec, FindingRule, InputRules, Interval

    def make(
        folder: Path,
        *,
        findings=("Effusion", "Mass", "Nodule"),
        rules=None,
        size_px=64,
        resize="pad",
        seed=0,
        model=None,
        spec=None,
        **section,
    ):
        section = ModelSection(**{"backbone": "resnet10t_slim", **section})
        given = {"threshold": 0.5, "sensitivity": Interval(), "specificity": Interval(), "n_positive": 9}
        every = {name: {**given, "n_negative": 9, **(rules or {}).get(name, {})} for name in findings}
        if model is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                model = build_model(section, n_findings=len(findings), mean=(0.5,), std=(0.25,), size_px=size_px)
        facts = {
            "findings": {name: FindingRule(**rule) for name, rule in every.items()},
            "input": InputRules(
                size_px=size_px,
                resize=resize,
                channels=section.channels,
                mean=tuple(model.mean.flatten().tolist()),
                std=tuple(model.std.flatten().tolist()),
            ),
            "model": section.model_dump(mode="json"),
            "recipe": {},
            "manifest_digest": "m" * 64,
            "split_digest": "s" * 64,
            "training_patients": (),
            "licence": "MIT",
            "versions": {"hilum": "0"},
            "phantom": True,
        }
        golden = np.random.default_rng(seed).integers(0, 256, (2, size_px, size_px), dtype=np.uint8)
        return write_bundle(
            folder, model, spec=BundleSpec(**{**facts, **(spec or {})}), golden_pixels=golden, model_card="# Card\n"
        )

    return make
