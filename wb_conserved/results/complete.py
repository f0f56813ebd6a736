"""Files that are there complete or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

UNFINISHED = ".unfinished"
"""Ending of a file that is being written."""


def write_file(path: Path, *parts: bytes) -> None:
    """Write a file that is there complete or not at all, also after a crash of the machine.

    Raises
    ------
    OSError
        With the name of the file; what was written of it is removed.
    """
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        with open(unfinished, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, f"cannot write: {os.strerror(error.errno or 0)}", str(path)) from error
        raise
