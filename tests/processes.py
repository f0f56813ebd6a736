"""Start programs as from a shell, alone or under mpirun.

The launcher is the environment's own mpirun, or the command in the variable WB_CONSERVED_MPIRUN, for instance
"/usr/bin/mpirun --oversubscribe".
"""

import functools
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MPIRUN = shlex.split(os.environ.get("WB_CONSERVED_MPIRUN", "")) or [str(Path(sys.executable).parent / "mpirun")]
LIMIT = 1000
"""Seconds after which a program hangs: long, as a shared machine can be slow."""
LAUNCHERS = ("PMI_", "PMIX_", "OMPI_", "SLURM_", "MPI_", "HYDRA_", "HYDI_", "MPIEXEC_", "PALS_", "ALPS_", "MV2_", "JSM_")

needs_mpi4py = pytest.mark.skipif(importlib.util.find_spec("mpi4py") is None, reason="mpi4py is not installed")


def needs_mpirun(test):
    """Mark a test or class that starts mpirun."""
    missing = pytest.mark.skipif(shutil.which(MPIRUN[0]) is None, reason=f"there is no {MPIRUN[0]}")
    return pytest.mark.mpi(needs_mpi4py(missing(test)))


@functools.cache
def uses_mpich():
    """Whether the launcher is that of MPICH, or of a library made from it."""
    done = subprocess.run([MPIRUN[0], "--version"], capture_output=True, text=True, timeout=LIMIT, check=False)
    text = done.stdout + done.stderr
    return "Open MPI" not in text and "OpenRTE" not in text


def needs_mpich(reason):
    """Mark a test that holds for MPICH and libraries made from it only."""
    return pytest.mark.skipif(shutil.which(MPIRUN[0]) is not None and not uses_mpich(), reason=f"MPICH only: {reason}")


def start(command, timeout=LIMIT, **variables):
    """Run a command to its end, one thread per process and without traces of a launcher in the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHERS)}
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=timeout, check=False,
        env=kept | {"OMP_NUM_THREADS": "1"} | variables,
    )  # fmt: skip
