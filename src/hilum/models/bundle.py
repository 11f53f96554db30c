"""The bundle: the one sealed folder that training gives to everything that answers.

``bundle.json`` holds the sha256 of every other file. The weights' header holds the sha256 of ``bundle.json``
without these digests, so that neither can be changed without the other. Last, the
golden inputs are run: a model that answers otherwise than it did when it was written is refused.
"""

import hashlib
import io
import json
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from hilum.config import build
from hilum.errors import BundleError, HilumError, InvalidValueError, StorageError
from hilum.models.film_model import FilmModel, build_model, evaluation_mode
from hilum.models.section import ModelSection
from hilum.records import BUNDLE_SCHEMA, BundleSpec
from hilum.runs import file_digest, write_bytes

__all__ = ["Bundle", "digest_of", "load_bundle", "reseal_bundle", "write_bundle"]

_SPEC = "bundle.json"
_WEIGHTS = "weights.safetensors"
_GOLDEN = "golden.npz"
_CARD = "MODEL_CARD.md"
_SEALED = (_WEIGHTS, _GOLDEN, _CARD)

_SCORE_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False, repr=False)
class Bundle:
    """A verified bundle, ready to answer.

    Attributes:
        folder: Where it lies.
        spec: What ``bundle.json`` says.
        model: The network, in evaluation mode.
        digest: sha256 of ``bundle.json``, which names everything else.
    """

    folder: Path
    spec: BundleSpec
    model: FilmModel
    digest: str

    @property
    def findings(self) -> tuple[str, ...]:
        """What the logits answer for, in order."""
        return tuple(self.spec.findings)

    def to_input(self, pixels: UInt8[np.ndarray, "image size size"]) -> Float[Tensor, "image 1 size size"]:
        """Return squares of the bundle's size, as ``imaging.resize_square`` makes them, as the model's input in [0, 1].

        Raises:
            InvalidValueError: Another size, shape or type.
        """
        side = self.spec.input.size_px
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[1:] != (side, side):
            raise InvalidValueError(
                f"expected uint8 films of shape (image, {side}, {side}), got {pixels.dtype} {pixels.shape}"
            )
        return torch.tensor(pixels).unsqueeze(1).float() / 255

    def __repr__(self) -> str:
        return (
            f"Bundle({str(self.folder)!r}, {self.spec.model.get('backbone')}, {len(self.findings)} findings, "
            f"{self.spec.input.size_px} px, digest {self.digest[:12]})"
        )


def digest_of(folder: Path) -> str:
    """Return a bundle's digest without loading it; raises BundleError if there is no ``bundle.json``."""
    return hashlib.sha256(_read(folder, _SPEC)).hexdigest()


def write_bundle(
    folder: Path,
    model: FilmModel,
    *,
    spec: BundleSpec,
    golden_pixels: UInt8[np.ndarray, "image size size"],
    model_card: str,
) -> Bundle:
    """Write a bundle, load it back, and only then let it take the place of an older one.

    Args:
        folder: Where it is to lie; a bundle that lies there is replaced as a whole.
        model: The trained model; it is not changed.
        spec: What ``bundle.json`` is to say; ``files`` is filled in here.
        golden_pixels: A few inputs, at least one, whose outputs are stored beside them.
        model_card: Markdown.

    Returns:
        The bundle, loaded from disk.

    Raises:
        InvalidValueError: ``spec`` and ``model`` do not belong together, or no golden input was given.
        BundleError: ``folder`` holds something that is no bundle, or what was written does not read back the same.
        StorageError: The disk is full or cannot be written; an older bundle is still good.
    """
    if len(golden_pixels) == 0:
        raise InvalidValueError("a bundle needs at least one golden input, got none")
    _check_replaceable(folder)
    spec = spec.model_copy(update={"files": dict.fromkeys(_SEALED, "")})
    with _temporary_beside(folder) as temporary:
        write_bytes(temporary / _WEIGHTS, _weights(model, spec))
        _check_model(model, spec)
        golden = _scores(Bundle(folder, spec, model, ""), golden_pixels)
        write_bytes(temporary / _GOLDEN, _npz(pixels=golden_pixels, scores=golden))
        write_bytes(temporary / _CARD, model_card.encode())
        files = {name: file_digest(temporary / name) for name in _SEALED}
        write_bytes(temporary / _SPEC, spec.model_copy(update={"files": files}).to_json().encode())
        bundle = load_bundle(temporary)
        _take_place(temporary, folder)
    return replace(bundle, folder=folder)


def reseal_bundle(bundle: Bundle, folder: Path, *, spec: BundleSpec, model_card: str) -> Bundle:
    """Write a bundle with the same network and other rules, as after a recalibration.

    Args:
        bundle: Whose weights, input rules and golden inputs are taken over.
        folder: Where the new one is to lie, beside the old one or in its place.
        spec: The old spec with other rules of the same findings, or of ``No Finding``, and with ``recalibration``.
        model_card: Markdown.

    Returns:
        The new bundle, loaded from disk.

    Raises:
        InvalidValueError: ``spec`` changes more than rules.
        BundleError: The old bundle's golden inputs were changed, or ``folder`` holds something that is no bundle.
        StorageError: The disk is full or cannot be written; an older bundle is still good.
    """
    changed = [name for name in BundleSpec.model_fields if getattr(spec, name) != getattr(bundle.spec, name)]
    forbidden = sorted(set(changed) - {"findings", "no_finding", "recalibration", "files"})
    if forbidden or tuple(spec.findings) != bundle.findings:
        what = ", ".join(forbidden) or f"the findings to {', '.join(spec.findings)}"
        raise InvalidValueError(
            f"a bundle that is sealed anew may differ in its findings' rules, no_finding and recalibration alone; "
            f"this spec changes {what}: train anew for that"
        )
    golden = _read(bundle.folder, _GOLDEN)
    if hashlib.sha256(golden).hexdigest() != bundle.spec.files.get(_GOLDEN):
        raise _refusal(bundle.folder, f"{_GOLDEN} was changed since it was loaded")
    with np.load(io.BytesIO(golden), allow_pickle=False) as arrays:
        pixels = arrays["pixels"]
    return write_bundle(folder, bundle.model, spec=spec, golden_pixels=pixels, model_card=model_card)


def load_bundle(folder: Path) -> Bundle:
    """Verify a bundle and load it on the CPU.

    Raises:
        BundleError: A file is missing, changed or one too many; the schema is another; the weights belong to another
            ``bundle.json``; or the golden inputs get other answers than they did when the bundle was written.
    """
    text = _read(folder, _SPEC)
    spec = _parse_spec(text, folder)
    _check_files(folder, spec)
    bundle = Bundle(folder, spec, _load_model(folder, spec, text), hashlib.sha256(text).hexdigest())
    _check_golden(bundle)
    return bundle


def _parse_spec(text: bytes, folder: Path) -> BundleSpec:
    try:
        version = json.loads(text)["schema_version"]
    except (ValueError, KeyError, TypeError):
        raise _refusal(folder, f"{_SPEC} cannot be read") from None
    if version != BUNDLE_SCHEMA:
        raise BundleError(
            f"bundle {folder} has schema version {version}, this hilum reads version {BUNDLE_SCHEMA}. "
            "Use the hilum that wrote it, or train anew."
        )
    try:
        return BundleSpec.from_json(text, source=_SPEC)
    except InvalidValueError as error:
        raise _refusal(folder, str(error)) from None


def _check_files(folder: Path, spec: BundleSpec) -> None:
    there = {path.name for path in folder.iterdir()} - {_SPEC}
    for name in sorted({*spec.files, *_SEALED} - there):
        raise _refusal(folder, f"{name} is missing")
    for name in sorted((there | set(_SEALED)) - set(spec.files)):
        raise _refusal(folder, f"{name} is not among the files that {_SPEC} names")
    for name, digest in spec.files.items():
        if hashlib.sha256(_read(folder, name)).hexdigest() != digest:
            raise _refusal(folder, f"{name} was changed (its sha256 is another)")


def _load_model(folder: Path, spec: BundleSpec, text: bytes) -> FilmModel:
    try:
        with safe_open(folder / _WEIGHTS, framework="pt") as weights:
            seal = (weights.metadata() or {}).get("spec_sha256")
            state = {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError) as error:
        raise _refusal(folder, f"{_WEIGHTS} cannot be read: {error}") from None
    if seal != _spec_digest(text, spec.files):
        raise _refusal(folder, f"{_WEIGHTS} was written with another {_SPEC}, which has been changed since")
    try:
        section = build(ModelSection, spec.model, source=f"{_SPEC} model")
        with torch.random.fork_rng(devices=[]):
            model = build_model(
                section,
                n_findings=len(spec.findings),
                mean=spec.input.mean,
                std=spec.input.std,
                size_px=spec.input.size_px,
            )
        model.load_state_dict(state)
        _check_model(model, spec)
    except (HilumError, RuntimeError) as error:
        raise _refusal(folder, f"{_WEIGHTS} and {_SPEC} do not fit: {error}") from error
    return model.eval()


def _check_model(model: FilmModel, spec: BundleSpec) -> None:
    """Raise InvalidValueError unless the model normalises as the spec says and has a logit per finding."""
    for name, said, held in (("mean", spec.input.mean, model.mean), ("std", spec.input.std, model.std)):
        expected = torch.tensor(said, dtype=held.dtype)
        if not torch.equal(expected, held.flatten().cpu()):
            raise InvalidValueError(f"{name} of the model is {held.flatten().tolist()}, of the spec {list(said)}")
    if model.n_findings != len(spec.findings):
        raise InvalidValueError(
            f"the model gives {model.n_findings} logits, the spec names {len(spec.findings)} findings"
        )


def _check_golden(bundle: Bundle) -> None:
    try:
        with np.load(io.BytesIO(_read(bundle.folder, _GOLDEN)), allow_pickle=False) as golden:
            pixels, expected = golden["pixels"], golden["scores"]
        got = _scores(bundle, pixels)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise _refusal(bundle.folder, f"{_GOLDEN} cannot be used: {error}") from None
    if expected.shape != got.shape or len(got) == 0:
        raise _refusal(bundle.folder, f"{_GOLDEN} holds scores of shape {expected.shape}, the model gives {got.shape}")
    largest = float(np.abs(got - expected).max())
    # Written so that NaN is refused too.
    if not largest <= _SCORE_TOLERANCE:
        raise _refusal(
            bundle.folder,
            f"golden inputs get other scores than when it was written, by {largest:.2g} (allowed: {_SCORE_TOLERANCE})",
        )


def _scores(bundle: Bundle, pixels: UInt8[np.ndarray, "image size size"]) -> Float[np.ndarray, "image finding"]:
    """Run the model in evaluation mode on its own device and leave every part in the mode it was in."""
    model = bundle.model
    with evaluation_mode(model), torch.inference_mode():
        scores: Tensor = model(bundle.to_input(pixels).to(model.mean.device)).float().sigmoid().cpu()
    return scores.numpy()


def _weights(model: FilmModel, spec: BundleSpec) -> bytes:
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return save(state, metadata={"spec_sha256": _spec_digest(spec.to_json().encode(), spec.files)})


def _spec_digest(text: bytes, files: Mapping[str, str]) -> str:
    """Return the sha256 of ``bundle.json``, every byte of it but for the digests of ``files``."""
    for digest in files.values():
        text = text.replace(digest.encode(), b"")
    return hashlib.sha256(text).hexdigest()


def _npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        if name == _SPEC and not (folder / name).exists():
            raise BundleError(
                f"{folder} is not a bundle, as it holds no {name}: name a folder that training wrote, runs/NAME/bundle"
            ) from None
        raise BundleError(f"{folder} is not a bundle that can be read: {name}: {error.strerror}") from None


def _refusal(folder: Path, reason: str) -> BundleError:
    return BundleError(
        f"bundle {folder} is refused: {reason}. It is not the one that was trained: copy it anew from where it was "
        "written, or train again."
    )


def _check_replaceable(folder: Path) -> None:
    """Refuse a folder that holds anything but a bundle: nothing of the user's is ever deleted."""
    if not folder.exists():
        return
    others = sorted({path.name for path in folder.iterdir()} - {_SPEC, *_SEALED}) if folder.is_dir() else [folder.name]
    if others:
        raise BundleError(f"{folder} holds {others[0]}, which is no part of a bundle: choose another folder or move it")


@contextmanager
def _temporary_beside(folder: Path) -> Iterator[Path]:
    """Give a folder beside ``folder`` that is gone afterwards, unless it took a place of its own."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = folder.parent / f".partial-{folder.name}-{secrets.token_hex(4)}"
        temporary.mkdir()
    except OSError as error:
        raise StorageError(f"cannot write a bundle to {folder}: {error.strerror}. Nothing was changed.") from error
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _take_place(new: Path, folder: Path) -> None:
    """Put ``new`` where ``folder`` is; if that fails, the old one stays."""
    old = new.with_name(f"{new.name}-old")
    try:
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    except OSError as error:
        raise StorageError(
            f"cannot write a bundle to {folder}: {error.strerror}. What was there before is still good."
        ) from error
    descriptor = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    shutil.rmtree(old, ignore_errors=True)
