"""The fixed summation tree.

Chunk i of n is the leaf (0, i).  Node (level, i) is the sum of (level − 1, 2i) and (level − 1, 2i + 1), in this order,
whoever holds them; where the second one lies beyond the last chunk, the first is passed up unchanged.  So the result
has the same bits whichever rank computed a chunk, and when.

What is summed is a dictionary of arrays by name, each with its way of merging (`wb_conserved.calculators.contract`): a sum,
rows that are joined in order, or the largest rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..calculators.contract import Merge

Node = tuple[int, int]
Values = dict[str, np.ndarray]
Merges = Mapping[str, Merge]

_LARGEST_MESSAGE = 2**27  # elements: below the 2 GiB that older MPI libraries can send at once


def add(left: Values | None, right: Values, merges: Merges) -> Values:
    """Two dictionaries of arrays merged, in this order; the arrays of `left` are used for it."""
    if left is None:
        return right
    if left.keys() != right.keys():
        raise ValueError(f"right: expected the arrays {sorted(left)}, found {sorted(right)}")
    return {name: merges[name](left[name], array) for name, array in right.items()}


def nbytes(values: Values) -> int:
    """Size in bytes."""
    return sum(array.nbytes for array in values.values())


def chunks_of(node: Node, number: int) -> range:
    """Chunks that a node is the sum of, of `number` in all."""
    level, index = node
    return range(index << level, min((index + 1) << level, number))


def root(number: int) -> Node:
    """The node that is the sum of all chunks."""
    return (max(0, math.ceil(math.log2(number))), 0)


class PartialSums:
    """Sums that a rank holds, merged as far as the tree allows.

    Parameters
    ----------
    number : int
        Number of chunks of the whole run.
    merges : mapping of str to Merge
        How each array is merged.
    """

    def __init__(self, number: int, merges: Merges):
        self.number, self._merges = number, merges
        self.nodes: dict[Node, Values] = {}

    def insert(self, node: Node, values: Values) -> tuple[Node, list[Node]]:
        """Add the sum of a node.

        A node and its neighbour become one where that saves space; tables, which do not get shorter, stay apart until
        the end.

        Returns
        -------
        node, list of node
            The node that now holds the values, and those that it replaces.
        """
        replaced = []
        while node != root(self.number):
            level, index = node
            sibling = (level, index ^ 1)
            if sibling in self.nodes:
                size = nbytes(values)
                if size + nbytes(self.nodes[sibling]) > 3 * self._summed_bytes(values):
                    break
                other = self.nodes.pop(sibling)
                replaced.append(sibling)
                pair = (values, other) if index % 2 == 0 else (other, values)
                values = add(*pair, self._merges)
            elif len(chunks_of(sibling, self.number)) > 0:
                break
            node = (level + 1, index // 2)
        self.nodes[node] = values
        return node, replaced

    def reduce(self, communicator) -> Values | None:
        """Sum over all ranks, on rank 0; None on the others.  Collective.

        Neighbours of the tree meet on the rank that holds the first one, so no rank ever holds more than it did, and the
        one array that comes in.
        """
        holders = {}
        for rank, nodes in enumerate(communicator.allgather(sorted(self.nodes))):
            holders |= dict.fromkeys(map(tuple, nodes), rank)
        top = root(self.number)
        found = sum(len(chunks_of(node, self.number)) for node in holders)
        if found != self.number:
            raise RuntimeError(f"expected the sum of all {self.number} chunks, found {found} of them")
        for level in range(top[0]):
            for node in sorted(node for node in holders if node[0] == level):
                self._merge(node, holders, communicator)
        return _move(self.nodes.pop(top, None), holders[top], 0, communicator)

    def _merge(self, node, holders, communicator):
        """Make the parent of a first node, `node`; nothing for a second one, which went with its neighbour."""
        level, index = node
        parent, sibling = (level + 1, index // 2), (level, index + 1)
        if index % 2:
            return
        holder = holders.pop(node)
        holders[parent] = holder
        mine = communicator.rank == holder
        values = self.nodes.pop(node) if mine else None
        source = holders.pop(sibling, None)
        if source is not None:
            right = self.nodes.pop(sibling) if communicator.rank == source else None
            right = _move(right, source, holder, communicator)
            if mine:
                values = add(values, right, self._merges)
        if mine:
            self.nodes[parent] = values

    def _summed_bytes(self, values):
        """Bytes of what does not grow in a sum, at least one."""
        return max(1, sum(array.nbytes for name, array in values.items() if not self._merges[name].grows))


def _move(values, source, target, communicator):
    """Values of rank `source` on rank `target`; called by all ranks, of which only these two do something."""
    if source == target or communicator.rank not in (source, target):
        return values if communicator.rank == target else None
    if communicator.rank == source:
        communicator.send([(name, array.shape, array.dtype.str) for name, array in values.items()], target)
        for array in values.values():
            for part in _parts(np.ascontiguousarray(array)):
                communicator.Send(part, target)
        return None
    received = {}
    for name, shape, dtype in communicator.recv(source=source):
        received[name] = np.empty(shape, dtype)
        for part in _parts(received[name]):
            communicator.Recv(part, source)
    return received


def _parts(array):
    flat = array.reshape(-1)
    return [flat[start : start + _LARGEST_MESSAGE] for start in range(0, len(flat), _LARGEST_MESSAGE)]
