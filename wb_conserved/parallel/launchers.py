"""Which launcher started this process, and how many with it, from its environment: the innermost one counts.

A batch job tells every process in it how many tasks were asked for (``SLURM_NTASKS``), the shell of its script among them,
which is one process.  Only a launcher says how many it started: mpirun in variables of its own, srun in those of a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OPEN_MPI = "mpirun of Open MPI"

_MPIRUNS = (
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", OPEN_MPI),
    ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "mpirun of MVAPICH"),
    ("MVP_COMM_WORLD_SIZE", "MVP_COMM_WORLD_RANK", "mpirun of MVAPICH"),
    ("JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK", "jsrun"),
    ("PMI_SIZE", "PMI_RANK", "mpirun of MPICH or Intel MPI"),
)
"""Size, rank and name; those further up are nearer to the process where there are several."""
_OF_HYDRA = "MPI_LOCALNRANKS"
"""Set by the mpirun of MPICH and its relatives, and by no other."""
_RANKS_ALONE = (
    ("PALS_RANKID", "mpiexec of Cray PALS"),
    ("ALPS_APP_PE", "aprun"),
    ("PMIX_RANK", "a launcher with PMIx"),
)
"""Those that tell a process its rank, and not how many there are."""
_STEPS = 0xFFFFFFF0
"""Slurm numbers its steps below; above are the shell of a batch script, of an interactive job, and the like."""


@dataclass(frozen=True)
class Launch:
    """What started this process.

    Attributes
    ----------
    launcher : str
        Its name, for messages.
    size : int or None
        Number of processes that it started together; None: it does not say.
    rank : int or None
        Which of them this is.
    told : str
        The variable that says so, with its value.
    """

    launcher: str
    size: int | None
    rank: int | None
    told: str

    @property
    def at_least(self) -> int:
        """Number of processes that there must be."""
        return self.size if self.size is not None else (self.rank or 0) + 1


def launched(environment: Mapping[str, str]) -> Launch | None:
    """The launcher nearest to this process.

    Parameters
    ----------
    environment : mapping of str to str
        Such as ``os.environ``.

    Returns
    -------
    Launch or None
        None: no launcher, but a shell, be it that of a batch job.

    Notes
    -----
    mpirun comes before srun: within a job it is what the step or the batch script calls, and where it starts daemons on
    the nodes through srun, their step counts daemons.  ``srun --mpi=pmi2`` sets the variables of MPICH too, without the
    one that is mpirun's alone.
    """
    step = _step(environment)
    for size, rank, name in _MPIRUNS:
        number = _number(environment, size)
        if number is None:
            continue
        if step is not None and size == "PMI_SIZE" and _OF_HYDRA not in environment:
            return step  # srun's own, which says the same, or left over from the shell that called srun
        return Launch(name, number, _number(environment, rank), f"{size}={number}")
    if step is not None:
        return step
    for rank, name in _RANKS_ALONE:
        number = _number(environment, rank)
        if number is not None:
            return Launch(name, None, number, f"{rank}={number}")
    return None


def _step(environment):
    """The step of Slurm that this process is of, unless it is a shell of its own."""
    number = _number(environment, "SLURM_STEP_ID", "SLURM_STEPID")
    rank = _number(environment, "SLURM_PROCID")
    if number is None or number >= _STEPS:
        return None
    size = _number(environment, "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "SLURM_NPROCS")
    if "SLURM_PTY_PORT" in environment and not rank:
        size = None  # task 0 may be the shell of a terminal, with the others gone
    if size is None:
        return Launch("srun", None, rank, f"SLURM_PROCID={rank}")
    return Launch("srun", size, rank, f"SLURM_STEP_NUM_TASKS={size}")


def _number(environment, *names):
    """The first of some variables that is a number."""
    return next((int(environment[name]) for name in names if environment.get(name, "").isdecimal()), None)
