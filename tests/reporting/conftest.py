"""Studies of every kind, and a reader of pages that knows nothing of how they are written."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
import pytest

from hilum.evaluation import Origin, evaluate_arrays
from hilum.findings import NIH_FINDINGS, NO_FINDING
from hilum.records import (
    BundleSpec,
    Description,
    Estimate,
    FindingRule,
    InputRules,
    Interval,
    PredictiveValues,
    PublishedResult,
    RedFlag,
    ReferEvaluation,
    SampleFilm,
    Subgroup,
    SubgroupFinding,
    SubgroupStudy,
)
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
    unnamed: list[str] = field(default_factory=list)
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
        if (tag == "svg" and not (values.get("aria-label") and values.get("role") == "img")) or (
            tag == "img" and not values.get("alt")
        ):
            self.unnamed.append(tag)
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
                    ("Effusion", "Pleural_Thickening"), explained="Pleural_Thickening"),
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


def some(value, reach=0.02):
    return Estimate(value=value, low=value - reach, high=value + reach)


def group_of(attribute, level, gap, *, few=False):
    nothing = Estimate(reason="undefined: fewer than 10 films with the finding")
    auroc, difference = (nothing, nothing) if few else (some(0.8), some(gap, 0.01))
    finding = SubgroupFinding(
        auroc=auroc, auroc_gap=difference, true_positive_rate=some(0.7), true_positive_gap=some(-0.1),
        false_positive_rate=some(0.2), false_positive_gap=some(0.05), ece=some(0.03), n_positive=4 if few else 40,
        n_negative=100,
    )  # fmt: skip
    return Subgroup(
        attribute=attribute, level=level, n_images=104 if few else 140, n_patients=0 if few else 70,
        mean_auroc=auroc, mean_gap=difference, mean_over=() if few else ("Effusion",), under_diagnosis=some(0.3),
        under_diagnosis_gap=some(-0.05), findings={"Effusion": finding},
    )  # fmt: skip


@pytest.fixture(scope="session")
def divided():
    """Groups that fare worse, alike and better, and one that is too small."""
    groups = (
        group_of("sex", "female", -0.031), group_of("sex", "male", 0.004), group_of("age", "<80+>", 0.0, few=True),
        group_of("sex x age", "male, 0-19", 0.02),
    )  # fmt: skip
    return SubgroupStudy(subgroups=groups, unknown={"sex": 7, "age": 0}, smallest=10, note="Not looked at: weight.")


@pytest.fixture(scope="session")
def full(whole, divided):
    """Everything an evaluation can hold: zones, groups, published results, flags, looks."""
    zone = ReferEvaluation(
        low=0.1, high=0.4, referred=some(0.25), missed=some(0.08), allowed_missed=0.1, false_alarms=some(0.12),
        allowed_false_alarms=0.1, n_calibration=1234, in_band=True, false_alarms_in_band=True,
    )  # fmt: skip
    zones = {"Effusion": zone, "Mass": zone.model_copy(update={"in_band": False}),
             "Hernia": zone.model_copy(update={"in_band": None})}  # fmt: skip
    findings = {name: finding.model_copy(update={"refer": zones.get(name)}) for name, finding in whole.findings.items()}
    given = PredictiveValues(prevalence=0.05, prevalence_from="given", ppv=some(0.4), npv=some(0.97))
    point = findings["Effusion"].operating_point
    point = point.model_copy(update={"predictive": (*point.predictive, given)})
    findings["Effusion"] = findings["Effusion"].model_copy(update={"operating_point": point})
    published = PublishedResult(
        name="Somebody 2018", source="A journal", mean_auroc=0.807, aurocs={"Mass": 0.4321}, note="chosen on test",
    )  # fmt: skip
    return whole.model_copy(
        update={
            "findings": findings, "subgroups": divided, "looks": 3, "comparable": (published,),
            "comparable_note": "Known by a digest.", "red_flags": (RedFlag(code="x", sentence="Do <b>not</b>."),),
        }
    )  # fmt: skip


@pytest.fixture(scope="session")
def old(whole):
    """An evaluation that lacks everything that may be lacking."""
    findings = {
        name: finding.model_copy(
            update={
                "rank": None, "decision": None, "refer": None,
                "operating_point": finding.operating_point.model_copy(update={"predictive": ()}),
            }
        )
        for name, finding in whole.findings.items()
    }  # fmt: skip
    update = {"findings": findings, "no_finding": None, "film": None, "micro": {}, "weighted": {}, "ancestor": None}
    return whole.model_copy(update=update)
