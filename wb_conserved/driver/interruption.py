"""End a run at a signal that announces the end of the wall time, with an exit code that says: start it again."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager

from ..parallel import print_error

TRY_AGAIN = 75
"""Exit code of a run that was stopped by a signal and can go on from its checkpoint (EX_TEMPFAIL of sysexits.h)."""

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
_SECONDS_AFTER_THE_FIRST = 0.3  # the first rank says it for all that got the signal


class Stopped(SystemExit):
    """A signal asked the run to stop."""

    def __init__(self, message: str):
        super().__init__(TRY_AGAIN)
        self.message = message

    def __str__(self):
        return self.message


@contextmanager
def stop_on_signal(communicator, where: str | None):
    """Notice SIGTERM and SIGUSR1.

    Parameters
    ----------
    communicator
    where : str or None
        The checkpoint, for the message; None: the signals keep their usual effect.

    Yields
    ------
    callable
        To be called often; raises `Stopped` if there was a signal.
    """
    if where is None or threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    received: list[int] = []

    def check():
        if received:
            if communicator.rank > 0:
                time.sleep(_SECONDS_AFTER_THE_FIRST)
            name = signal.Signals(received[0]).name
            message = f"stopped by {name}; finished parts are in {where}, and the same command goes on with them"
            if communicator.size == 1:
                print_error(message)
            raise Stopped(message)

    before = {number: signal.signal(number, lambda number, _frame: received.append(number)) for number in _SIGNALS}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
