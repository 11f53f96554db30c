"""Writes ``docs/results/0003-inputs.md`` from what ``bench_inputs.py`` found."""

from collections import Counter

from markdown_table import table

from hilum.runs import write_text

OUTCOMES = {
    "right": "read rightly; marked where a reader should know something",
    "refused right": "refused, as it should be",
    "unmarked": "read rightly, without the mark that a reader needs",
    "refused": "refused, though it can be read",
    "wrong": "**silently wrong**: other grey values or another shape than the file holds",
    "answered": "**silently wrong**: answered where there is no chest film, or none to be trusted",
    "died": "no answer within 20 s and 2 GB",
}
TITLES = {"hilum": "hilum", "torchxrayvision": "TorchXRayVision", "monai": "MONAI"}
INTRO = """# 0003: Inputs

**Asked.** What becomes of {n} kinds of file ([which](../reference/inputs.md)) in hilum and in the two loaders that
chest X-ray projects use most: `torchxrayvision.utils.load_image` and `monai.transforms.LoadImage`?

**How.** Every case is a file that the tests build ({made}). Each is read in a process of its own with 20 s and 2 GB.
Versions: {versions}."""
FAIR = """## How it was judged

- Grey values count as right if the shape is the film's, all are finite, and they correlate with the film's by at least
  0.999: scale and offset are a loader's own. TorchXRayVision's leading channel and MONAI's habit of putting columns
  first are taken as what they are; colours are averaged, transparency is left out.
- Any exception is a refusal. Any Python warning counts as a mark, unless the loader warns of sound films, too.
- hilum reads neither WebP nor GIF nor BMP, by choice: a loader that finds the film in them is right.
- Of a case of several files (a film cut at 64 points) the worst outcome counts.
- The row about VOI windows asks for what the standard has a viewer do. A loader may leave that to its caller:
  {windows} of the wrong ones above fall on that row.
- MONAI's is a general loader: that it answers for a CT is no fault of its own, but it is what its user gets. So
  wrong grey values and answers that should not be are counted apart.
- The catalogue is hilum's own, and hilum was mended until nothing in it was wrong. The peers never saw it: the counts
  say what each guards against, not how each does on the films of an ordinary day."""


def write_page(path, cases, names, outcomes, *, groups, command):
    """Write the page; ``outcomes`` is what each loader came to, by the case's name."""
    loaders = list(outcomes)
    windows = {
        loader: sum(found[case.name] == "wrong" for case in cases if case.row == "window")
        for loader, found in outcomes.items()
    }
    said = ", ".join(f"{TITLES[loader]} {number}" for loader, number in windows.items())
    parts = [
        INTRO.format(n=len(cases), made="`tests/catalogue/`", versions=", ".join(names.values())),
        "## Answers",
        table(["outcome", *(TITLES[loader] for loader in loaders)], counted(outcomes)),
        FAIR.format(windows=said),
        "## By group",
        "Read or refused rightly, of all.",
        table(["group", "cases", *(TITLES[loader] for loader in loaders)], by_group(cases, outcomes, groups)),
        "## Every case",
        table(
            ["case", "expected", *(TITLES[loader] for loader in loaders)],
            [[case.name, expected(case), *(outcomes[loader][case.name] for loader in loaders)] for case in cases],
        ),
        "## Again",
        f"```sh\n{command}\n```",
        "PYTHON is of an environment with torchxrayvision, monai, pydicom and pylibjpeg. Cases that need a program of "
        "Debian's package dcmtk are left out, and named, where it is absent.",
    ]
    write_text(path, "\n\n".join(parts) + "\n")


def counted(outcomes):
    counts = {loader: Counter(found.values()) for loader, found in outcomes.items()}
    rows = [[text, *(str(counts[loader][name]) for loader in outcomes)] for name, text in OUTCOMES.items()]
    silent = [str(counts[loader]["wrong"] + counts[loader]["answered"]) for loader in outcomes]
    return [*rows, ["**silently wrong, both kinds**", *(f"**{number}**" for number in silent)]]


def by_group(cases, outcomes, groups):
    rows = []
    for group in groups:
        chosen = [case.name for case in cases if case.group == group]
        good = [sum(found[name] in {"right", "refused right"} for name in chosen) for found in outcomes.values()]
        rows.append([group, str(len(chosen)), *(str(number) for number in good)])
    return rows


def expected(case):
    return {"accept": "read", "flag": "read and marked", "refuse": "refused"}[case.outcome]
