"""Threads of linear algebra: one for each process, unless the user has set the number.

More only help where matrices are large, ranks that share cores take them from each other, and a number that followed the
number of processes would change last digits.
"""

from __future__ import annotations

import os

from threadpoolctl import threadpool_limits

_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def number_given() -> str:
    """Variable of the environment that sets the number of threads, with its value; empty where there is none."""
    return next((f"{name} = {os.environ[name]}" for name in _VARIABLES if name in os.environ), "")


def one_thread():
    """Context in which each process has one thread, unless the user has set the number; it also holds from the call on."""
    return threadpool_limits(None if number_given() else 1)
