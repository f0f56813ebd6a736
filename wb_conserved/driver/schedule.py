"""Handing out chunks to ranks: a list of grants that all ranks know, and a counter that says which is next.

A grant is a node of the summation tree.  Grants shrink towards the end, so that all ranks finish at about the same time,
and the early ones cost few requests.  The counter lives on rank 0 in memory that the others reach without its help
(MPI one-sided communication), so no rank is lost to being a master.
"""

from __future__ import annotations

import numpy as np

from .summation import Node, chunks_of, root

_ROUNDS = 3
"""A grant is at most the remaining chunks divided by this many times the number of ranks."""


def missing(number: int, done: list[Node]) -> list[Node]:
    """Largest nodes of the tree over `number` chunks that together hold all chunks but those of the nodes `done`.

    Parameters
    ----------
    number : int
    done : list of node

    Returns
    -------
    list of node, in the order of their chunks
    """
    finished, above = set(done), set()
    for level, index in done:
        while level < root(number)[0]:
            level, index = level + 1, index // 2
            above.add((level, index))

    def open_parts(node):
        if node in finished or not chunks_of(node, number):
            return []
        if node not in above:
            return [node]
        level, index = node
        return open_parts((level - 1, 2 * index)) + open_parts((level - 1, 2 * index + 1))

    return open_parts(root(number))


def grants(number: int, open_nodes: list[Node], ranks: int) -> list[Node]:
    """Nodes to hand out one after the other, large ones first.

    Parameters
    ----------
    number : int
        Number of chunks of the tree.
    open_nodes : list of node
        To be cut, see `missing`.
    ranks : int

    Returns
    -------
    list of node
        They hold the chunks of `open_nodes`.
    """
    handed_out = []
    remaining = sum(len(chunks_of(node, number)) for node in open_nodes)
    stack = list(reversed(open_nodes))
    while stack:
        node = stack.pop()
        level, index = node
        size = len(chunks_of(node, number))
        if size == 0:
            continue
        if level > 0 and size > max(1, remaining // (_ROUNDS * ranks)):
            stack += [(level - 1, 2 * index + 1), (level - 1, 2 * index)]
            continue
        handed_out.append(node)
        remaining -= size
    return handed_out


class Counter:
    """Counts 0, 1, 2, ... over all ranks of a communicator: each number goes to one rank only.

    Parameters
    ----------
    communicator
        Made and freed by all ranks together.
    """

    def __init__(self, communicator):
        self._window = None
        self._next = 0
        if communicator.size > 1:
            from mpi4py import MPI

            self._MPI = MPI
            self._window = MPI.Win.Allocate(8 if communicator.rank == 0 else 0, 8, comm=communicator)
            if communicator.rank == 0:
                self._window.Lock(0, MPI.LOCK_EXCLUSIVE)
                np.frombuffer(self._window, dtype=np.int64)[0] = 0
                self._window.Unlock(0)
            communicator.Barrier()
            self._window.Lock_all()

    def next(self) -> int:
        """The next number."""
        if self._window is None:
            self._next += 1
            return self._next - 1
        one, before = np.ones(1, dtype=np.int64), np.empty(1, dtype=np.int64)
        self._window.Fetch_and_op(one, before, 0, 0, self._MPI.SUM)
        self._window.Flush(0)
        return int(before[0])

    def free(self) -> None:
        """Give the memory back; collective."""
        if self._window is not None:
            self._window.Unlock_all()
            self._window.Free()
            self._window = None
