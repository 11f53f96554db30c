"""Start weights: from timm, a safetensors file or another bundle; all but the head must fit, or nothing is loaded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from hilum.errors import InvalidValueError
from hilum.models.backbone import get_backbone
from hilum.models.bundle import load_bundle
from hilum.models.film_model import FilmModel
from hilum.models.network import TimmNetwork, download_weights, resample_positions, stem_weights
from hilum.models.section import ModelSection

__all__ = ["StartReport", "load_start_weights"]

_NAMED_IN_A_MESSAGE = 12


@dataclass(frozen=True)
class StartReport:
    """What came of the start weights.

    Attributes:
        source: ``none``, ``pretrained``, or the file or folder.
        matched: Number of tensors taken over.
        head_missing: Tensors of the head that start at random; empty if the head was taken over too.
        unused: Tensors of the source that were left: its classifier.
        licence: Licence of the source; ``unknown`` for a file, empty for ``none``.
        training_patients: Hashes of the patients that a bundle was trained on; empty for any other source.
    """

    source: str
    matched: int
    head_missing: tuple[str, ...]
    unused: tuple[str, ...]
    licence: str
    training_patients: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class _Source:
    backbone: dict[str, Tensor]
    licence: str
    head: dict[str, Tensor] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()


def load_start_weights(model: FilmModel, section: ModelSection, *, findings: Sequence[str]) -> StartReport:
    """Load ``section.init`` into ``model``, in place.

    A colour stem becomes grey by summing over its channels, a grey one colour by an equal share for each;
    position embeddings are resampled to the model's size. Half precision becomes single. The head comes
    from a bundle alone, if it answers for the same findings in the same order with the same head.

    Args:
        model: A model built from ``section``.
        section: Says where the weights come from.
        findings: What the model's logits answer for, in order.

    Returns:
        What was taken over and what was not.

    Raises:
        InvalidValueError: ``init`` is nothing that can be read, or more than the head does not match; the model is
            what it was.
        BundleError: The bundle is refused.
        HilumError: timm's weights cannot be downloaded.
    """
    head = model.head.state_dict()
    if section.init == "none":
        return StartReport("none", 0, _prefixed("head", head), (), "")
    source = _read_source(section)
    unused = _take_classifier(source.backbone, model.backbone)
    state = _fitted(source.backbone, model.backbone, section)
    same_head = source.findings == tuple(findings) and _shapes(source.head) == _shapes(head)
    model.backbone.load_state_dict(state)
    if same_head:
        model.head.load_state_dict(source.head)
        return StartReport(section.init, len(state) + len(head), (), unused, source.licence, source.patients)
    unused += _prefixed("head", source.head)
    return StartReport(section.init, len(state), _prefixed("head", head), unused, source.licence, source.patients)


def _read_source(section: ModelSection) -> _Source:
    if section.init == "pretrained":
        backbone = get_backbone(section.backbone)
        return _Source(download_weights(backbone), backbone.licence)
    path = Path(section.init)
    if path.is_dir():
        return _read_bundle(path, section)
    if path.suffix != ".safetensors" or not path.is_file():
        raise InvalidValueError(
            f"init={section.init}: expected none, pretrained, an existing .safetensors file or a bundle's folder. "
            "Pickled weights (.pt, .pth, .h5) are never read: convert them to safetensors first."
        )
    try:
        return _Source(load_file(path), "unknown")
    except (OSError, SafetensorError) as error:
        raise InvalidValueError(f"init={section.init} is not a readable safetensors file: {error}") from None


def _read_bundle(folder: Path, section: ModelSection) -> _Source:
    bundle = load_bundle(folder)
    other = ModelSection.model_validate(bundle.spec.model)
    if other.backbone != section.backbone:
        raise InvalidValueError(
            f"init={folder}: that bundle's backbone is {other.backbone}, this model's is {section.backbone}. "
            f"Set model.backbone={other.backbone}, or choose other start weights."
        )
    backbone = dict(bundle.model.backbone.state_dict())
    head = dict(bundle.model.head.state_dict())
    return _Source(backbone, bundle.spec.licence, head, bundle.findings, bundle.spec.training_patients)


def _take_classifier(state: dict[str, Tensor], network: TimmNetwork) -> tuple[str, ...]:
    """Remove timm's classifier from ``state`` and return its names."""
    names = network.pretrained_cfg["classifier"]
    prefixes = tuple(f"{name}." for name in ([names] if isinstance(names, str) else names))
    wanted = network.state_dict().keys()
    unused = tuple(name for name in state if name.startswith(prefixes) and name not in wanted)
    for name in unused:
        del state[name]
    return unused


def _fitted(state: Mapping[str, Tensor], network: TimmNetwork, section: ModelSection) -> dict[str, Tensor]:
    """Return a complete state for ``network``, or raise InvalidValueError naming all that does not match."""
    wanted = network.state_dict()
    given = _adapted(state, network, section.channels)
    # Counters of seen batches, which older files lack, change no answer.
    lacking = [name for name in wanted if name not in given and not name.endswith("num_batches_tracked")]
    problems = [f"{name} is missing" for name in lacking]
    problems += [f"{name} is unknown" for name in given if name not in wanted]
    for name in wanted.keys() & given.keys():
        expected, got = tuple(wanted[name].shape), tuple(given[name].shape)
        if expected != got:
            problems.append(f"{name} has shape {got} instead of {expected}")
        elif not torch.isfinite(given[name]).all():
            problems.append(f"{name} is not finite")
    if problems:
        raise InvalidValueError(
            f"init={section.init} does not fit {section.backbone}: {_listed(problems)}. Nothing was loaded; "
            "choose model.backbone to fit the weights, or other weights."
        )
    return {name: given.get(name, tensor).to(tensor.dtype) for name, tensor in wanted.items()}


def _adapted(state: Mapping[str, Tensor], network: TimmNetwork, channels: int) -> dict[str, Tensor]:
    """Bring stem and position embedding to the network's channels and size, as timm does."""
    adapted = dict(state)
    for stem in stem_weights(network):
        if stem in adapted and adapted[stem].ndim == 4:
            adapted[stem] = _with_channels(adapted[stem], channels)
    wanted = network.state_dict().get("pos_embed")
    if wanted is not None and "pos_embed" in adapted and adapted["pos_embed"].shape != wanted.shape:
        adapted["pos_embed"] = resample_positions(adapted["pos_embed"], network)
    return adapted


def _with_channels(stem: Tensor, channels: int) -> Tensor:
    if stem.shape[1] == 3 and channels == 1:
        return stem.float().sum(dim=1, keepdim=True)
    if stem.shape[1] == 1 and channels == 3:
        return stem.float().repeat(1, 3, 1, 1) / 3
    return stem


def _shapes(state: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in state.items()}


def _prefixed(prefix: str, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{prefix}.{name}" for name in names)


def _listed(problems: Sequence[str]) -> str:
    rest = len(problems) - _NAMED_IN_A_MESSAGE
    return "; ".join(problems[:_NAMED_IN_A_MESSAGE]) + (f"; and {rest} more" if rest > 0 else "")
