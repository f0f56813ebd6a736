"""The k loop of one rank: take grants, evaluate their chunks, store the sums, and add up over all ranks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from tqdm import tqdm

from ..parallel import agree
from .checkpoint import IterationFolder
from .mesh import Batch, Mesh
from .schedule import Counter, grants, missing
from .summation import Merges, PartialSums, Values, chunks_of, root

logger = logging.getLogger(__name__)


@dataclass
class Loop:
    """What all iterations of a run share.

    Attributes
    ----------
    communicator
    check : callable
        Called after each batch; raises what is to end the run.
    progress : bool
        Show a progress bar on rank 0.
    busy : float
        Seconds that this rank spent on chunks so far.
    """

    communicator: object
    check: Callable[[], None]
    progress: bool
    busy: float = 0.0

    def total(
        self,
        mesh: Mesh,
        evaluate: Callable[[list[Batch], Callable[[], None]], Values],
        merges: Merges,
        folder: IterationFolder | None = None,
        description: str = "k points",
    ) -> Values | None:
        """Sum over the chunks of a mesh, on rank 0; None on the others.  Collective.

        Parameters
        ----------
        mesh : Mesh
        evaluate : callable
            Sum over the batches of a chunk; to call its second argument after each batch.
        merges : mapping of str to Merge
            How each of its arrays is merged.
        folder : IterationFolder, optional
            Where finished sums are, and go.
        description : str
            Title of the progress bar.
        """
        communicator, number = self.communicator, mesh.number_of_chunks
        sums = PartialSums(number, merges)
        done = _restore(sums, folder, communicator)
        todo = grants(number, missing(number, done), communicator.size)
        hidden = not self.progress or communicator.rank != 0
        chunks_before = number - sum(len(chunks_of(node, number)) for node in todo)
        counter = Counter(communicator)
        with tqdm(total=number, initial=chunks_before, disable=hidden, unit="chunk", desc=description) as bar:
            while (turn := counter.next()) < len(todo):
                for chunk in chunks_of(todo[turn], number):
                    start = time.perf_counter()
                    values = evaluate(mesh.chunk(chunk), self._after_batch)
                    node, replaced = sums.insert((0, chunk), values)
                    if folder is not None and folder.every_chunk:
                        folder.write(node, sums.nodes[node], replaced)
                    self.busy += time.perf_counter() - start
                    # the others have done about as much since; what they were granted is known for sure
                    bar.update(min(communicator.size, number - bar.n))
        counter.free()
        total = sums.reduce(communicator)
        if folder is not None and communicator.rank == 0:
            top = root(number)
            others = [node for node in folder.stored() if node != top]
            if done != [top]:
                folder.write_total(top, total, others)
        return total

    def _after_batch(self):
        self.communicator.Iprobe()  # lets MPI serve requests of other ranks
        self.check()


def _restore(sums, folder, communicator):
    """Take in the sums on disk, each on one rank; the nodes that are there, on all ranks."""
    if folder is None:
        return []
    stored = communicator.bcast(folder.stored() if communicator.rank == 0 else None)
    readers = communicator.size if folder.every_chunk else 1  # else the others may not see the folder
    first, last = (len(stored) * min(communicator.rank + shift, readers) // readers for shift in (0, 1))
    error = None
    try:
        for node in stored[first:last]:
            values = folder.read(node)
            if values is not None:
                held, replaced = sums.insert(node, values)
                if replaced:
                    folder.write(held, sums.nodes[held], replaced)
    except Exception as problem:
        error = problem
    agree(communicator, error)
    return sorted(node for nodes in communicator.allgather(list(sums.nodes)) for node in nodes)
