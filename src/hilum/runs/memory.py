"""Memory that is freed stays in the process, where the C library lets us say so.

Work on films frees and takes arrays of many megabytes all the time. glibc gives every large one back to the kernel and
the next one pays for fresh pages: a third of a training step on a CPU, half of a phantom.
"""

import ctypes

__all__ = ["keep_freed_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST = 2**30
_KEPT = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let this process keep the arrays (of up to 1 GiB) that it frees, up to 2 GiB in all, for the next ones.

    Source: mallopt(3). Has no effect on what is computed. The setting is the process's, not the thread's.

    Returns:
        Whether the C library understood; False where it is not glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_M_TRIM_THRESHOLD, _KEPT))
