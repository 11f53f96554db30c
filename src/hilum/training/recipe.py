"""The recipe: everything one training run is told, validated before it starts."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Literal

from hilum.calibration import CalibrationSection
from hilum.config import Section, load, setting
from hilum.data import AugmentationSection
from hilum.errors import ConfigError, InvalidValueError, UnknownNameError
from hilum.findings import NIH_FINDINGS, get_finding
from hilum.losses import LossSection
from hilum.models import ModelSection, get_backbone
from hilum.training.section import TrainingSection

__all__ = ["Recipe", "list_recipes", "load_recipe"]


class Recipe(Section):
    """One training run.

    Attributes:
        name: What the recipe is called.
        about: One line about it.
        size_px: Side of the square films.
        resize: ``pad`` keeps the aspect ratio, ``stretch`` fills the square.
        findings: What the model answers for; those that the manifest has, if empty. ``No Finding`` is derived from the
            answers, and an answer of its own only if it stands here.
        augmentation: How films are changed while training.
        model: The network and its start weights.
        loss: The loss.
        training: The loop.
        calibration: How validation turns logits into probabilities and calls.
    """

    name: str = setting(default="own", min_length=1)
    about: str = ""
    size_px: int = setting(default=224, ge=16)
    resize: Literal["pad", "stretch"] = "pad"
    findings: tuple[str, ...] = NIH_FINDINGS
    augmentation: AugmentationSection = AugmentationSection()
    model: ModelSection = ModelSection()
    loss: LossSection = LossSection()
    training: TrainingSection = TrainingSection()
    calibration: CalibrationSection = CalibrationSection()

    def model_post_init(self, _context: object, /) -> None:
        """Refuse unknown or repeated findings and a size that the backbone cannot take."""
        for name in self.findings:
            get_finding(name)
        repeated = [name for name in self.findings if self.findings.count(name) > 1]
        if repeated:
            raise InvalidValueError(f"findings name {repeated[0]} more than once: each may stand once")
        get_backbone(self.model.backbone).check_size(self.size_px)


def load_recipe(name_or_path: str, *, overrides: Sequence[str] = ()) -> Recipe:
    """Return a recipe of hilum's by its name, or one of the user's by its path.

    Args:
        name_or_path: A name that :func:`list_recipes` gives, or a YAML file.
        overrides: ``training.epochs=3`` and the like.

    Raises:
        UnknownNameError: Neither a name nor a file; the nearest name is given.
        ConfigError: The file cannot be used; the key is named, and the nearest one.
    """
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise ConfigError(f"there is no recipe file {path}")
        return load(Recipe, path.read_bytes(), overrides=overrides, source=path.name)
    own = _own_recipes()
    if name_or_path not in own:
        raise UnknownNameError("recipe", name_or_path, own)
    return load(Recipe, own[name_or_path], overrides=overrides, source=f"recipe {name_or_path}")


def list_recipes() -> dict[str, Recipe]:
    """Return hilum's own recipes by name."""
    return {name: load(Recipe, text, source=f"recipe {name}") for name, text in _own_recipes().items()}


def _own_recipes() -> dict[str, str]:
    folder = files("hilum") / "resources" / "recipes"
    found = {entry.name.removesuffix(".yaml"): entry for entry in folder.iterdir() if entry.name.endswith(".yaml")}
    return {name: found[name].read_text() for name in sorted(found)}
