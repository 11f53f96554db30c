import xml.etree.ElementTree as ET

import pytest

from hilum.reporting.subgroup import gap_chart, subgroup_parts, subgroup_rows, widest_gap


def parse(chart):
    return ET.fromstring(chart)  # noqa: S314  our own picture


@pytest.mark.parametrize("narrow", [False, True])
def test_gaps_stand_where_the_numbers_are(divided, narrow):
    picture = parse(gap_chart(divided, narrow=narrow))
    labels = {text.text: float(text.get("x")) for text in picture.iter("text")}
    low, zero, high = labels["−0.05"], labels["0"], labels["+0.05"]
    assert zero == pytest.approx((low + high) / 2)
    measured = [group.mean_gap for group in divided.subgroups if group.mean_over]
    whiskers = [line for line in picture.iter("line") if line.get("class") == "whisker"]
    for dot, whisker, gap in zip(picture.iter("circle"), whiskers, measured, strict=True):
        for place, value in ((dot.get("cx"), gap.value), (whisker.get("x1"), gap.low), (whisker.get("x2"), gap.high)):
            assert float(place) == pytest.approx(zero + (high - zero) * value / 0.05, abs=0.11)
    assert {"−0.031 (−0.041 to −0.021)", "+0.020 (0.010–0.030)", "– too few films", "sex × age: male, 0-19"} <= set(
        labels
    )


def test_the_picture_says_in_words_what_is_widest(divided):
    assert "widest: sex: female −0.031 (−0.041 to −0.021)" in parse(gap_chart(divided)).get("aria-label")
    alike = divided.model_copy(update={"subgroups": divided.subgroups[1:3]})
    assert widest_gap(alike) is None
    assert "every interval holds zero" in parse(gap_chart(alike)).get("aria-label")


def test_a_gap_beyond_a_half_is_still_in_the_picture(divided):
    far = divided.subgroups[0]
    far = far.model_copy(update={"mean_gap": far.mean_gap.model_copy(update={"low": -0.7})})
    picture = parse(gap_chart(divided.model_copy(update={"subgroups": (far,)})))
    assert "−1" in [text.text for text in picture.iter("text")]


def test_a_small_group_is_a_dash_with_its_reason(divided):
    table = subgroup_rows(divided)
    rows = {row.name: [cell.text for cell in row.cells] for row in table.rows}
    assert rows["sex: female"] == ["140", "70", "1", "0.800", "−0.031", "0.300", "−0.050"]
    assert rows["age: <80+>"][:5] == ["104", "–", "0", "–", "–"]
    assert "fewer than 10 films with the finding" in table.notes


def test_every_attribute_has_its_findings_and_its_unknown(divided):
    parts = {part.title: part for part in subgroup_parts(divided)}
    assert list(parts) == ["sex", "age", "sex × age"]
    assert parts["sex"].note == "7 films of unknown sex in none of them."
    assert parts["age"].note == ""
    (first, _) = parts["sex"].table.rows
    assert first.name == "female: Effusion"
    assert [cell.text for cell in first.cells] == [
        "40", "100", "0.800", "−0.031", "0.700", "−0.100", "0.200", "+0.050", "0.030",
    ]  # fmt: skip
