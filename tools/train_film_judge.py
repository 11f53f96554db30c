"""Trains the judge of single films (hilum.imaging.film_judge) on hilum's own phantoms and on drawn pictures.

No film of a patient is used, here or anywhere in the weights. Run: ``python tools/train_film_judge.py`` (about three
minutes); it writes ``src/hilum/resources/film_judge.npz``, the same on each run. Negatives are noise of any spectrum,
gradients, shapes, dead leaves (Lee, Mumford and Huang, IJCV 2001), text, tiles, limbs, round bodies and phantoms that
were cut up. The limits beyond which a film is flagged are set here, too; docs/results/0002-film-judge.md says on what.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter

from hilum.imaging.film_judge import POSES, describe_look, look_of, pose_look
from hilum.phantoms import render_film

TARGET = Path(__file__).resolve().parents[1] / "src" / "hilum" / "resources" / "film_judge.npz"
SEED, N_PHANTOMS, N_VIEWS, N_POSES_EACH, N_NEGATIVES = 77, 800, 4, 2, 12_000
SIDE, N_HIDDEN, N_BASIS = 64, 48, 80
DISTANCE_WEIGHT = 4.0
LIMITS = (2.0, 2.0, 2.0)
"""Log odds beyond which a film is flagged: polarity, turned, unlike_chest."""

Draw = Callable[[np.random.Generator], np.ndarray]


def main() -> int:
    """Train and write the weights."""
    rng = np.random.default_rng(SEED)
    phantoms = [render_film(SEED, index, size_px=128).pixels for index in range(N_PHANTOMS)]
    gradients, kinds, coarse = [], [], []
    for phantom in phantoms * N_VIEWS:
        look = look_of(varied(phantom, rng))
        coarse.append(describe_look(look)[1][0])
        for pose in rng.choice(POSES, N_POSES_EACH, replace=False):
            gradients.append(describe_look(pose_look(look, int(pose)))[0])
            kinds.append(int(pose))
    for _ in range(N_NEGATIVES):
        gradients.append(describe_look(look_of(negative(phantoms, rng)))[0])
        kinds.append(POSES)
    network = fit_network(np.array(gradients), np.array(kinds))
    weights = {**network, **fit_distance(np.array(coarse))}
    weights |= {"limits": np.array(LIMITS), "distance_weight": np.array(DISTANCE_WEIGHT)}
    np.savez_compressed(TARGET, **{name: value.astype(np.float16) for name, value in weights.items()})
    sys.stdout.write(f"{TARGET.name}: {TARGET.stat().st_size / 1000:.0f} kB\n")
    return 0


def fit_network(gradients: np.ndarray, kinds: np.ndarray) -> dict[str, np.ndarray]:
    """Fit one hidden layer to eight poses and none; returns its weights."""
    mean, spread = gradients.mean(axis=0), gradients.std(axis=0) + 0.05
    torch.manual_seed(SEED)
    inputs = torch.tensor((gradients - mean) / spread, dtype=torch.float32)
    targets = torch.tensor(kinds)
    network = torch.nn.Sequential(
        torch.nn.Dropout(0.2), torch.nn.Linear(inputs.shape[1], N_HIDDEN), torch.nn.ReLU(), torch.nn.Linear(N_HIDDEN, 9)
    )
    n_epochs, batch = 15, 128
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.05)
    n_steps = n_epochs * (len(inputs) // batch + 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=n_steps)
    for _ in range(n_epochs):
        for rows in torch.randperm(len(inputs)).split(batch):
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(inputs[rows]), targets[rows], label_smoothing=0.02)
            loss.backward()
            optimiser.step()
            schedule.step()
    layers = {"hidden": network[1], "pose": network[3]}
    weights = {"mean": mean, "spread": spread}
    for name, layer in layers.items():
        weights |= {name: layer.weight.detach().numpy(), f"{name}_bias": layer.bias.detach().numpy()}
    return weights


def fit_distance(coarse: np.ndarray) -> dict[str, np.ndarray]:
    """Return the space that upright phantoms span, and how far from it they usually are."""
    centre = coarse.mean(axis=0)
    _, strengths, directions = np.linalg.svd(coarse - centre, full_matrices=False)
    usual = (strengths[N_BASIS:] ** 2).sum() / len(coarse)
    return {"centre": centre, "basis": directions[:N_BASIS], "usual": np.array(usual)}


# --- proper films ----------------------------------------------------------------------------------------------------


def varied(phantom: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a phantom as other machines, crops and windows would have it."""
    film = moved(phantom, rng)
    film = film ** np.exp(rng.normal(0, 0.5))
    rows, columns = plane()
    if rng.random() < 0.6:
        film = film + rng.normal(0, 0.15) * rows + rng.normal(0, 0.1) * columns
        film = film + rng.normal(0, 0.15) * (rows**2 + columns**2)
    film = stretched(film)
    if rng.random() < 0.4:
        low, high = rng.uniform(0, 0.2), rng.uniform(0.7, 1)
        film = ((film - low) / (high - low)).clip(0, 1)
    film = film + rng.normal(0, rng.uniform(0, 0.06), film.shape)
    return marked(film, rng).clip(0, 1).astype(np.float32)


def moved(phantom: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the phantom blurred, cropped, shifted, tilted and perhaps mirrored."""
    side = phantom.shape[0]
    high = rng.uniform(0.55, 1.05)
    wide = high * rng.uniform(0.8, 1.25) * rng.choice([-1, 1])
    angle, step = np.deg2rad(rng.normal(0, 4)), side / SIDE
    matrix = step * np.array(
        [[np.cos(angle) * wide, -np.sin(angle) * high], [np.sin(angle) * wide, np.cos(angle) * high]]
    )
    middle = side * np.array([0.5 + rng.uniform(-0.1, 0.1), rng.uniform(0.42, 0.56)])
    shift = middle - matrix @ [SIDE / 2, SIDE / 2]
    blurred = Image.fromarray(phantom).filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.8)))
    data = (*matrix[0], shift[0], *matrix[1], shift[1])
    fill = 255 if rng.random() < 0.25 else 0
    turned = blurred.transform(
        (SIDE, SIDE), Image.Transform.AFFINE, data, resample=Image.Resampling.BILINEAR, fillcolor=fill
    )
    return np.asarray(turned, dtype=np.float64) / 255


def marked(film: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put bands and markers onto a film."""
    film = film.copy()
    if rng.random() < 0.5:
        np.rot90(film, rng.integers(4))[: rng.integers(1, 9)] = rng.choice([0, 0, 1])
    if rng.random() < 0.3:
        width = rng.integers(1, 8)
        film[:, :width] = film[:, -width:] = rng.choice([0, 0, 1])
    for _ in range(rng.integers(0, 3)):
        row = rng.integers(0, SIDE - 8)
        column = rng.choice([rng.integers(0, 12), rng.integers(SIDE - 18, SIDE - 6)])
        film[row : row + rng.integers(2, 6), column : column + rng.integers(2, 7)] = rng.choice([1, 1, 0])
    return film


# --- what is no film -------------------------------------------------------------------------------------------------


def negative(phantoms: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Return a picture of anything else."""
    draws: list[Draw] = [noise, gradient, shapes, shapes, limbs, limbs, rounds, rounds, text, tiles]
    draws += [leaves, leaves, leaves, leaves, subject, subject, subject, mirrored, mirrored]
    choice = rng.integers(len(draws) + 1)
    picture = cut_up(phantoms, rng) if choice == len(draws) else draws[choice](rng)
    picture = picture.clip(0, 1) ** np.exp(rng.normal(0, 0.4))
    picture = 1 - picture if rng.random() < 0.5 else picture
    return (picture + rng.normal(0, rng.uniform(0, 0.05), picture.shape)).clip(0, 1).astype(np.float32)


def noise(rng: np.random.Generator) -> np.ndarray:
    """Return noise whose power falls with frequency, from white to clouds."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE))) + 1 / SIDE
    return stretched(np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIDE, SIDE))) / frequency ** rng.uniform(0, 2.5)).real)


def gradient(rng: np.random.Generator) -> np.ndarray:
    """Return a ramp, a cone or waves."""
    rows, columns = plane()
    angle = rng.uniform(0, 2 * np.pi)
    field = np.cos(angle) * rows + np.sin(angle) * columns
    if rng.random() < 0.4:
        field = np.hypot(rows - rng.normal(0, 0.5), columns - rng.normal(0, 0.5))
    return stretched(np.sin(field * rng.uniform(2, 20)) if rng.random() < 0.3 else field)


def shapes(rng: np.random.Generator) -> np.ndarray:
    """Return a few flat shapes."""
    return scattered(rng, int(rng.integers(1, 14)), lambda: rng.uniform(3, SIDE / 2))


def leaves(rng: np.random.Generator) -> np.ndarray:
    """Return dead leaves: shapes upon shapes, sizes by a power law, with light and texture, as photographs have."""
    smallest, power = rng.uniform(2, 10), rng.uniform(0.4, 0.8)
    picture = scattered(
        rng, int(10 ** rng.uniform(0.8, 2.6)), lambda: min(smallest * (1 - rng.random()) ** -power, SIDE * 0.8)
    )
    rows, columns = plane()
    if rng.random() < 0.5:
        picture = picture * (1 + rng.uniform(-0.4, 0.4) * rows + rng.uniform(-0.4, 0.4) * columns)
    return (picture + rng.uniform(0, 0.4) * (noise(rng) - 0.5)).clip(0, 1)


def scattered(rng: np.random.Generator, n_shapes: int, radius: Callable[[], float]) -> np.ndarray:
    """Return shapes drawn one upon the other."""
    canvas = Image.new("L", (SIDE, SIDE), int(rng.integers(256)))
    pen = ImageDraw.Draw(canvas)
    for _ in range(n_shapes):
        size, flat = radius(), rng.uniform(0.3, 1)
        x, y = rng.uniform(-10, SIDE + 10, 2)
        grey = int(np.clip(rng.normal(rng.choice([30, 80, 130, 200]), 40), 0, 255))
        box = (x - size, y - size * flat, x + size, y + size * flat)
        kind = rng.integers(3)
        if kind == 0:
            pen.ellipse(box, fill=grey)
        elif kind == 1:
            pen.rectangle(box, fill=grey)
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 7)))
            pen.polygon([(x + size * np.cos(a), y + size * flat * np.sin(a)) for a in angles], fill=grey)
    return blurred(canvas, rng.uniform(0, 2.5))


def subject(rng: np.random.Generator) -> np.ndarray:
    """Return one thing before a ground."""
    ground, thing = leaves(rng) * rng.uniform(0.2, 0.8), (leaves if rng.random() < 0.5 else rounds)(rng)
    rows, columns = plane()
    away = np.hypot(
        (rows - rng.normal(0, 0.3)) / rng.uniform(0.3, 0.9), (columns - rng.normal(0, 0.3)) / rng.uniform(0.3, 0.9)
    )
    share = 1 / (1 + np.exp((away - 1) * rng.uniform(4, 30)))
    return ground * (1 - share) + share * (thing * rng.uniform(0.5, 1) + rng.uniform(-0.2, 0.4)).clip(0, 1)


def mirrored(rng: np.random.Generator) -> np.ndarray:
    """Return something that is the same on both sides, as chests are."""
    draws: list[Draw] = [leaves, limbs, rounds, shapes]
    picture = draws[rng.integers(4)](rng)
    if rng.random() < 0.5:
        return (picture + picture[:, ::-1]) / 2
    return np.where(np.arange(SIDE) < SIDE // 2, picture, picture[:, ::-1])


def limbs(rng: np.random.Generator) -> np.ndarray:
    """Return bright shafts with knobs in softer flesh, as hands and legs have."""
    bone, flesh = (Image.new("L", (SIDE, SIDE), level) for level in (int(rng.integers(0, 30)), 0))
    pen, soft = ImageDraw.Draw(bone), ImageDraw.Draw(flesh)
    n_shafts = int(rng.integers(1, 6))
    width, tilt = SIDE / (n_shafts * rng.uniform(1.6, 3.5)), np.tan(rng.uniform(-0.6, 0.6))
    for shaft in range(n_shafts):
        top = SIDE * (shaft + 0.5 + rng.normal(0, 0.1)) / n_shafts
        bottom = top + SIDE * tilt * rng.uniform(0.3, 1) + rng.normal(0, 4)
        ends = [top, int(rng.integers(-20, SIDE // 2)), bottom, int(rng.integers(SIDE // 2, SIDE + 20))]
        soft.line(ends, fill=int(rng.integers(70, 140)), width=int(width * rng.uniform(1.2, 2)))
        grey = int(rng.integers(160, 255))
        pen.line(ends, fill=grey, width=max(2, int(width * rng.uniform(0.4, 0.8))))
        for place in rng.random(rng.integers(0, 4)):
            x, y = ends[0] + (ends[2] - ends[0]) * place, ends[1] + (ends[3] - ends[1]) * place
            size = width * rng.uniform(0.4, 0.7)
            pen.ellipse((x - size, y - size, x + size, y + size), fill=grey)
    picture = np.maximum(blurred(bone, rng.uniform(0.5, 3)), blurred(flesh, 3))
    return np.rot90(picture, rng.integers(4)) + 0.15 * (noise(rng) - 0.5)


def rounds(rng: np.random.Generator) -> np.ndarray:
    """Return one round body with a rim, a spine and blobs, as skulls, bellies and slices have."""
    rows, columns = plane()
    middle, size = rng.normal(0, 0.15, 2), rng.uniform(0.5, 1.4, 2)
    away = np.hypot((rows - middle[0]) / size[0], (columns - middle[1]) / size[1])
    picture = ((1 - away) * rng.uniform(2, 12)).clip(0, 1) * rng.uniform(0.3, 0.7)
    if rng.random() < 0.6:
        picture += np.exp(-(((away - rng.uniform(0.7, 0.95)) / 0.05) ** 2)) * rng.uniform(0.2, 0.6)
    if rng.random() < 0.4:
        picture += np.exp(-(((columns - middle[1]) / 0.12) ** 2)) * rng.uniform(0.1, 0.4) * (away < 1)
    for _ in range(rng.integers(0, 6)):
        place, spread = rng.uniform(-0.6, 0.6, 2), rng.uniform(0.05, 0.3)
        blob = np.exp(-(((rows - place[0]) ** 2 + (columns - place[1]) ** 2) / spread**2))
        picture += rng.choice([-0.3, 0.3]) * blob
    return stretched(picture + 0.3 * (noise(rng) - 0.5) * (away < 1))


def text(rng: np.random.Generator) -> np.ndarray:
    """Return lines of words."""
    ground = int(rng.choice([0, 200, 255]))
    canvas = Image.new("L", (SIDE, SIDE), ground)
    pen, step = ImageDraw.Draw(canvas), int(rng.integers(3, 9))
    for y in range(int(rng.integers(0, 20)), SIDE, step):
        x = int(rng.integers(0, 20))
        while x < SIDE:
            width = int(rng.integers(1, 9))
            pen.rectangle((x, y, x + width, y + max(1, step // 2)), fill=0 if ground else 255)
            x += width + int(rng.integers(1, 4))
    return blurred(canvas, rng.uniform(0, 2))


def tiles(rng: np.random.Generator) -> np.ndarray:
    """Return a chessboard, or tiles of any grey."""
    n_tiles = int(rng.integers(2, 12))
    grey = rng.random((n_tiles, n_tiles)) if rng.random() < 0.5 else np.indices((n_tiles, n_tiles)).sum(axis=0) % 2.0
    return np.kron(grey, np.ones((SIDE // n_tiles + 1,) * 2))[:SIDE, :SIDE]


def cut_up(phantoms: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Return a small part of a phantom, or its parts in another order."""
    phantom = Image.fromarray(phantoms[rng.integers(len(phantoms))])
    if rng.random() < 0.5:
        size = int(phantom.width * rng.uniform(0.15, 0.4))
        x, y = (int(place) for place in rng.integers(0, phantom.width - size, 2))
        return blurred(phantom.crop((x, y, x + size, y + size)).resize((SIDE, SIDE)), 0)
    n_parts = int(rng.choice([2, 4]))
    film, size = blurred(phantom.resize((SIDE, SIDE)), 0), SIDE // n_parts
    parts = film.reshape(n_parts, size, n_parts, size).swapaxes(1, 2).reshape(-1, size, size)
    parts = [np.rot90(part, rng.integers(4)) for part in rng.permutation(parts)]
    return np.vstack([np.hstack(parts[row * n_parts : (row + 1) * n_parts]) for row in range(n_parts)])


# --- small helpers ---------------------------------------------------------------------------------------------------


def plane() -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns from -1 to 1."""
    rows, columns = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    return rows, columns


def stretched(picture: np.ndarray) -> np.ndarray:
    """Return the picture from 0 to 1."""
    return (picture - picture.min()) / (np.ptp(picture) + 1e-9)


def blurred(canvas: Image.Image, radius: float) -> np.ndarray:
    """Return the canvas from 0 to 1, blurred."""
    return np.asarray(canvas.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float64) / 255


if __name__ == "__main__":
    sys.exit(main())
