"""End a run at a signal that announces the end of the wall time, with an exit code that says: start it again."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from ..parallel import SerialCommunicator, abort_on_error, print_error

TRY_AGAIN = 75
"""Exit code of a run that was stopped by a signal, for the same command to go on (EX_TEMPFAIL of sysexits.h)."""

NOTHING_KEPT = "nothing of this start is kept; give the same command again"

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
_MOMENT = 0.05  # seconds
_SECONDS_AFTER_THE_FIRST = 5.0  # the first rank says it for all that got the signal, and ends them sooner than that


class Stopped(SystemExit):
    """A signal asked the run to stop."""

    def __init__(self, message: str, code: int = TRY_AGAIN):
        super().__init__(code)
        self.message = message
        self.said = False

    def __str__(self):
        return self.message


_active: list[Watch] = []


class Watch:
    """Context in which SIGTERM and SIGUSR1 raise `Stopped`, which it says in one line and ends all ranks with.

    Used in the main thread only; elsewhere it does nothing.  Within `patience` it waits for `check`: what is raised in the
    middle of compiled code arrives as an error of that, which counts as `Stopped` all the same, but ends what runs first.

    Attributes
    ----------
    communicator
        Ranks to end; see `begin`.
    rank : int
        Which this is, where only the launcher knows as yet: those after the first end without a word.
    kept : callable
        Tells what is kept, and how to go on, for the message.
    """

    def __init__(self, communicator=None, kept: Callable[[], str] = lambda: NOTHING_KEPT, patient: bool = False):
        self.communicator, self.kept, self.rank = communicator or SerialCommunicator(), kept, 0
        self._received: list[int] = []
        self._patient = patient
        self._before: dict[int, object] = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._notice) for number in _SIGNALS}
        _active.append(self)
        return self

    def __exit__(self, kind, error, _trace):
        _active.remove(self)
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        if self._received and isinstance(error, Exception):
            try:
                self.check()
            except Stopped as stopped:
                self.end(stopped)
                raise stopped from error
        elif isinstance(error, Stopped):
            self.end(error)

    def end(self, error: Stopped) -> None:
        """Say that it stopped, once, and end all ranks where there are others."""
        if error.said:
            return
        error.said = True
        if self.communicator.size == 1:
            if self.rank == 0:
                print_error(error.message)
            return
        with abort_on_error(self.communicator):
            raise error

    def begin(self, communicator) -> None:
        """The ranks are known from now on, and signals count at once.

        Until then a `Watch` of several ranks has to be patient: one that ended alone would leave others in ``MPI_Init``,
        where no signal reaches them, to wait for it.
        """
        self.communicator, self._patient = communicator, False
        self.check()

    def _notice(self, number, frame):
        if _called_from_compiler(frame):  # through which no exception passes; again in a moment
            again = threading.Timer(_MOMENT, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        self._received.append(number)
        if not self._patient:
            self.check()

    @contextmanager
    def patience(self):
        """Context in which a signal waits for the next `check`, or is too late."""
        before, self._patient = self._patient, True
        try:
            yield
        finally:
            self._patient = before

    def check(self) -> None:
        """Raise `Stopped` if there was a signal."""
        if not self._received:
            return
        if self.communicator.rank > 0:
            time.sleep(_SECONDS_AFTER_THE_FIRST)
        raise Stopped(f"stopped by {signal.Signals(self._received[0]).name}; {self.kept()}")


def _called_from_compiler(frame) -> bool:
    """Whether Python runs inside of the compiler's machine code, which calls it back."""
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] in ("llvmlite", "numba"):
            return True
        frame = frame.f_back
    return False


def watch_of(communicator, checkpoint) -> AbstractContextManager:
    """`Watch` of a run with a checkpoint; without one that of the command, or signals keep the effect that they have.

    Parameters
    ----------
    communicator
    checkpoint : path or None
    """
    if checkpoint is not None:
        return Watch(communicator, lambda: kept_in(checkpoint))
    return _ending(_active[-1]) if _active else nullcontext(_Unwatched())


@contextmanager
def _ending(watch):
    """End all ranks here, rather than where the watch began: what is cleaned up on the way may wait for the others."""
    try:
        yield watch
    except Stopped as stopped:
        watch.end(stopped)
        raise


def holds_sums(checkpoint) -> bool:
    """Whether there are sums in a checkpoint."""
    return next(Path(checkpoint).rglob("sum-*"), None) is not None


def kept_in(checkpoint) -> str:
    """What is kept in a checkpoint, and how to go on."""
    if not holds_sums(checkpoint):
        return "no part was finished yet, and the same command begins anew"
    return f"finished parts are in {checkpoint}, and the same command goes on with them"


class _Unwatched:
    """In place of a `Watch`."""

    def patience(self):
        return nullcontext()

    def check(self) -> None:
        pass
