"""The end of a command: the sums are on disk before anything is formatted, and the same command finishes from them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import click

from ..driver.interruption import holds_sums
from ..results.files import check_folder, existing_results
from .group import watch

CANNOT_WRITE = 73
"""Exit code where results are complete but could not be written (EX_CANTCREAT of sysexits.h)."""


class Unfinished:
    """Folder in that of the results, from the start of a command until all its files are written.

    It is named after the settings.  In it are the sums, unless they are in a checkpoint that the user has chosen; and a list of
    the files that the command could write, which the same command may replace.

    Parameters
    ----------
    folder : Path
        Of the results.
    config : Config
    """

    def __init__(self, folder: Path, config):
        settings = json.dumps(config.model_dump(mode="json"), sort_keys=True).encode()
        self.path = folder / f"unfinished-{hashlib.blake2b(settings, digest_size=4).hexdigest()}"
        self._folder = folder

    def check(self, overwrite: bool) -> bool:
        """Make the folder of the results, see `wb_conserved.results.files.check_folder`.

        Returns
        -------
        bool
            Whether files in it may be replaced.
        """
        existing = {path.name for path in existing_results(self._folder)}
        overwrite = overwrite or (len(existing) > 0 and existing <= self._written())
        check_folder(self._folder, overwrite)
        return overwrite

    def _written(self) -> set[str]:
        """Names of the files of the results that this command wrote when it was stopped."""
        return set(json.loads(self._list.read_text(encoding="utf-8"))) if self._list.exists() else set()

    @property
    def _list(self):
        return self.path / "written.json"

    def begin(self) -> None:
        """Make it."""
        self.path.mkdir(exist_ok=True)

    def leave(self) -> None:
        """Remove it where nothing has been stored in it."""
        if not holds_sums(self.path):
            self.done()

    def done(self) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def finish(self, write: Callable[[], list[Path]], sums: Path) -> list[Path]:
        """Write all files.

        Parameters
        ----------
        write : callable
            Returns the files written.
        sums : Path
            Where the sums are.
        """
        try:
            with watch().patience():  # a signal is too late now
                written = write()
        except OSError as error:
            with contextlib.suppress(OSError):
                self._list.write_text(json.dumps([path.name for path in getattr(error, "written", [])]), encoding="utf-8")
            click.echo(
                f"wb-conserved: {error}\nwb-conserved: nothing is lost: the sums are in {sums}, and the same command writes "
                "the files from them, without a k point",
                err=True,
            )
            sys.exit(CANNOT_WRITE)
        self.done()
        return written
