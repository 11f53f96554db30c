"""YAML in, overrides, checks, the nearest key, YAML out."""

from typing import Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hilum.config import Section, build, describe, dump, load, setting
from hilum.errors import ConfigError, InvalidValueError


class Loop(Section):
    epochs: int = setting(10, ge=1)
    learning_rate: float = setting(1e-3, gt=0)
    precision: Literal["auto", "fp32"] = "auto"


class Plan(Section):
    name: str = "plan"
    findings: tuple[str, ...] = ()
    options: dict[str, float] = setting({})
    loop: Loop = Loop()


loops = st.builds(Loop, epochs=st.integers(1, 10**6), learning_rate=st.floats(1e-12, 1e6), precision=st.just("fp32"))
plans = st.builds(
    Plan,
    name=st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    findings=st.lists(st.sampled_from(["Mass", "No", "null", "1", "yes"])).map(tuple),
    options=st.dictionaries(st.text("abc", min_size=1), st.floats(-1e6, 1e6), max_size=3),
    loop=loops,
)


@given(plans)
def test_what_is_written_reads_back_equal(plan):
    assert load(Plan, dump(plan)) == plan


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "{}", "loop: {}"])
def test_nothing_said_means_the_defaults(text):
    assert load(Plan, text) == Plan()


def test_values_arrive_where_they_belong():
    plan = load(Plan, "name: x\nfindings: [Mass, Nodule]\nloop:\n  epochs: 3\n")
    assert (plan.name, plan.findings, plan.loop.epochs, plan.loop.learning_rate) == ("x", ("Mass", "Nodule"), 3, 1e-3)


def test_overrides_win_and_the_last_one_most():
    plan = load(Plan, "loop: {epochs: 3}", overrides=["loop.epochs=4", "name=y", "loop.epochs=5", "findings=[Mass]"])
    assert (plan.loop.epochs, plan.name, plan.findings) == (5, "y", ("Mass",))


@given(st.integers(1, 10**9))
def test_an_override_equals_the_same_words_in_the_file(epochs):
    assert load(Plan, "", overrides=[f"loop.epochs={epochs}"]) == load(Plan, f"loop: {{epochs: {epochs}}}")


def test_an_override_may_hold_an_equals_sign_and_a_free_mapping_takes_any_key():
    assert load(Plan, "", overrides=["name='a=b'"]).name == "a=b"
    assert load(Plan, "options: {gamma: 2}", overrides=["options.alpha=0.5"]).options == {"gamma": 2, "alpha": 0.5}


def test_numbers_may_be_written_as_people_write_them():
    assert load(Plan, "loop: {learning_rate: 1e-4}").loop.learning_rate == 1e-4
    assert load(Plan, "", overrides=["loop.learning_rate=3e-4"]).loop.learning_rate == 3e-4


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("a: [", [], "recipe is not YAML"),
        ("- 1\n- 2\n", [], "recipe must be a mapping of keys to values, got list"),
        ("12", [], "recipe must be a mapping of keys to values, got int"),
        ("0", [], "recipe must be a mapping of keys to values, got int"),
        ("[]", [], "recipe must be a mapping of keys to values, got list"),
        ("loop: {epoch: 3}", [], r"recipe key loop.epoch is unknown. Nearest: loop.epochs \(int, default 10\)"),
        ("", ["loop.epoch=3"], "Nearest: loop.epochs"),
        ("epochs: 3", [], "Nearest: loop.epochs"),
        ("lop: {epochs: 3}", [], "recipe key lop.epochs is unknown. Nearest: loop.epochs"),
        ("xyzzy: 3", [], "recipe key xyzzy is unknown. Known: name, findings, options, loop.epochs"),
        ("1: 3", [], "recipe key 1 is unknown"),
        ("loop: {epochs: 0}", [], "recipe key loop.epochs: input should be greater than or equal to 1, got 0"),
        ("loop: {epochs: many}", [], "recipe key loop.epochs: .* got 'many'"),
        ("loop: {precision: fp16}", [], "recipe key loop.precision: input should be 'auto' or 'fp32', got 'fp16'"),
        ("loop: {learning_rate: .inf}", [], "recipe key loop.learning_rate"),
        ("loop: {learning_rate: .nan}", [], "recipe key loop.learning_rate"),
        ("loop: 3", [], "recipe key loop: "),
        ("", ["loop.epochs"], "override 'loop.epochs': expected KEY=VALUE, for instance training.epochs=3"),
        ("", ["=3"], "expected KEY=VALUE"),
        ("", ["name.first=3"], "recipe key name.first is unknown"),
        ("name: x", ["name.first=3"], "override 'name.first=3': 'name' is a value, not a section"),
        ("loop:", ["loop.epochs=3"], None),
        ("", ["name=["], "override 'name=\\[': '\\[' is not a YAML value"),
    ],
)
def test_mistakes_are_named(text, overrides, message):
    if message is None:
        assert load(Plan, text, overrides=overrides).loop.epochs == 3
        return
    with pytest.raises(ConfigError, match=message):
        load(Plan, text, overrides=overrides)


def test_the_source_is_named():
    with pytest.raises(ConfigError, match=r"mine.yaml key nam is unknown. Nearest: name"):
        load(Plan, "nam: x", source="mine.yaml")


def test_a_sections_own_check_speaks_for_itself():
    class Picky(Section):
        name: str = "Mass"

        def model_post_init(self, _context):
            if self.name == "Hernia":
                raise InvalidValueError("Hernia is too rare: take Mass")

    class Outer(Section):
        inner: Picky = Picky()

    with pytest.raises(ConfigError, match=r"^recipe key inner: Hernia is too rare: take Mass$"):
        load(Outer, "inner: {name: Hernia}")
    with pytest.raises(ConfigError, match=r"^own\.yaml: Hernia is too rare: take Mass$"):
        load(Picky, "name: Hernia", source="own.yaml")


def test_a_section_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Plan().name = "other"


def test_defaults_are_checked_too():
    class Wrong(Section):
        epochs: int = setting("ten")

    with pytest.raises(ConfigError, match="recipe key epochs"):
        build(Wrong, {})


def test_every_setting_is_described():
    rows = list(describe(Plan))
    assert [row[0] for row in rows] == [
        "name", "findings", "options", "loop.epochs", "loop.learning_rate", "loop.precision",
    ]  # fmt: skip
    assert ("loop.epochs", "int", 10) in rows
    assert ("loop.precision", "Literal['auto', 'fp32']", "auto") in rows
    assert ("findings", "tuple[str, ...]", ()) in rows


def test_what_is_written_is_plain_yaml_in_the_sections_order():
    assert list(yaml.safe_load(dump(Plan(name="Ängste")))) == ["name", "findings", "options", "loop"]
    assert "Ängste" in dump(Plan(name="Ängste"))
