"""Communicators: MPI ranks through mpi4py, or one process without it.

mpi4py is imported only by `world`, when a launcher has started this process.
"""

from __future__ import annotations

import atexit
import logging
import os
import pickle
import sys
import time
import traceback
from contextlib import contextmanager

from ..errors import InputError, how_to_install
from .launchers import OPEN_MPI, Launch, launched

logger = logging.getLogger(__name__)

_SECONDS_FOR_OTHERS = 3.0  # to meet the same error
_SECONDS_TO_FORWARD = 0.5  # MPI_Abort ends the launcher's forwarding of output too: time for the message to get out


class SerialCommunicator:
    """A communicator of one rank, with the methods of mpi4py that are used here."""

    rank, size = 0, 1

    def bcast(self, value, root=0):
        return value

    def allgather(self, value):
        return [value]

    def Iprobe(self):
        return False


class LauncherError(RuntimeError):
    """Processes that a launcher started together do not see each other.

    Attributes
    ----------
    launch : Launch
    """

    def __init__(self, message: str, launch: Launch):
        super().__init__(message)
        self.launch = launch


def world():
    """Communicator of all ranks that a launcher started together with this process; serial where there was none.

    Raises
    ------
    LauncherError
        A launcher has started more ranks than the MPI library under mpi4py sees (it belongs to another MPI), or mpi4py is
        missing: every process would do the whole work and write the same files.
    """
    launch = launched(os.environ)
    if launch is None:
        return SerialCommunicator()
    together = launch.at_least
    try:
        MPI = _import_mpi()
    except ImportError as error:
        if together == 1:
            return SerialCommunicator()
        raise LauncherError(
            f"expected mpi4py, as {_started(launch)}; found none ({error}): {how_to_install('mpi')}, or on a cluster pip "
            "install --no-binary mpi4py mpi4py with its own MPI loaded",
            launch,
        ) from error
    foreign = launch.launcher == OPEN_MPI and together > 1 and "Open MPI" not in MPI.Get_library_version()
    if not foreign and not MPI.Is_initialized():
        MPI.Init_thread()
        atexit.register(_finalize, MPI)
    if foreign or (MPI.COMM_WORLD.size == 1 and together > 1):
        library = MPI.Get_library_version().splitlines()[0].strip("\x00 ")
        raise LauncherError(
            f"expected a world of {together} ranks, as {_started(launch)}; found 1 under {library}: every process would do "
            f"the whole work. {_way_out(launch)}",
            launch,
        )
    return MPI.COMM_WORLD


def _started(launch):
    """What the launcher did, in words."""
    if launch.size is None:
        return f"{launch.launcher} started {launch.at_least} or more processes ({launch.told})"
    return f"{launch.launcher} started {launch.size} processes ({launch.told})"


def _way_out(launch):
    if launch.launcher == "srun":
        return (
            "Start srun with the --mpi= that this MPI is made for (srun --mpi=list shows them; pmi2 for MPICH, pmix for "
            "Open MPI), or use the mpirun of the MPI that mpi4py was installed with; for one process: srun -n 1"
        )
    return (
        "The launcher belongs to another MPI: use the mpirun of the MPI that mpi4py was installed with (the environment's "
        "own, next to its python); for one process: no launcher"
    )


def _import_mpi():
    """mpi4py.MPI, not yet initialised: under another MPI's launcher that ends the process with a message of its own."""
    import mpi4py

    at_import = mpi4py.rc.initialize
    mpi4py.rc.initialize = False
    try:
        from mpi4py import MPI
    finally:
        mpi4py.rc.initialize = at_import
    return MPI


def _finalize(MPI):
    if not MPI.Is_finalized():
        MPI.Finalize()


def agree(communicator, error: Exception | None) -> None:
    """Raise the first rank's error on every rank, so that none waits for another.

    Parameters
    ----------
    communicator
    error : Exception or None
        What went wrong on this rank.

    Raises
    ------
    Exception
        On the rank where it occurred, `error` itself; on the others a copy, or a RuntimeError with its message if it
        cannot be copied.
    """
    for rank, found in enumerate(communicator.allgather(_portable(error))):
        if found is None:
            continue
        problem = error if rank == communicator.rank else _copy(found)
        if communicator.size > 1:
            problem.add_note(f"raised on rank {rank} of {communicator.size}")
        raise problem


def agree_or_abort(communicator, error: Exception | None) -> None:
    """`agree` after a task in which ranks wait for each other: an error of some ranks only ends all of them.

    Parameters
    ----------
    communicator
    error : Exception or None
        What went wrong on this rank.

    Raises
    ------
    Exception
        See `agree`.
    """
    if communicator.size > 1:
        seconds = _SECONDS_FOR_OTHERS if _system_exit(error) is None else 0.0  # an exit is no error that others may meet
        arrived, patience = communicator.Ibarrier(), time.monotonic() + seconds
        while not arrived.Test():
            if error is not None and time.monotonic() > patience:
                with abort_on_error(communicator):
                    raise error
            time.sleep(0.001)
    agree(communicator, error)


def _portable(error):
    """Error as bytes where that works, and as text: exceptions with arguments of their own often do not unpickle."""
    if error is None:
        return None
    text = f"{type(error).__name__}: {error}"
    try:
        return pickle.dumps(error), text
    except Exception:
        return None, text


def _copy(portable):
    pickled, text = portable
    try:
        return pickle.loads(pickled)  # noqa: S301  (from another rank of this program)
    except Exception:
        return RuntimeError(text)


@contextmanager
def abort_on_error(communicator):
    """End all ranks with the message of an uncaught exception of any; an exception alone leaves peers waiting.

    The exit code is that of a SystemExit, 2 of an `InputError`, which is one line, otherwise 1.
    """
    try:
        yield
    except BaseException as error:
        ending = _system_exit(error)
        if communicator.size == 1 or (ending is not None and not ending.code):
            raise
        stopped, of_input = ending is not None, isinstance(error, InputError)
        error = ending if stopped else error
        trace = "" if stopped or of_input else traceback.format_exc()
        where = f"rank {communicator.rank} of {communicator.size}"
        message = ", ".join([str(error), *getattr(error, "__notes__", [])])
        kind = "" if stopped else f"{type(error).__name__}: "
        print_error(f"{trace}{where}: {kind}{message}; ending all ranks")
        time.sleep(_SECONDS_TO_FORWARD)
        communicator.Abort(error.code if stopped and isinstance(error.code, int) else _BAD_INPUT if of_input else 1)


_BAD_INPUT = 2


def _system_exit(error):
    """The SystemExit that an error is or comes from: one raised in the middle of compiled code arrives as a SystemError."""
    while error is not None and not isinstance(error, SystemExit):
        error = error.__cause__ if isinstance(error, SystemError) else None
    return error


def print_error(message: str) -> None:
    """Write a line to standard error at once."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()
