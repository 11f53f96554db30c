"""From films to answers in Python, on phantoms: the same steps as ``hilum demo``, small enough to read in one go.

Run: ``python examples/01_quickstart.py [FOLDER]``; takes about half a minute.
"""

import sys
from pathlib import Path

from hilum.config import load
from hilum.data import prepare_store, read_nih, split_by_patient, write_phantoms
from hilum.evaluation import evaluate_bundle
from hilum.inference import Predictor
from hilum.reporting import model_card, write_report
from hilum.runs import Run
from hilum.training import Recipe, train

RECIPE = """
name: quickstart
size_px: 64
model: {backbone: resnet10t_slim}
training: {epochs: 3, batch_size: 16, learning_rate: 0.003}
"""


def main(folder: Path) -> None:
    # Films and labels. Yours come in by read_nih or read_csv; these are made up.
    write_phantoms(folder / "phantoms", count=150, size_px=128, seed=0)
    manifest = split_by_patient(read_nih(folder / "phantoms"), fractions=(0.6, 0.2, 0.2), seed=0)
    print(manifest)

    # Every film decoded once, at the size that the recipe wants.
    recipe = load(Recipe, RECIPE)
    store = prepare_store(manifest, folder / "store", size_px=recipe.size_px)
    print(store)

    # Checkpoint, calibration and thresholds are chosen on validation; the test split is not looked at.
    with Run.create(folder / "run") as run:
        bundle = train(manifest, store, recipe, run=run, write_card=model_card)
    print(bundle)

    # How good is it, on patients it never saw?
    predictor = Predictor(bundle)
    evaluation, _, image_ids = evaluate_bundle(predictor, manifest, store, split="test", bootstrap=200)
    auroc = evaluation.macro["auroc"]
    print(f"mean AUROC of {auroc.n_findings} findings on {len(image_ids)} films: {auroc.value:.2f}")
    print(f"95 % interval, by patient: {auroc.low:.2f} to {auroc.high:.2f}")
    print(f"report: {write_report(folder / 'report.html', evaluation)}")

    # One film: score, calibrated probability, call.
    path = manifest.paths()[manifest.rows("test")[0]]
    (prediction,) = predictor.predict_files([path])
    for name, answer in prediction.findings.items():
        print(f"{name:20} {answer.score:.2f}  {answer.probability:4.0%}  {answer.call or 'no call'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "work/quickstart"))
