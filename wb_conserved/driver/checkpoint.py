"""Finished sums on disk, so that an interrupted run goes on where it stopped.

A checkpoint is a folder with ``checkpoint.json``, which says what run it belongs to, and a folder for each pass and iteration,
with one file for each node of the summation tree that some rank holds: ``sum-LEVEL-INDEX``.  A file appears complete or
not at all (it is written under another name, flushed to disk and renamed), and its first line is the checksum of the
rest, an npz archive without pickled objects.  When two nodes become one, the file of the sum is there before the two
others go, so at any moment every finished chunk is on disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import platform
import re
import secrets
import zipfile
from pathlib import Path

import numpy as np

from .fingerprint import differences
from .summation import Node, Values

logger = logging.getLogger(__name__)

_FORMAT = 1
_FINGERPRINT = "checkpoint.json"
_HEADER = b"wb_conserved sum "
_NAME = re.compile(r"sum-(\d+)-(\d+)")
_UNFINISHED = ".unfinished"


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
            self._check(json.loads(json.dumps(fingerprint)))
        except OSError as error:
            self.close()
            raise type(error)(
                f"checkpoint {self.folder}: expected a folder that can be written to; found: {error.strerror or error}"
            ) from error
        except CheckpointError:
            self.close()
            raise

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
        for path in self.folder.rglob("*" + _UNFINISHED):
            path.unlink(missing_ok=True)

    def _check(self, fingerprint):
        header = self.folder / _FINGERPRINT
        if not header.exists():
            others = sorted(path.name for path in self.folder.iterdir() if path.name != "lock")
            if others:
                raise CheckpointError(
                    f"checkpoint {self.folder}: expected a checkpoint or an empty folder; found {', '.join(others[:3])} "
                    f"without {_FINGERPRINT}"
                )
            write_file(header, json.dumps({"format": _FORMAT, "fingerprint": fingerprint}, indent=1).encode())
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

    Raises
    ------
    OSError
        This rank does not see the checkpoint that rank 0 made, or cannot make the folder.
    """

    def __init__(self, checkpoint: Path, name: str, run: str):
        self.folder = Path(checkpoint) / name
        self._run = run
        if not (Path(checkpoint) / _FINGERPRINT).exists():
            raise FileNotFoundError(
                f"checkpoint {checkpoint}: expected a folder that all ranks see; found no {_FINGERPRINT} in it on "
                f"{platform.node()}"
            )
        self.folder.mkdir(parents=True, exist_ok=True)

    def stored(self) -> list[Node]:
        """Nodes with a file, except those whose sum with others has one too, in order."""
        found = {tuple(map(int, match.groups())) for path in self.folder.iterdir() if (match := _NAME.fullmatch(path.name))}

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


def write_file(path: Path, *parts: bytes) -> None:
    """Write a file that is there complete or not at all, also after a crash of the machine.

    Raises
    ------
    OSError
        With the name of the file; what was written of it is removed.
    """
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}{_UNFINISHED}")
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


def _name(node):
    return f"sum-{node[0]:02d}-{node[1]:08d}"
