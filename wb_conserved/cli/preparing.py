"""What every command that computes does first: messages and threads."""

from __future__ import annotations

import logging
import warnings

from .. import compiled, parallel
from .group import watch


def set_up_messages(communicator, verbose, handler=None):
    """Warnings of rank 0 on standard error, one line each; nothing from the other ranks.  Signals count from now on."""
    watch().begin(communicator)
    if communicator.rank != 0:
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("ignore")
        return
    handler = handler or logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logger = logging.getLogger("wb_conserved")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger(compiled.__name__).setLevel(logging.INFO)  # says why nothing happens for some seconds


def limit_threads():
    """One thread for each process, unless the user has set the number; what is said of it."""
    parallel.one_thread()
    given = parallel.number_given()
    return f", {given}" if given else ", each with 1 thread (OMP_NUM_THREADS is not set)"
