import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.records import Interval
from hilum.reporting.drawing import Panel, add_path, new_picture, reach_around_zero, round_limit
from hilum.reporting.evaluation_chart import (
    _spread,
    _tick,
    calibration_charts,
    decision_charts,
    decision_floor,
    forest_chart,
    history_chart,
    pr_charts,
    reliability_limit,
    roc_charts,
)
from hilum.reporting.history import history_pictures

FINITE = st.floats(-1e6, 1e6)


def parse(chart):
    return ET.fromstring(chart)  # noqa: S314  our own picture


def texts(chart):
    return [element.text or "" for element in parse(chart).iter("text")]


def lines(chart, style):
    return [line for line in parse(chart).iter("line") if style in line.get("class").split()]


@pytest.mark.parametrize("narrow", [False, True])
def test_the_forest_stands_where_the_numbers_are(whole, narrow):
    chart = forest_chart(whole, narrow=narrow)
    ranked = sorted(whole.findings.values(), key=lambda finding: -finding.auroc.value)
    metrics = [*(finding.auroc for finding in ranked), whole.macro["auroc"]]
    labels = {element.text: float(element.get("x")) for element in parse(chart).iter("text")}
    zero, one = labels["0.5"], labels["1.0"]
    dots = list(parse(chart).iter("circle"))
    whiskers = lines(chart, "whisker")
    assert len(dots) == len(whiskers) == len(metrics)
    for dot, whisker, metric in zip(dots, whiskers, metrics, strict=True):
        for place, value in (
            (dot.get("cx"), metric.value), (whisker.get("x1"), metric.low), (whisker.get("x2"), metric.high),
        ):  # fmt: skip
            assert float(place) == pytest.approx(zero + (one - zero) * (value - 0.5) / 0.5, abs=0.11)
    said = texts(chart)
    assert all(f"{metric.value:.3f}" in said for metric in metrics)
    assert all(f"({metric.low:.3f}–{metric.high:.3f})" in said for metric in metrics)
    assert "Mean of 14" in said


def test_the_axis_begins_lower_where_an_interval_does(whole):
    finding = whole.findings["Mass"]
    poor = finding.model_copy(update={"auroc": finding.auroc.model_copy(update={"low": 0.33})})
    assert "0.3" in texts(forest_chart(whole.model_copy(update={"findings": {"Mass": poor}})))


def test_undefined_findings_come_last_and_say_why(odd):
    said = " ".join(texts(forest_chart(odd)))
    assert said.index("Effusion") < said.index("Hernia")
    assert "– none of 120 films with a known label has the finding" in said
    assert "– no film has a known label" in said


def test_without_a_mean_or_with_nothing_defined(whole, silent):
    assert not [words for words in texts(forest_chart(whole.model_copy(update={"macro": {}}))) if "Mean" in words]
    assert "– undefined for every finding" in texts(forest_chart(silent))


@pytest.mark.parametrize("draw", [roc_charts, pr_charts, calibration_charts])
def test_every_finding_has_a_panel_with_its_curve_or_the_reason(draw, odd):
    charts = draw(odd)
    assert [texts(chart)[0].replace(" ", "_") for chart in charts] == list(odd.findings)
    for chart, finding in zip(charts, odd.findings.values(), strict=True):
        reliability = finding.calibration.reliability.probability
        points = reliability if draw is calibration_charts else finding.roc.x if draw is roc_charts else finding.pr.x
        n_lines = len(list(parse(chart).iter("polyline")))
        if draw is pr_charts and finding.auprc.reason:
            assert n_lines == 0
        else:
            assert n_lines == (1 if points else 0)
        if not n_lines:
            assert "–" in texts(chart)


def test_the_ring_is_at_the_threshold(whole):
    finding = next(iter(whole.findings.values()))
    ring = next(dot for dot in parse(roc_charts(whole)[0]).iter("circle") if "ringed" in dot.get("class"))
    assert float(ring.get("cx")) == pytest.approx(0.5 + 167 * (1 - finding.operating_point.specificity.value), abs=0.1)
    assert float(ring.get("cy")) == pytest.approx(26 + 167 * (1 - finding.operating_point.sensitivity.value), abs=0.1)


def test_the_area_drawn_under_pr_is_the_average_precision(whole):
    for chart, finding in zip(pr_charts(whole), whole.findings.values(), strict=True):
        polyline = next(parse(chart).iter("polyline"))
        points = [tuple(map(float, pair.split(","))) for pair in polyline.get("points").split()]
        area = sum((26 + 167 - b[1]) * (b[0] - a[0]) for a, b in pairwise(points)) / 167**2
        assert area == pytest.approx(finding.auprc.value, abs=0.01)


@given(st.floats(0, 1))
def test_a_round_limit_holds_what_it_limits(largest):
    limit = round_limit(largest)
    assert largest <= limit <= 1
    assert f"{limit:g}" in ("0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1")


@given(st.lists(st.floats(-1, 1), max_size=4))
def test_an_axis_around_zero_reaches_beyond_every_end(values):
    reach = reach_around_zero([*(Interval(value=value) for value in values), Interval()])
    assert max([0.02, *map(abs, values)]) <= reach <= 1
    assert reach_around_zero([Interval(value=0.01, low=-0.04, high=0.06)]) == 0.1


@given(st.lists(FINITE, max_size=8), st.floats(1, 30))
def test_labels_never_touch_and_keep_their_order(heights, apart):
    placed = _spread(heights, apart)
    assert all(new >= old for new, old in zip(placed, heights, strict=True))
    ordered = sorted(placed)
    assert all(b - a >= apart - 1e-6 for a, b in pairwise(ordered))


@given(st.floats(1e-12, 1e6))
def test_ticks_read_back(value):
    assert float(_tick(value)) == pytest.approx(value, rel=0.051)


@given(FINITE, FINITE, FINITE)
def test_values_outside_a_panel_stand_at_its_edge(value, x, y):
    panel = Panel(10.0, 20.0, 30.0, 40.0)
    assert 10 <= panel.x(value) <= 40
    assert 20 <= panel.y(value) <= 60
    assert panel.points([x, float("nan")], [y, 0.0]) == [(panel.x(x), panel.y(y))]


def test_a_path_keeps_its_corners_and_drops_what_lies_between():
    picture = new_picture(10, 10, "<label>")
    add_path(picture, [(0, 0), (1, 0), (1, 0), (2, 0), (2, 2), (2, 1)], "curve")
    add_path(picture, [], "curve")
    (line,) = picture.iter("polyline")
    assert line.get("points") == "0,0 2,0 2,2 2,1"


def test_history_counts_an_epoch_once_and_marks_the_best(history):
    again = {"kind": "epoch", "epoch": 1, "train_loss": 9.0, "validation_loss": None, "validation_auroc": 0.7}
    pictures = {picture.title: picture for picture in history_pictures([*history, again])}
    assert pictures["Loss"].curves[0].defined == ((1, 9.0), (2, 0.5), (3, pytest.approx(1 / 3)))
    assert [epoch for epoch, _ in pictures["Loss"].curves[1].defined] == [2, 3]
    assert pictures["Validation AUROC"].curves[0].marked == (2, 0.734)
    assert history_pictures([]) == history_pictures([{"kind": "start"}, {"epoch": "x"}]) == []


def test_a_history_of_one_epoch_and_one_value_is_drawn(history):
    (picture,) = history_pictures([{"kind": "epoch", "epoch": 1, "train_loss": 0.0}])
    said = texts(history_chart(picture))
    assert said.count("0") == 1
    assert "epoch" in said


def test_published_results_are_ticks_where_they_stand(full):
    chart = forest_chart(full)
    ticks = lines(chart, "published")
    labels = {element.text: float(element.get("x")) for element in parse(chart).iter("text")}
    low, one = labels["0.4"], labels["1.0"]
    assert [float(tick.get("x1")) for tick in ticks] == pytest.approx(
        [low + (one - low) * (value - 0.4) / 0.6 for value in (0.4321, 0.807)], abs=0.11
    )


def test_reliability_bars_span_their_intervals(whole):
    chart = calibration_charts(whole)[0]
    curve = next(iter(whole.findings.values())).calibration.reliability
    limit = reliability_limit(curve)
    assert limit >= max(curve.high)
    for bar, low, high in zip(lines(chart, "spread"), curve.low, curve.high, strict=True):
        assert float(bar.get("y1")) == pytest.approx(193.5 - 0.5 - 167 * low / limit, abs=0.11)
        assert float(bar.get("y2")) == pytest.approx(193 - 167 * high / limit, abs=0.11)


def test_decision_curves_have_a_band_and_the_threshold(whole, old):
    assert decision_charts(old) == []
    charts = decision_charts(whole)
    for chart, finding in zip(charts, whole.findings.values(), strict=True):
        curve, picture = finding.decision, parse(chart)
        (band,) = picture.iter("polygon")
        assert len(band.get("points").split()) == 2 * len(curve.threshold)
        low, high = decision_floor(curve)
        model = next(line for line in picture.iter("polyline") if line.get("class") == "curve")
        _, first = map(float, model.get("points").split()[0].split(","))
        assert first == pytest.approx(193 - 167 * (curve.model[0] - low) / (high - low), abs=0.11)
        ring = next(picture.iter("circle"))
        place = max(at for at in range(len(curve.threshold)) if curve.threshold[at] <= 0.35)
        between = sorted((curve.model[place], curve.model[place + 1]))
        shown = low + (193 - float(ring.get("cy"))) / 167 * (high - low)
        assert between[0] - 0.01 <= shown <= between[1] + 0.01


def test_an_undefined_decision_curve_says_why(odd):
    nodule = decision_charts(odd)[list(odd.findings).index("Nodule")]
    assert "–" in texts(nodule)
    assert "no film has a known label" in texts(nodule)
