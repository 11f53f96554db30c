"""Studies of every kind, and a reader of pages that knows nothing of how they are written."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
import pytest

from hilum.evaluation import Origin, evaluate_arrays
from hilum.findings import NIH_FINDINGS, NO_FINDING
from hilum.records import BundleSpec, Description, FindingRule, InputRules, Interval, SampleFilm
from hilum.reporting import GalleryFilm

NAN = float("nan")
VOID = {"meta", "img", "br", "link", "input"}


@dataclass
class Page(HTMLParser):
    """Tables by id, all visible text, all addresses, and whether every tag was closed."""

    text: str
    tables: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)

    def __post_init__(self):
        super().__init__()
        self._open, self._rows, self._row, self._cell = [], None, None, None
        self._named = 0
        self.feed(self.text)
        assert self._open == [], f"never closed: {self._open}"

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        self.classes += (values.get("class") or "").split()
        self.addresses += [value for name, value in attributes if name in ("src", "href", "data", "action", "poster")]
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self._named += 1
            self._rows = self.tables.setdefault(values.get("id", f"table {self._named}"), {})
        if tag == "tr":
            self._row = []
        if tag in ("td", "th"):
            self._cell = ""

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        if tag in ("td", "th"):
            self._row.append(self._cell.strip())
            self._cell = None
        if tag == "tr":
            self._rows[self._row[0]] = self._row[1:]

    def handle_data(self, data):
        if "style" in self._open:
            return
        self.words.append(data.strip())
        if self._cell is not None:
            # The mark of a note and the interval stand in elements of their own.
            self._cell += f" {data.strip()}" if self._open[-1] in ("span", "small", "sup") else data.strip()

    @property
    def said(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="session")
def read_page():
    return Page


def made_up(n_images, n_findings, seed=0, prevalence=0.3):
    generator = np.random.default_rng(seed)
    targets = (generator.random((n_images, n_findings)) < prevalence).astype(float)
    probabilities = np.clip(0.2 + 0.3 * targets + generator.normal(0, 0.15, targets.shape), 0, 1)
    return probabilities, targets, generator.integers(0, n_images // 3, n_images)


@pytest.fixture(scope="session")
def whole():
    """All fourteen findings, thresholds from validation, intervals, a bundle."""
    probabilities, targets, patients = made_up(400, 14, prevalence=0.1)
    return evaluate_arrays(
        probabilities,
        targets,
        findings=NIH_FINDINGS,
        groups=patients,
        thresholds={**dict.fromkeys(NIH_FINDINGS, 0.35), NO_FINDING: 0.03},
        origin=Origin(
            title="whole", command="hilum evaluate x", data_digest="d" * 64, split="test", split_digest="e" * 64,
            bundle_digest="f" * 64, predictions_digest="9" * 64, counts={"films evaluated": 1234},
        ),
        bootstrap=25,
        seed=7,
    )  # fmt: skip


@pytest.fixture(scope="session")
def odd():
    """Never or always present, unknown, without threshold, never called; leaked phantoms, hostile words."""
    findings = ("Effusion", "Mass", "Hernia", "Edema", "Nodule", "Pleural_Thickening")
    probabilities, targets, patients = made_up(120, 6, seed=1)
    targets[:, 2], targets[:, 3], targets[:, 4] = 0, 1, np.nan
    targets[::7, 0] = np.nan
    return evaluate_arrays(
        probabilities,
        targets,
        findings=findings,
        groups=patients,
        thresholds={"Effusion": 0.4, "Mass": NAN, "Pleural_Thickening": 1.0},
        origin=Origin(
            title="<script>alert('title')</script>",
            command="hilum evaluate --x '<img src=x onerror=alert(1)>'",
            counts={"<b>films</b>": 1},
            warnings=("<script>warn()</script> & so on",),
            phantom=True,
            leaked=True,
            bundle_digest="a" * 64,
        ),
        bootstrap=25,
    )


@pytest.fixture(scope="session")
def bare():
    """No intervals, no thresholds, no patients, nothing known of where it comes from."""
    probabilities, targets, _ = made_up(60, 2, seed=2)
    return evaluate_arrays(probabilities, targets, findings=("Effusion", "Mass"), bootstrap=0)


@pytest.fixture(scope="session")
def silent():
    """Nothing can be measured: not one label is known."""
    return evaluate_arrays(
        np.full((4, 2), 0.5),
        np.full((4, 2), np.nan),
        findings=("Effusion", "Mass"),
        thresholds={"Effusion": NAN, "Mass": NAN},
        bootstrap=0,
    )


@pytest.fixture(scope="session")
def history():
    epochs = [
        {"kind": "epoch", "epoch": n, "train_loss": 1 / n, "validation_loss": 1.1 / n, "learning_rate": 1e-4 / n}
        for n in (1, 2, 3)
    ]
    scores = (0.6, 0.734, None)
    return [{"kind": "start"}, *({**e, "validation_auroc": s} for e, s in zip(epochs, scores, strict=True))]


@pytest.fixture(scope="session")
def gallery():
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 255, (40, 64), dtype=np.uint8)
    overlay = generator.integers(0, 255, (40, 64, 3), dtype=np.uint8)
    return [
        GalleryFilm("<u>1</u>.png", pixels, overlay, ("Effusion", "Mass"), {"Effusion": 0.812, "Mass": 0.1},
                    ("Effusion", "Pleural_Thickening")),
        GalleryFilm("2.png", pixels, None, (), {"Effusion": 0.1}, ()),
        GalleryFilm("3.png", pixels, None, ("Hernia",), {"Hernia": NAN}, ()),
    ]  # fmt: skip


@pytest.fixture(scope="session")
def spec():
    rate = Interval(value=0.8123, low=0.7001, high=0.9004)
    rule = FindingRule(threshold=0.3456, sensitivity=rate, specificity=rate, n_positive=1040, n_negative=2000)
    silent = FindingRule(
        threshold=NAN, sensitivity=Interval(), specificity=Interval(), n_positive=0, n_negative=3040,
        reason="no validation film has it",
    )  # fmt: skip
    return BundleSpec(
        findings={"Effusion": rule, "Hernia": silent},
        input=InputRules(size_px=224, mean=(0.5,), std=(0.25,)),
        model={"backbone": "resnet10t"},
        recipe={"name": "quick"},
        manifest_digest="b" * 64,
        split_digest="c" * 64,
        training_patients=("1" * 64, "2" * 64),
        licence="apache-2.0",
        versions={"hilum": "0.1.0", "torch": "2.9", "timm": ""},
    )


@pytest.fixture(scope="session")
def description():
    names = ("Effusion", "Pleural_Thickening", "No Finding")
    both = {"Effusion": (1200, 34, 0), "Pleural_Thickening": (34, 77, 0), "No Finding": (0, 0, 2000)}
    return Description(
        n_images=3210,
        n_patients=999,
        manifest_digest="a" * 64,
        positives={"Effusion": 1200, "Pleural_Thickening": 77, "No Finding": 2000},
        unknown={"Effusion": 10, "Pleural_Thickening": 3210, "No Finding": 0},
        co_occurrence={a: dict(zip(names, row, strict=True)) for a, row in both.items()},
        views={"PA": 3000, "": 210},
        sexes={"<i>F</i>": 3210},
        age_histogram={"0-9": 3, "50-59": 3200, "unknown": 7},
        images_per_patient={"1": 900, "10+": 99},
        splits={"train": {"films": 2500, "Effusion": 1000}, "test": {"films": 710, "Effusion": 200}},
        pixel_histogram=tuple(np.linspace(0, 2 / 64, 64).tolist()),
        n_problems=2,
    )


@pytest.fixture(scope="session")
def samples():
    generator = np.random.default_rng(0)
    captions = ("Effusion", "<b>bold</b>", "Atelectasis, Cardiomegaly, Effusion, Mass")
    return [SampleFilm(generator.integers(0, 255, (32, 32), dtype=np.uint8), caption) for caption in captions]
