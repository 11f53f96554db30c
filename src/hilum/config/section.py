"""One base class for every section of a recipe, and the way from YAML to it and back.

A room defines its section beside the code that reads it; ``training`` composes them
into the recipe. Nothing here knows what a section means.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from hilum.errors import ConfigError

__all__ = ["Section", "build", "describe", "dump", "load"]

SectionT = TypeVar("SectionT", bound="Section")


class Section(BaseModel):
    """Base of all configuration: immutable, complete, no unknown keys, defaults checked too."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


def load(kind: type[SectionT], text: str | bytes, *, overrides: Sequence[str] = (), source: str = "recipe") -> SectionT:
    """Read a section from YAML text and apply overrides.

    Args:
        kind: The section class.
        text: YAML (bytes in UTF-8); empty text means all defaults.
        overrides: ``key.path=value`` each, the value in YAML's notation; later ones win.
        source: What the text is called in messages, such as a file name.

    Returns:
        The validated section.

    Raises:
        ConfigError: Not UTF-8, not YAML, not a mapping, an unknown key (the nearest is named) or a value that does not
            fit.
    """
    try:
        values = yaml.safe_load(text)
    except yaml.reader.ReaderError as error:
        raise ConfigError(
            f"{source} is not text in UTF-8 ({error.reason}, byte {error.position}): save it as such"
        ) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is not YAML: {error}") from None
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise ConfigError(f"{source} must be a mapping of keys to values, got {type(values).__name__}")
    for override in overrides:
        _apply(values, override)
    return build(kind, values, source=source)


def build(kind: type[SectionT], values: Mapping[str, object], *, source: str = "recipe") -> SectionT:
    """Validate plain values; raises ConfigError naming the key, what was expected and what came."""
    known = {path: (annotation, default) for path, annotation, default in describe(kind)}
    for path in _paths(values):
        if not any(key == path or key.startswith(f"{path}.") or _is_free(key, path, known) for key in known):
            raise ConfigError(_unknown_key(path, known, source))
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        where = f"{source} key {path}" if path else source
        if first["type"] == "value_error":  # a room's own check, whose sentence says it all
            raise ConfigError(f"{where}: {first['ctx']['error']}") from None
        raise ConfigError(f"{where}: {first['msg'].lower()}, got {first.get('input')!r}") from None


def describe(kind: type[Section]) -> Iterator[tuple[str, str, object]]:
    """Yield ``(dotted key, type, default)`` of every setting, nested sections unfolded."""
    for name, field in kind.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            for path, kind_name, default in describe(annotation):
                yield f"{name}.{path}", kind_name, default
        else:
            text = annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
            yield name, text, field.get_default(call_default_factory=True)


def dump(section: Section) -> str:
    """Write a section as YAML that :func:`load` reads back to an equal section."""
    return yaml.safe_dump(section.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _apply(values: dict[str, Any], override: str) -> None:
    path, sign, text = override.partition("=")
    if not sign or not path.strip():
        raise ConfigError(f"override {override!r}: expected KEY=VALUE, for instance training.epochs=3")
    *parents, last = path.strip().split(".")
    here = values
    for parent in parents:
        child = here[parent] = {} if here.get(parent) is None else here[parent]
        if not isinstance(child, dict):
            raise ConfigError(f"override {override!r}: {parent!r} is a value, not a section")
        here = child
    try:
        here[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"override {override!r}: {text!r} is not a YAML value") from None


def _paths(values: Mapping[str, object], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from _paths(value, f"{path}.")
        else:
            yield path


def _is_free(key: str, path: str, known: Mapping[str, tuple[str, object]]) -> bool:
    """Whether ``path`` lies in a setting that is itself a mapping, whose keys are the user's."""
    return path.startswith(f"{key}.") and known[key][0].startswith("dict")


def _unknown_key(path: str, known: Mapping[str, tuple[str, object]], source: str) -> str:
    near = get_close_matches(path, known, n=1, cutoff=0.5)
    if not near:
        near = [key for key in known if key.rsplit(".", 1)[-1] == path.rsplit(".", 1)[-1]][:1]
    if not near:
        return f"{source} key {path} is unknown. Known: {', '.join(known)}."
    annotation, default = known[near[0]]
    return f"{source} key {path} is unknown. Nearest: {near[0]} ({annotation}, default {default})."
