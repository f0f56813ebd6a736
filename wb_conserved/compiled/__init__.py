"""Compiled kernels (Numba) for what takes most of the time: several k points at once, one in each lane of the processor's
vector registers.

Every kernel has a counterpart in NumPy that gives the same numbers to rounding, which takes its place where Numba is
missing or switched off:

    WB_CONSERVED_COMPILED=0     NumPy only
    NUMBA_DISABLE_JIT=1         likewise

The first run on a machine compiles for some seconds; Numba keeps the result beside this package, or in the cache folder
of the user.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from functools import cache

from ..errors import InputError

LARGEST = 144
"""Number of Wannier functions up to which they are clearly faster."""

_SWITCH = "WB_CONSERVED_COMPILED"

logger = logging.getLogger(__name__)


def useful(num_wann: int) -> bool:
    """Whether compiled kernels are used for matrices of so many rows."""
    return num_wann <= LARGEST and enabled()


def enabled() -> bool:
    """Whether compiled kernels are used.

    Raises
    ------
    InputError
        The environment variable ``WB_CONSERVED_COMPILED`` is neither 0 nor 1.
    """
    switch = os.environ.get(_SWITCH) or "1"
    if switch not in ("0", "1"):
        raise InputError(f"environment variable {_SWITCH}", "0 or 1", repr(switch))
    return switch == "1" and _numba()


@cache
def _numba() -> bool:
    if importlib.util.find_spec("numba") is None:
        logger.warning("numba is not installed: expect runs to take three times as long")
        return False
    # with colours in its messages, Numba has a reset of the terminal written at the end, also into the output of a job
    os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")
    import numba

    return not numba.config.DISABLE_JIT


def seconds() -> float:
    """What this process has spent on compiling so far."""
    lanes = sys.modules.get(f"{__name__}.lanes")
    return lanes.LISTENER.seconds if lanes is not None else 0.0


def description() -> str:
    """What the last digits depend on: the library, and whether it multiplies and adds with one rounding.

    The type of processor and the length of its vectors do not matter.
    """
    if not enabled():
        return "no compiled kernels"
    import numba

    from .lanes import FUSED

    target = [value for value in (numba.config.CPU_NAME, numba.config.CPU_FEATURES) if value]  # set by the user
    return " ".join([f"numba {numba.__version__}", "fused multiply-add" if FUSED else "separate multiply-add", *target])
