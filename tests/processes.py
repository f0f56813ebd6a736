"""Start programs as from a shell, alone or under the environment's own mpirun."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

MPIRUN = Path(sys.executable).parent / "mpirun"
LAUNCHERS = ("PMI_", "PMIX_", "OMPI_", "SLURM_", "MPI_", "HYDRA_", "MPIEXEC_")

needs_mpi4py = pytest.mark.skipif(importlib.util.find_spec("mpi4py") is None, reason="mpi4py is not installed")


def needs_mpirun(test):
    """Mark a test or class that starts the environment's own mpirun."""
    missing = pytest.mark.skipif(not MPIRUN.exists(), reason=f"the environment has no mpirun, {MPIRUN}")
    return pytest.mark.mpi(needs_mpi4py(missing(test)))


def start(command, timeout=120, **variables):
    """Run a command to its end, one thread per process and without traces of a launcher in the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHERS)}
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=timeout, check=False,
        env=kept | {"OMP_NUM_THREADS": "1"} | variables,
    )  # fmt: skip
