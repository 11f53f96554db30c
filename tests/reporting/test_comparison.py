"""The page of a comparison: what it says, what it draws, and that it needs no other file."""

import math
import re

import pytest
from made_up import pedigree

from hilum.records import (
    ComparedMeasure,
    ComparedModel,
    Comparison,
    Estimate,
    FindingDifference,
    MacroMetric,
    MeasureDifference,
    ModelPair,
    RankMetric,
)
from hilum.reporting import write_comparison


def rank(value, reason=""):
    return RankMetric(
        value=value, low=value - 0.05, high=value + 0.05, reason=reason, n_positive=0 if reason else 30, n_negative=70
    )


def pair(first="a", second="b", **changed):
    findings = {
        "Effusion": FindingDifference(
            difference=Estimate(value=0.031, low=0.012, high=0.049), p_value=0.0001, p_holm=0.0002
        ),
        "Mass": FindingDifference(difference=Estimate(value=-0.01, low=-0.04, high=0.02), p_value=0.4, p_holm=0.8),
        "Hernia": FindingDifference(difference=Estimate(reason="no film has it"), p_value=math.nan, p_holm=math.nan),
    }
    mean = MacroMetric(value=0.0105, low=-0.002, high=0.03, findings=("Effusion", "Mass"))
    given = {"findings": findings, "mean": mean, "sentence": f"{first} <b>wins</b> over {second}."}
    return ModelPair(first=first, second=second, **{**given, **changed})


def make(*pairs, **changed):
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second)))
    models = tuple(
        ComparedModel(
            name=name,
            auroc={"Effusion": rank(0.8), "Mass": rank(0.7), "Hernia": rank(math.nan, "no film has it")},
            mean=MacroMetric(value=0.75, low=0.7, high=0.8, findings=("Effusion", "Mass")),
            n_images=100,
            predictions_digest="p" * 64,
        )
        for name in names
    )
    given = {"title": "a against b", "pedigree": pedigree(), "models": models, "pairs": pairs}
    return Comparison(**{**given, "counts": {"films compared": 100}, "warnings": ("Mind <this>.",), **changed})


@pytest.fixture
def page(tmp_path):
    return lambda comparison: write_comparison(tmp_path / "comparison.html", comparison).read_text()


def test_the_sentence_leads_and_is_escaped(page):
    text = page(make(pair()))
    assert text.count("a &lt;b&gt;wins&lt;/b&gt; over b.") == 2  # title and heading
    assert "Mind &lt;this&gt;." in text
    assert "100 films of 40 patients" in text


def test_every_number_stands_there_and_undefined_ones_say_why(page):
    text = page(make(pair()))
    for words in ("+0.031", "(0.012–0.049)", "&lt; 0.001", "−0.010", "(−0.040 to 0.020)", "0.800", "+0.011"):
        assert words in text
    assert "– no film has it" in text
    assert re.search(r"<sup>a</sup> no film has it", text)
    assert "nan" not in text.casefold().replace("finance", "")


def test_what_does_not_last_has_a_hollow_dot(page):
    text = page(make(pair()))
    wide = re.search(r"<svg.*?</svg>", text, flags=re.DOTALL)[0]
    assert wide.count('class="ringed"') == 1
    assert wide.count('class="dot"') == 2  # one that lasts, and the mean
    assert wide.index("Effusion") < wide.index("Mass") < wide.index("Hernia") < wide.index("Mean of 2")
    assert 'aria-label="AUROC of a minus b with 95 % intervals"' in wide


def test_it_loads_nothing(page):
    text = page(make(pair()))
    assert not re.findall(r'(?:src|href)="(?!#|data:)|@import|url\(', text)
    assert "prefers-color-scheme: dark" in text


def test_three_models_have_a_section_each_pair(page):
    text = page(make(pair("a", "b"), pair("a", "c"), pair("b", "c"), phantom=True))
    assert re.findall(r"<h2>(\w against \w)</h2>", text) == ["a against b", "a against c", "b against c"]
    assert "of all pairs" in text
    assert "Phantoms." in text


def test_without_intervals_the_dots_stay(page):
    bare = {"Effusion": FindingDifference(difference=Estimate(value=0.6), p_value=0.2, p_holm=0.2)}
    text = page(make(pair(findings=bare, mean=MacroMetric(value=0.6, findings=("Effusion",)))))
    assert "no interval" in text
    assert "+1.00" in text  # the axis reaches beyond 0.5
    assert "whisker" not in re.search(r"<svg.*?</svg>", text, flags=re.DOTALL)[0]


def test_a_long_name_is_cut_at_its_front_in_the_picture(page):
    text = page(make(pair("runs/with/a/long/name/first", "b")))
    assert "…" in text
    assert "first better →" in text


def test_a_mean_over_nothing_is_undefined(page):
    text = page(make(pair(mean=MacroMetric(findings=()))))
    assert "– undefined" in text


def test_other_measures_have_a_row_each_and_tables_that_fold(page):
    found = pair()
    measures = {name: MeasureDifference(findings=found.findings, mean=found.mean) for name in ("brier", "sensitivity")}
    own = {
        name: ComparedMeasure(
            findings={
                "Effusion": Estimate(value=0.42, low=0.4, high=0.44),
                "Mass": Estimate(value=0.2),
                "Hernia": Estimate(reason="no film has it"),
            },
            mean=found.mean,
        )
        for name in measures
    }
    comparison = make(pair(measures=measures))
    models = tuple(model.model_copy(update={"measures": own}) for model in comparison.models)
    text = page(comparison.model_copy(update={"models": models}))
    table = re.search(r'<table id="measures-1">.*?</table>', text, flags=re.DOTALL)[0]
    for words in ("AUROC", "Brier score (lower is better)", "Sensitivity at own threshold", "1 of 2"):
        assert words in table
    assert re.findall(r"<summary>([^<]*)</summary>", text) == [
        "Brier score (lower is better), finding by finding",
        "Sensitivity at own threshold, finding by finding",
    ]
    assert "may differ in their thresholds alone" in text
    assert "Other measures" not in page(make(pair()))
