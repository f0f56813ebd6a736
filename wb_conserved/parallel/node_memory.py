"""Large read-only arrays once per node, in MPI shared memory, instead of once per rank.

All calls are collective: the ranks concerned make the same calls in the same order, or the others wait for ever.  On one
rank nothing is shared, and mpi4py is not needed.
"""

from __future__ import annotations

import atexit
import logging
import math
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np

from .communicators import SerialCommunicator, agree

logger = logging.getLogger(__name__)

_FOLDER = "/dev/shm"  # where MPICH and Open MPI put shared windows on Linux
_KEPT_FREE = 32 * 2**20  # bytes of it, for the MPI library itself and for other processes
_BYTES_PER_MESSAGE = 2**30  # MPI counts to 2**31 - 1
_ALIGNMENT = 64  # bytes; windows of Open MPI begin at odd multiples of 8


class NodeMemory:
    """Memory that the ranks of a node have in common.

    Made on all ranks of the communicator together.  Where the file system of shared memory is too small for an array
    (many containers have 64 MB), every rank keeps a copy of its own, and a warning says so once.

    Parameters
    ----------
    communicator : mpi4py.MPI.Comm or SerialCommunicator

    Attributes
    ----------
    ranks : int
        Ranks of the communicator on this node.
    leads : bool
        Whether this rank is the first of its node.
    nodes : int
        Number of nodes.
    node : int
        Which of them this is, counted from 0 in the order of their leaders.
    bytes_shared : int
        Size of the arrays in shared memory on this node; 0 where a rank is alone, or each keeps its copy.

    Notes
    -----
    The memory is given back by `free`, or when the process ends.
    """

    def __init__(self, communicator):
        self._communicator = communicator
        self._node = self._leaders = SerialCommunicator()
        self._windows: list[Any] = []
        self._MPI: Any = None  # of one process
        self._warned = False
        self.bytes_shared = 0
        if communicator.size > 1:
            from mpi4py import MPI

            self._MPI = MPI
            self._node = communicator.Split_type(MPI.COMM_TYPE_SHARED, communicator.rank)
            first = self._node.rank == 0
            self._leaders = communicator.Split(0 if first else MPI.UNDEFINED, communicator.rank)
            atexit.register(self.free)  # runs before MPI is finalized, which was registered earlier
        self.ranks, self.leads = self._node.size, self._node.rank == 0
        place = (self._leaders.rank, self._leaders.size) if self.leads else None
        self.node, self.nodes = self._node.bcast(place)

    def build(self, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """Array that the leader of the node computes, for all ranks of the node, which call this together.

        Parameters
        ----------
        compute : callable
            Without arguments, returns an array of numbers.  Called on the leader only, so it must not communicate, nor
            use this memory.

        Returns
        -------
        array, shape and dtype as from `compute`
            Read-only, C order.

        Raises
        ------
        Exception
            Of `compute`, on all ranks of the node; TypeError if it returned no array of numbers.
        """
        array, error = None, None
        if self.leads:
            try:
                array = _numbers(compute())
            except Exception as problem:
                error = problem
        try:
            agree(self._node, error)
        except Exception as problem:
            if self.nodes > 1:
                problem.add_note(f"of node {self.node} of {self.nodes}")
            raise
        if self.ranks == 1:
            return _read_only(array)
        shared, window = self._allocate(*self._node.bcast((array.shape, array.dtype) if self.leads else None))
        if self.leads:
            shared[...] = array
        return self._publish(shared, window)

    def distribute(self, array: np.ndarray | None) -> np.ndarray:
        """Array of rank 0, for all ranks of the communicator, which call this together.

        Parameters
        ----------
        array : array of numbers or None
            On rank 0; not looked at on the others.

        Returns
        -------
        array, shape and dtype as on rank 0
            Read-only, C order.

        Raises
        ------
        TypeError
            No array of numbers on rank 0; raised on all ranks.
        """
        first, error = self._communicator.rank == 0, None
        if first:
            try:
                array = _numbers(array)
            except TypeError as problem:
                error = problem
        agree(self._communicator, error)
        if self._communicator.size == 1:
            return _read_only(array)
        shared, window = self._allocate(*self._communicator.bcast((array.shape, array.dtype) if first else None))
        if first:
            shared[...] = array
        if self.leads:
            _broadcast(self._leaders, shared)
        return self._publish(shared, window)

    def free(self) -> None:
        """Give the memory back, on all ranks together; neither it nor arrays from it may be used after that.

        A second call does nothing.
        """
        if self._communicator is None:
            return
        self._communicator = None
        if self._MPI is None:
            return
        atexit.unregister(self.free)
        if self._MPI.Is_finalized():
            return
        for window in self._windows:
            window.Free()
        self._windows.clear()
        self.bytes_shared = 0
        if self.leads:
            self._leaders.Free()
        self._node.Free()

    def _allocate(self, shape, dtype):
        """Writable array on all ranks of the node, and the window it lies in; None if each rank has its own."""
        size = math.prod(shape) * dtype.itemsize
        window = self._window(size) if self.ranks > 1 and size > 0 else None
        if window is None:
            return np.empty(shape, dtype), None
        self._windows.append(window)
        self.bytes_shared += size
        memory, _ = window.Shared_query(0)
        window.Fence(self._MPI.MODE_NOPRECEDE)
        # all ranks map whole pages, so the distance to the next aligned address is the same on all
        return np.ndarray(shape, dtype, buffer=memory, offset=-memory.address % _ALIGNMENT), window

    def _window(self, size):
        """New shared window with room for an aligned array of that size in bytes; None where there is none."""
        free = self._node.bcast(_free_space() if self.leads else None)
        problem = None
        if free is not None and free < size + _KEPT_FREE:
            problem = f"{_FOLDER} has {free / 1e6:.0f} MB free"
        else:
            try:
                length = size + _ALIGNMENT if self.leads else 0
                return self._MPI.Win.Allocate_shared(length, 1, comm=self._node)
            except self._MPI.Exception as error:  # the MPI library raises it on all ranks of the node, or on none
                problem = f"MPI: {error}"
        if self.leads and not self._warned:
            logger.warning(
                "no shared memory for an array of %.0f MB on node %d (%s): each of its %d ranks keeps copies of its own",
                size / 1e6,
                self.node,
                problem,
                self.ranks,
            )
        self._warned = True
        return None

    def _publish(self, array, window):
        """The array that the leader has filled, complete and read-only on all ranks of the node."""
        if window is None:
            _broadcast(self._node, array)
        else:
            window.Fence(self._MPI.MODE_NOSUCCEED)  # waits for the leader, and makes what it wrote visible
        return _read_only(array)


def _free_space():
    """Bytes free in the file system of shared windows; None where that is not known."""
    try:
        return shutil.disk_usage(_FOLDER).free
    except OSError:
        return None


def _numbers(array):
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biufc":
        kind = f"dtype {array.dtype}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
        raise TypeError(f"node memory: expected an array of numbers, found {kind}")
    return np.asarray(array, order="C")


def _read_only(array):
    view = array.view()
    view.flags.writeable = False
    return view


def _broadcast(communicator, array):
    """Copy a C-contiguous array from the first rank into that of the others."""
    if communicator.size == 1:
        return
    flat = array.reshape(-1).view(np.uint8)
    for start in range(0, len(flat), _BYTES_PER_MESSAGE):
        communicator.Bcast(flat[start : start + _BYTES_PER_MESSAGE])
