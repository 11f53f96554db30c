"""Freed memory stays in the process, where the C library can be told so."""

import ctypes
import platform
import resource
import subprocess
import sys

import pytest

from hilum.runs import memory
from hilum.runs.memory import keep_freed_memory

COUNT_FAULTS = """
import resource
import numpy as np
from hilum.runs import keep_freed_memory
if {keep}:
    keep_freed_memory()
for _ in range(3):
    np.ones(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def count_faults(*, keep: bool) -> int:
    code = COUNT_FAULTS.format(keep=keep)
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told: this test did NOT run")
def test_large_arrays_pay_for_their_pages_once():
    pages_of_one_array = 2**27 // resource.getpagesize()
    assert count_faults(keep=True) < pages_of_one_array / 100


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory, "ctypes", ctypes)
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    assert keep_freed_memory() is False
