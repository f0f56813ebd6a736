"""Seednames with a .spn file of one's own beside the links to real data."""

import struct
from pathlib import Path

import numpy as np
from data_folder import DATA

from wb_conserved.io.bloch_files import read_spn
from wb_conserved.io.chk import read_checkpoint


def spins_of(name: str) -> np.ndarray:
    """Spin matrices of data/`name`, shape (NK, num_bands, num_bands, 3)."""
    return read_spn(DATA / f"{name}.spn.xz", read_checkpoint(DATA / f"{name}.chk.xz"))


def record(*arrays) -> bytes:
    """A Fortran record."""
    data = b"".join(a if isinstance(a, bytes) else np.asarray(a).tobytes(order="F") for a in arrays)
    return struct.pack("<i", len(data)) + data + struct.pack("<i", len(data))


def write_spn(path: Path, spins: np.ndarray):
    """Write spin matrices, shape (NK, num_bands, num_bands, 3)."""
    num_bands = spins.shape[1]
    row, column = np.tril_indices(num_bands)
    halves = spins.transpose(0, 3, 1, 2)[:, :, column, row]
    counts = np.array([num_bands, len(halves)], dtype=np.int32)
    path.write_bytes(record(b"spins of a test".ljust(60)) + record(counts) + b"".join(map(record, halves)))


def with_spins(folder: Path, name: str, spins: np.ndarray) -> Path:
    """Seedname in `folder` with the files of data/`name`, but these spins."""
    source = DATA / name
    for path in source.parent.iterdir():
        if path.is_file() and path.name.startswith(source.name) and ".spn" not in path.name:
            (folder / path.name).symlink_to(path.resolve())
    write_spn(folder / f"{source.name}.spn", spins)
    return folder / source.name
