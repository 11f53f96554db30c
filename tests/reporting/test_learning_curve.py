"""The page of a learning curve: what it says, what it draws, and that it needs no other file."""

import math
import re

import pytest
from made_up import pedigree

from hilum.records import Estimate, FittedLaw, GrowthCurve, Interval, LearningCurve, LearningPart
from hilum.reporting import write_learning_curve

SIZES = (1000.0, 2000.0, 4000.0)


def law(value=0.012):
    return FittedLaw(
        ceiling=Estimate(value=0.83, low=0.81, high=0.87),
        gap=Estimate(value=0.03),
        exponent=Estimate(value=0.4, reason="only 2 of 9 resamples rise with the films"),
        doubling=Estimate(value=value, low=0.004, high=0.021),
        n_images=(1000.0, 4000.0, 16000.0),
        value=(0.75, 0.8, 0.82),
        low=(0.74, 0.79, 0.8),
        high=(0.76, 0.81, 0.85),
    )


def no_law(reason):
    nothing = Estimate(reason=reason)
    return FittedLaw(ceiling=nothing, gap=nothing, exponent=nothing, doubling=nothing)


def make(**changed):
    points = tuple(Interval(value=value, low=value - 0.02, high=value + 0.02) for value in (0.75, 0.78, 0.8))
    findings = {
        "Pleural_Thickening": GrowthCurve(n_positive=44, auroc=points, law=law()),
        "Mass": GrowthCurve(n_positive=9, auroc=points[::-1], law=no_law("it does not rise")),
        "Hernia": GrowthCurve(n_positive=0, auroc=(Interval(),) * 3, law=no_law("no values")),
    }
    part = LearningPart(
        fraction=0.25,
        seed=7,
        n_images=1000,
        n_patients=300,
        auroc={"Pleural_Thickening": 0.71, "Mass": 0.75, "Hernia": math.nan},
        bundle_digest="",
    )
    given = {
        "title": "tiny on <films>",
        "pedigree": pedigree(split="validation", n_images=500, n_patients=200),
        "parts": (part,),
        "n_images": SIZES,
        "findings": findings,
        "mean": GrowthCurve(n_positive=0, auroc=points, law=law()),
        "mean_findings": ("Pleural_Thickening", "Mass"),
        "sentence": "Doubling brings something.",
        "warnings": ("Mind this.",),
    }
    return LearningCurve(**{**given, **changed})


@pytest.fixture
def page(tmp_path):
    return lambda curve: write_learning_curve(tmp_path / "learning_curve.html", curve).read_text()


def test_the_sentence_leads_and_texts_are_escaped(page):
    text = page(make())
    assert text.count("Doubling brings something.") == 2
    assert "tiny on &lt;films&gt;" in text
    assert "500 validation films of 200 patients, never on test films" in text
    assert "Mind this." in text


def test_numbers_stand_there_and_undefined_ones_say_why(page):
    text = page(make())
    for words in ("0.012", "(0.004–0.021)", "0.830", "1,000 films", "0.730", "it does not rise", "Pleural Thickening"):
        assert words in text
    assert "only 2 of 9 resamples rise" not in text or "no interval" in text
    assert "nan" not in text


def test_every_finding_has_a_chart_that_says_itself_in_words(page):
    charts = re.findall(r"<svg.*?</svg>", page(make()), flags=re.DOTALL)
    assert len(charts) == 5  # the mean's for a phone as well
    assert "Twice the films would bring 0.012 (0.004–0.021)." in charts[0]
    assert charts[0].count("<circle") == 3
    assert charts[0].count('class="whisker"') == 3
    assert charts[0].count("<polyline") == 3
    assert "No law: it does not rise." in charts[3]
    assert charts[3].count("<polyline") == 0
    assert "undefined on validation" in charts[4]


def test_it_loads_nothing(page):
    text = page(make(phantom=True))
    assert not re.findall(r'(?:src|href)="(?!#|data:)|@import|url\(', text)
    assert "Phantoms." in text


def test_points_without_intervals_or_values_are_drawn_as_far_as_they_are_known(page):
    bare = GrowthCurve(
        n_positive=3, auroc=(Interval(value=0.6), Interval(), Interval(value=0.6)), law=no_law("too few")
    )
    charts = re.findall(r"<svg.*?</svg>", page(make(mean=bare, n_images=(10.0, 20.0, 40_000.0))), flags=re.DOTALL)
    assert charts[0].count("<circle") == 2
    assert "whisker" not in charts[0]
    assert "160k" in charts[0]


def test_a_mean_over_nothing_is_a_dash(page):
    assert "Mean of 0 findings" in page(make(mean_findings=()))
