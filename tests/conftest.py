"""What all tests share: threads, small bundles, and real films where they are at hand."""

import gc
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect tests without collecting garbage: millions of objects come to stay, and looking at them takes seconds."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _few_threads():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)


class WarmDecoders:
    """Decoders that outlive their FilmReader: one takes a third of a second to start, and many tests read films."""

    def __init__(self):
        from hilum.imaging import FilmReader, ReadLimits

        self.patch, self.shelf = pytest.MonkeyPatch(), []
        take, close = FilmReader._take, FilmReader.close

        def take_warm(reader):
            if self.shelf and not reader._idle and reader._limits == ReadLimits():
                reader._idle.append(self.shelf.pop())
            return take(reader)

        def close_warm(reader):
            if not reader._busy and not reader._closed and reader._limits == ReadLimits():
                self.shelf += reader._idle
                reader._idle = []
            close(reader)

        self.replaced = {"_take": (take, take_warm), "close": (close, close_warm)}

    def use(self, warm):
        from hilum.imaging import FilmReader

        for name, pair in self.replaced.items():
            self.patch.setattr(FilmReader, name, pair[warm])


@pytest.fixture(scope="session", autouse=True)
def _warm_decoders():
    decoders = WarmDecoders()
    decoders.use(warm=True)
    yield decoders
    decoders.patch.undo()
    for decoder in decoders.shelf:
        decoder.shut()


@pytest.fixture
def cold_decoders(_warm_decoders):
    """A FilmReader as it is: it starts its decoders, and ends them."""
    _warm_decoders.use(warm=False)
    yield
    _warm_decoders.use(warm=True)


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
