"""The input catalogue through hilum, TorchXRayVision and MONAI: right, refused, or silently wrong.

Run: ``python benchmarks/bench_inputs.py [--peers-python PYTHON] [--record]``. PYTHON is of an environment that holds
torchxrayvision, monai, pydicom and pylibjpeg; without it hilum stands alone. Appends a row per loader to
``benchmarks/results/inputs.csv``; ``--record`` writes ``docs/results/0003-inputs.md`` and the figures.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from result_row import append_row

ROOT = Path(__file__).resolve().parents[1]
sys.path += [str(ROOT / "tests"), str(ROOT / "tools")]
from catalogue.case import GROUPS, ProgramMissingError  # noqa: E402
from catalogue.cases import CASES  # noqa: E402
from inputs_page import write_page  # noqa: E402
from record_figure import FIGURES, record  # noqa: E402

PEERS = ("torchxrayvision", "monai")
COMMAND = "python benchmarks/bench_inputs.py --peers-python PYTHON --record"
SAME = 0.999
SILENT = ("wrong", "answered")
"""Grey values or geometry are others than the file says, or there was something to refuse."""


def build(folder):
    """Write all cases; returns ``(case, its files)``."""
    built = []
    for number, case in enumerate(CASES):
        try:
            built.append((case, case.files(folder / str(number))))
        except ProgramMissingError as error:
            print(f"{case.name}: {error}: left out")
    return built


def read_all(python, loader, built, folder):
    """Let a loader read all files; returns its name with version and an answer per file."""
    listed, target = folder / "paths.json", folder / loader
    listed.write_text(json.dumps([str(path) for _, files in built for path in files]))
    worker = Path(__file__).with_name("inputs_worker.py")
    subprocess.run([python, worker, loader, listed, target], check=True)
    said = json.loads((target / "answers.json").read_text())
    for number, answer in enumerate(said["answers"]):
        if answer["came"] == "answered":
            answer["pixels"] = as_film(np.load(target / f"{number}.npy", allow_pickle=False), loader)
    return said["loader"], said["answers"]


def as_film(array, loader):
    """What a user of the loader has as a film, by the loader's own conventions, in the loader's favour.

    TorchXRayVision puts a channel in front. MONAI puts columns first and channels last: colours are averaged and
    transparency is left out.
    """
    if loader == "torchxrayvision":
        return array[0] if array.ndim == 3 and array.shape[0] == 1 else array
    if loader == "monai":
        array = np.squeeze(array)
        if array.ndim == 3 and array.shape[2] <= 4:
            array = array[..., : 3 if array.shape[2] >= 3 else 1].mean(axis=2)
        return array.T
    return array


def is_same(pixels, truth):
    """Whether it is the film: its shape, finite, and its grey values but for scale and offset."""
    if pixels.shape != truth.shape or not np.isfinite(pixels).all() or np.ptp(pixels) == 0:
        return False
    return bool(np.corrcoef(pixels.ravel().astype(float), truth.ravel().astype(float))[0, 1] >= SAME)


def judge_file(case, answer, usual):
    """What became of a file; ``usual`` are warnings that the loader gives for sound films, too.

    One of: right, unmarked, refused right, refused, wrong, answered, died.
    """
    came = answer["came"]
    if came == "died":
        return "died"
    if case.outcome == "refuse":
        if came == "refused":
            return "refused right"
        return "right" if case.truth and is_same(answer["pixels"], case.truth()) else "answered"
    if came == "refused":
        return "refused"
    if not is_same(answer["pixels"], case.truth()):
        return "wrong"
    marked = not set(answer["warned"]) <= usual or set(case.codes) <= set(answer["flags"])
    return "right" if case.outcome == "accept" or marked else "unmarked"


def usual_warnings(built, answers):
    """What a loader warns of when nothing is the matter."""
    sound = [case.outcome == "accept" for case, files in built for _ in files]
    return {text for good, answer in zip(sound, answers, strict=True) if good for text in answer.get("warned", ())}


def judge(built, answers):
    """Outcomes by case; of a case of several files the worst."""
    found, place, usual = {}, 0, usual_warnings(built, answers)
    for case, files in built:
        outcomes = {judge_file(case, answer, usual) for answer in answers[place : place + len(files)]}
        place += len(files)
        order = ("wrong", "answered", "died", "refused", "unmarked", "refused right", "right")
        found[case.name] = next(outcome for outcome in order if outcome in outcomes)
    return found


def count_up(loader, outcomes):
    """Append a loader's row; returns its counts."""
    counts = Counter(outcomes.values())
    append_row(
        "inputs.csv",
        loader=loader,
        cases=len(outcomes),
        right=counts["right"],
        refused_right=counts["refused right"],
        right_but_unmarked=counts["unmarked"],
        refused_needlessly=counts["refused"],
        wrong_grey_values=counts["wrong"],
        answered_instead_of_refused=counts["answered"],
        hung_or_died=counts["died"],
        silently_wrong=sum(counts[name] for name in SILENT),
    )
    return counts


def record_figures(counts, n_cases):
    """Write the figures for hilum and the peers that were there."""
    own = counts["hilum"]
    figures = {
        "inputs_right": own["right"],
        "inputs_refused_right": own["refused right"],
        "inputs_silently_wrong": sum(own[name] for name in SILENT),
    }
    for peer, name in zip(PEERS, ("txrv", "monai"), strict=True):
        if peer in counts:
            figures[f"{name}_silently_wrong"] = sum(counts[peer][outcome] for outcome in SILENT)
    for name, value in figures.items():
        record(FIGURES, name, value, unit="cases", n=n_cases, command=COMMAND)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers-python", help="the Python of an environment with torchxrayvision and monai")
    parser.add_argument("--record", action="store_true", help="write the page and the figures")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hilum-inputs-"))
    try:
        built = build(folder / "films")
        names, outcomes = {}, {}
        for loader in ("hilum", *(PEERS if given.peers_python else ())):
            python = sys.executable if loader == "hilum" else given.peers_python
            names[loader], answers = read_all(python, loader, built, folder)
            outcomes[loader] = judge(built, answers)
    finally:
        shutil.rmtree(folder)
    counts = {loader: count_up(names[loader], found) for loader, found in outcomes.items()}
    if given.record:
        cases = [case for case, _ in built]
        write_page(ROOT / "docs" / "results" / "0003-inputs.md", cases, names, outcomes, groups=GROUPS, command=COMMAND)
        record_figures(counts, len(built))


if __name__ == "__main__":
    main()
