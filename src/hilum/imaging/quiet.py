"""Libraries that read files warn about them; their warnings quote metadata, which may be a patient's."""

import re
import warnings

__all__ = ["ignore_warnings_of"]


def ignore_warnings_of(package: str) -> None:
    """Ignore warnings raised in ``package`` from now on; a second call does nothing."""
    pattern = re.compile(rf"{package}\b")
    if not any(action == "ignore" and module == pattern for action, _, _, module, _ in warnings.filters):
        warnings.filterwarnings("ignore", module=pattern.pattern)
