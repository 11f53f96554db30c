"""The machinery of configuration: YAML in, overrides merged, checked, the nearest key named, written back."""

from pydantic import Field as setting  # noqa: N813 - the word sections use

from hilum.config.section import Section, build, describe, dump, load

__all__ = ["Section", "build", "describe", "dump", "load", "setting"]
