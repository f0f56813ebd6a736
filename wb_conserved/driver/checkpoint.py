"""Finished sums on disk, so that an interrupted run goes on where it stopped.

A checkpoint is a folder with ``checkpoint.json``, which says what run it belongs to, and a folder for each pass and iteration,
with one file for each node of the summation tree that some rank holds: ``sum-LEVEL-INDEX``.  A file appears complete or
not at all (it is written under another name, flushed to disk and renamed), and its first line is the checksum of the
rest, an npz archive without pickled objects.  When two nodes become one, the file of the sum is there before the two
others go, so at any moment every finished chunk is on disk.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import platform
import re
import zipfile
from pathlib import Path

import numpy as np

from ..results.complete import UNFINISHED, write_file
from .fingerprint import differences
from .summation import Node, Values, nbytes

logger = logging.getLogger(__name__)

_FORMAT = 1
_FINGERPRINT, _RESERVED = "checkpoint.json", "reserved"
_HEADER = b"wb_conserved sum "
_NAME = re.compile(r"sum-(\d+)-(\d+)")


class CheckpointError(ValueError):
    """A checkpoint that belongs to another run, or cannot be read."""


class Checkpoint:
    """Folder with the finished sums of a run.

    Parameters
    ----------
    folder : path
    fingerprint : dict
        What the run depends on, see `wb_conserved.driver.fingerprint.fingerprint`.

    Raises
    ------
    CheckpointError
        The folder holds a checkpoint of another run (what differs is said), or something else.
    OSError
        It cannot be made or written to.
    """

    def __init__(self, folder, fingerprint: dict):
        self.folder = Path(folder)
        self._lock = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock_folder()
            self._clean()
            fingerprint = json.loads(json.dumps(fingerprint))
            self.header = json.dumps({"format": _FORMAT, "fingerprint": fingerprint}, indent=1).encode()
            self._check(fingerprint)
        except OSError as error:
            self.close()
            raise type(error)(
                f"checkpoint {self.folder}: expected a folder that can be written to; found: {error.strerror or error}"
            ) from error
        except CheckpointError:
            self.close()
            raise

    def reserve(self, size: int) -> None:
        """Take the space of sums of this many bytes, so that there is some for them in the end.

        Raises
        ------
        OSError
            There is not enough.
        """
        path = self.folder / _RESERVED
        try:
            with open(path, "wb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, max(1, size))
                else:
                    file.write(bytes(size))
        except OSError as error:
            path.unlink(missing_ok=True)
            self.close()
            found = os.strerror(error.errno or 0)
            raise OSError(error.errno, f"expected {size / 2**20:.1f} MiB for results; found: {found}", str(path)) from error

    def close(self) -> None:
        """Let other runs use the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _lock_folder(self):
        """Keep other runs out; the lock ends with the process, however that ends."""
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            import fcntl

            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CheckpointError(f"checkpoint {self.folder}: expected no other run; found one that uses it") from None
        except (ImportError, OSError) as problem:  # a file system without locks
            logger.debug("no lock on %s: %s", self.folder, problem)

    def _clean(self):
        for path in self.folder.rglob("*" + UNFINISHED):
            path.unlink(missing_ok=True)

    def _check(self, fingerprint):
        header = self.folder / _FINGERPRINT
        if not header.exists():
            others = sorted(path.name for path in self.folder.iterdir() if path.name not in ("lock", _RESERVED))
            if others:
                raise CheckpointError(
                    f"checkpoint {self.folder}: expected a checkpoint or an empty folder; found {', '.join(others[:3])} "
                    f"without {_FINGERPRINT}"
                )
            write_file(header, self.header)
            return
        try:
            found = json.loads(header.read_text(encoding="utf-8"))
            form, stored = found["format"], found["fingerprint"]
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"checkpoint {header}: expected the header of a checkpoint; found a damaged file ({error}); remove the "
                "folder to begin anew"
            ) from None
        if form != _FORMAT:
            raise CheckpointError(f"checkpoint {header}: expected format {_FORMAT}; found {form!r}")
        different = differences(stored, fingerprint)
        if different:
            raise CheckpointError(
                f"checkpoint {self.folder}: expected one of this run; found one of another, which differs in "
                f"{'; '.join(different)}; choose another folder, or remove this one"
            )


class IterationFolder:
    """Files of one pass or iteration, as one rank uses them.

    Parameters
    ----------
    checkpoint : Path
        Folder of the checkpoint.
    name : str
        Of its folder in that one.
    run : str
        Digest of the fingerprint, part of every file.
    every_chunk : bool
        Whether sums are to be written as they come, by all ranks, or the total only, by rank 0, which alone has to see it.
    header : bytes
        Contents of the header of the checkpoint.
    used : bool
        Whether this rank uses it.

    Raises
    ------
    OSError
        This rank does not see the checkpoint that rank 0 made, or cannot make the folder.
    """

    def __init__(self, checkpoint: Path, name: str, run: str, every_chunk: bool = True, header: bytes = b"", used=True):
        self.folder = Path(checkpoint) / name
        self.every_chunk = every_chunk
        self._run, self._header = run, header
        if used:
            self._prepare(Path(checkpoint))

    def _prepare(self, checkpoint):
        if not (checkpoint / _FINGERPRINT).exists():
            raise FileNotFoundError(
                f"checkpoint {checkpoint}: expected a folder that all ranks see; found no {_FINGERPRINT} in it on "
                f"{platform.node()}"
            )
        self.folder.mkdir(parents=True, exist_ok=True)

    def stored(self) -> list[Node]:
        """Nodes with a file, except those whose sum with others has one too, in order."""
        names = os.listdir(self.folder) if self.folder.exists() else []
        found = {tuple(map(int, match.groups())) for name in names if (match := _NAME.fullmatch(name))}

        def replaced(node):
            level, index = node
            return any((level + up, index >> up) in found for up in range(1, 64 - level))

        return sorted(node for node in found if not replaced(node))

    def write(self, node: Node, values: Values, replaced: list[Node]) -> None:
        """Write the sum of a node, then remove the files of the nodes it replaces."""
        payload = io.BytesIO()
        np.savez(payload, *values.values(), names=np.array(list(values), dtype=str))
        body = payload.getbuffer()
        digest = hashlib.blake2b(self._run.encode() + _name(node).encode(), digest_size=16)
        digest.update(body)
        write_file(self.folder / _name(node), _HEADER + digest.hexdigest().encode() + b"\n", body)
        for old in replaced:
            (self.folder / _name(old)).unlink(missing_ok=True)

    def write_total(self, node: Node, values: Values, replaced: list[Node]) -> None:
        """Write the sum of all, in space that was reserved; in a folder that somebody has removed, with its header again."""
        checkpoint = self.folder.parent
        reserved = checkpoint / _RESERVED
        if reserved.exists():
            left = reserved.stat().st_size - nbytes(values)
            os.truncate(reserved, max(0, left))
            if left <= 0:
                reserved.unlink()
        if not (checkpoint / _FINGERPRINT).exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_file(checkpoint / _FINGERPRINT, self._header)
        self.write(node, values, replaced)

    def read(self, node: Node) -> Values | None:
        """Sum of a node; None, and a warning, if its file is damaged."""
        path = self.folder / _name(node)
        try:
            with open(path, "rb") as file:
                line, body = file.readline(len(_HEADER) + 33), file.read()
            digest = hashlib.blake2b(self._run.encode() + _name(node).encode(), digest_size=16)
            digest.update(body)
            if line != _HEADER + digest.hexdigest().encode() + b"\n":
                raise ValueError("the checksum does not fit")
            with np.load(io.BytesIO(body), allow_pickle=False) as archive:
                return {str(name): archive[f"arr_{i}"] for i, name in enumerate(archive["names"])}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            logger.warning("checkpoint %s is damaged (%s): its part is computed again", path, error)
            path.unlink(missing_ok=True)
            return None


def _name(node):
    return f"sum-{node[0]:02d}-{node[1]:08d}"
