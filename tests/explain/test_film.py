"""The map on the film itself: padding undone, in [0, 1], never NaN; the model as it was."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import avg_pool2d, interpolate

from hilum.errors import UnknownNameError
from hilum.explain import EXPLAINERS, explain_image
from hilum.inference import Predictor
from hilum.records import Image, ImageFacts

SIZE = 64


def film_of(pixels):
    facts = ImageFacts(file_format="png", width_px=pixels.shape[1], height_px=pixels.shape[0], bits=8)
    return Image(pixels.astype(np.float32), facts)


def random_film(height=80, width=120, seed=0):
    return film_of(np.random.default_rng(seed).random((height, width)))


@pytest.fixture(scope="module")
def predictors(make_bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    return {rule: Predictor(make_bundle(folder / rule, size_px=SIZE, resize=rule)) for rule in ("pad", "stretch")}


@pytest.fixture(scope="module")
def predictor(predictors):
    return predictors["pad"]


@pytest.fixture(scope="module", autouse=True)
def _looking():
    """An explainer that points at what is bright: it shows where the input's pixels land on the film."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EXPLAINERS, "brightness", lambda model, images, finding: avg_pool2d(images, 4)[:, 0])
        yield


def answering(monkeypatch, values):
    """Put an explainer in the table that always answers ``values``, and return its name."""
    monkeypatch.setitem(EXPLAINERS, "fixed", lambda model, images, finding: torch.as_tensor(values)[None])
    return "fixed"


@settings(deadline=None, max_examples=25)
@given(
    shape=st.tuples(st.integers(24, 400), st.integers(24, 400)),
    centre=st.tuples(st.floats(0.1, 0.9), st.floats(0.1, 0.9)),
    rule=st.sampled_from(["pad", "stretch"]),
)
def test_a_bright_spot_is_shown_where_it_is(predictors, shape, centre, rule):
    height, width = shape
    row, column = centre[0] * height, centre[1] * width
    # One cell of the map, in lines and columns of the film.
    cell = (height / 16, width / 16) if rule == "stretch" else (max(shape) / 16,) * 2
    rows, columns = np.ogrid[:height, :width]
    pixels = (np.abs(rows + 0.5 - row) <= cell[0]) & (np.abs(columns + 0.5 - column) <= cell[1])
    heat = explain_image(predictors[rule], film_of(pixels), "Mass", method="brightness").heat
    assert heat.shape == shape
    peak = np.argwhere(heat >= 0.99 * heat.max()).mean(axis=0) + 0.5
    assert abs(peak[0] - row) <= cell[0]
    assert abs(peak[1] - column) <= cell[1]
    assert heat.max() >= 0.75
    inside = heat[(np.abs(rows + 0.5 - row) <= 2.5 * cell[0]) & (np.abs(columns + 0.5 - column) <= 2.5 * cell[1])]
    assert inside.sum() >= 0.99 * heat.sum()


@pytest.mark.parametrize("shape", [(64, 64), (200, 200), (37, 37)])
def test_without_padding_it_is_a_bilinear_enlargement(predictor, monkeypatch, shape):
    values = np.random.default_rng(5).random((4, 4)).astype(np.float32)
    heat = explain_image(predictor, random_film(*shape), "Mass", method=answering(monkeypatch, values)).heat
    expected = interpolate(torch.tensor(values / values.max())[None, None], shape, mode="bilinear")[0, 0]
    np.testing.assert_allclose(heat, expected.numpy(), atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(100, 300), (300, 100), (91, 64), (1, 500)])
def test_the_padding_is_cut_off_to_a_fraction_of_a_pixel(predictor, monkeypatch, height, width):
    """A map that grows evenly across the square grows evenly across the film, from the padding's edge on."""
    ramp = (np.arange(16) + 0.5) / 16
    values = np.add.outer(ramp, 2 * ramp).astype(np.float32)
    heat = explain_image(predictor, random_film(height, width), "Mass", method=answering(monkeypatch, values)).heat
    inner = {}
    for axis, side in enumerate((height, width)):
        length = max(1, round(side * SIZE / max(height, width)))
        inner[axis] = ((SIZE - length) // 2 + (np.arange(side) + 0.5) * length / side) / SIZE
    lines = [np.clip(inner[axis], ramp[0], ramp[-1]) for axis in (0, 1)]
    np.testing.assert_allclose(heat, np.add.outer(lines[0], 2 * lines[1]) / values.max(), atol=1e-6)


def test_heat_in_the_padding_leaves_the_film_below_one(predictor, monkeypatch):
    values = np.zeros((8, 8), np.float32)
    values[0], values[4, 4] = 1.0, 0.25
    heat = explain_image(predictor, random_film(50, 200), "Mass", method=answering(monkeypatch, values)).heat
    assert 0.2 < heat.max() <= 0.25


@pytest.mark.parametrize(
    "values", [np.zeros((2, 2)), np.full((2, 2), np.nan), np.full((2, 2), np.inf), np.full((3, 3), -1.0)]
)
def test_where_nothing_speaks_for_the_finding_all_is_zero(predictor, monkeypatch, values):
    heat = explain_image(predictor, random_film(), "Mass", method=answering(monkeypatch, values)).heat
    assert (heat == 0).all()


@given(st.lists(st.floats(width=32), min_size=9, max_size=9))
@settings(deadline=None, max_examples=25)
def test_heat_is_in_the_unit_interval_whatever_an_explainer_says(predictor, values):
    with pytest.MonkeyPatch.context() as patch:
        method = answering(patch, np.array(values, np.float32).reshape(3, 3))
        heat = explain_image(predictor, random_film(40, 50), "Mass", method=method).heat
    assert heat.dtype == np.float32
    assert ((heat >= 0) & (heat <= 1)).all()


def test_the_record_says_what_was_explained(predictor):
    film = random_film()
    explanation = explain_image(predictor, film, "Mass", image_id="a.png")
    assert (explanation.image_id, explanation.finding, explanation.method) == ("a.png", "Mass", "grad_cam")
    assert explanation.probability == predictor.predict_image(film).findings["Mass"].probability


def test_each_finding_has_its_own_map(predictor):
    maps = [explain_image(predictor, random_film(), name).heat for name in predictor.findings]
    assert not np.array_equal(maps[0], maps[1])


def test_the_model_is_what_it_was(predictor):
    model = predictor.bundle.model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    expected = explain_image(predictor, random_film(), "Mass").heat
    model.head.train()
    try:
        modes = [module.training for module in model.modules()]
        found = explain_image(predictor, random_film(), "Mass").heat
        assert [module.training for module in model.modules()] == modes
    finally:
        model.eval()
    np.testing.assert_array_equal(found, expected)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_modes_are_restored_when_an_explainer_fails(predictor, monkeypatch):
    def failing(model, images, finding):
        assert not model.training
        raise RuntimeError("stop")

    monkeypatch.setitem(EXPLAINERS, "failing", failing)
    predictor.bundle.model.train()
    try:
        with pytest.raises(RuntimeError, match="stop"):
            explain_image(predictor, random_film(), "Mass", method="failing")
        assert all(module.training for module in predictor.bundle.model.modules())
    finally:
        predictor.bundle.model.eval()


def test_unknown_names_are_answered_with_the_nearest(predictor):
    with pytest.raises(UnknownNameError, match=r"unknown finding 'Mas'. Did you mean 'Mass'\? Known: Effusion, Mass"):
        explain_image(predictor, random_film(), "Mas")
    with pytest.raises(UnknownNameError, match=r"unknown explainer 'grad_kam'. Did you mean 'grad_cam'\?"):
        explain_image(predictor, random_film(), "Mass", method="grad_kam")


@pytest.mark.gpu
def test_a_predictor_on_an_accelerator_gives_the_same_map(make_bundle, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("no accelerator: this test did NOT run")
    bundle = make_bundle(tmp_path / "bundle", size_px=SIZE)
    on_cpu = explain_image(Predictor(bundle), random_film(), "Mass").heat
    on_gpu = explain_image(Predictor(bundle, device="cuda"), random_film(), "Mass").heat
    np.testing.assert_allclose(on_gpu, on_cpu, atol=0.02)
