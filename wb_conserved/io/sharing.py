"""A system on all ranks, its R-space matrices once in the memory of each node."""

from __future__ import annotations

import copy
import logging
import pickle

from ..parallel import NodeMemory, agree
from .private import has_matrices, matrices, set_matrices

logger = logging.getLogger(__name__)


def share_system(system, communicator):
    """System of rank 0, for all ranks, which call this together.

    Parameters
    ----------
    system : wannierberri.system.System or None
        On rank 0; not looked at on the others.
    communicator : mpi4py.MPI.Comm or SerialCommunicator

    Returns
    -------
    wannierberri.system.System
        Another object on rank 0 too.  R-space matrices are read-only and lie once in each node's memory, until the
        process ends; all else is each rank's own.  The matrices of the two parts of a SystemSOC are copied, too.

    Raises
    ------
    TypeError
        The system cannot be copied to other ranks (a k.p model from functions without a module-level name, say); raised
        on all ranks.
    """
    shell, arrays, copies, error = None, {}, None, None
    if communicator.rank == 0:
        shell = copy.copy(system)
        if has_matrices(system):
            arrays = matrices(system)
            set_matrices(shell, {})
        try:
            copies = pickle.dumps(shell) if communicator.size > 1 else None
        except Exception as problem:
            error = TypeError(
                f"system: expected one that can be copied to other ranks, found a {type(system).__name__} that cannot "
                f"be pickled ({problem}); make it on every rank instead"
            )
    agree(communicator, error)
    names, copies = communicator.bcast((list(arrays), copies))
    if communicator.rank != 0:
        shell = pickle.loads(copies)  # noqa: S301  (from another rank of this program)
    if names:
        memory = NodeMemory(communicator)
        set_matrices(shell, {name: memory.distribute(arrays.get(name)) for name in names})
        if communicator.rank == 0:
            size = sum(matrix.nbytes for matrix in matrices(shell).values())
            logger.info("R-space matrices: %.1f MB, once on each of %d nodes", size / 1e6, memory.nodes)
    return shell
