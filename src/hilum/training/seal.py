"""From a trained model to a bundle: calibration, thresholds, golden inputs, pedigree."""

from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8

from hilum.calibration import fit_rules, no_finding_rule
from hilum.data import Manifest, patient_hash
from hilum.models import Bundle, FilmModel, StartReport, write_bundle
from hilum.phantoms import draw_case, render_phantom
from hilum.records import BundleSpec, InputRules
from hilum.runs import Run, versions
from hilum.training.films import Films
from hilum.training.recipe import Recipe
from hilum.training.validation import Validation

__all__ = ["WriteCard", "seal_bundle"]

WriteCard = Callable[[BundleSpec], str]

_N_GOLDEN = 4


def seal_bundle(
    model: FilmModel,
    *,
    recipe: Recipe,
    run: Run,
    manifest: Manifest,
    films: tuple[Films, Films],
    validation: Validation,
    start: StartReport,
    write_card: WriteCard,
) -> Bundle:
    """Write the bundle of a run and return it, loaded back from disk and verified.

    Raises:
        StorageError: The bundle could not be written.
        BundleError: What was written does not read back the same.
    """
    train, held = films
    rules = fit_rules(
        validation.logits,
        validation.targets,
        held.patients,
        findings=tuple(validation.aurocs),
        section=recipe.calibration,
    )
    spec = BundleSpec(
        findings=rules,
        no_finding=no_finding_rule(
            validation.logits, validation.targets, rules, patients=held.patients, section=recipe.calibration
        ),
        input=InputRules(
            size_px=recipe.size_px,
            resize=recipe.resize,
            channels=recipe.model.channels,
            mean=tuple(model.mean.flatten().tolist()),
            std=tuple(model.std.flatten().tolist()),
        ),
        model=recipe.model.model_dump(mode="json"),
        recipe=recipe.model_dump(mode="json"),
        manifest_digest=manifest.digest,
        split_digest=manifest.split_digest,
        training_patients=tuple(sorted({*map(patient_hash, train.patients), *start.training_patients})),
        licence=start.licence or "none: trained from random weights",
        versions=versions(),
        phantom=manifest.phantom,
    )
    return write_bundle(
        run.bundle_path,
        model.cpu(),
        spec=spec,
        golden_pixels=golden_pixels(recipe.size_px),
        model_card=write_card(spec),
    )


def golden_pixels(size_px: int) -> UInt8[np.ndarray, "image size size"]:
    """Return phantoms as golden inputs: like films, and nobody's."""
    cases = (draw_case(0, index, prevalence="balanced") for index in range(_N_GOLDEN))
    return np.stack([render_phantom(case, size_px).pixels for case in cases])
