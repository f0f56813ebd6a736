"""FPLO's +hamdata: H and spin between Wannier functions, as text.

Keywords such as `nwan:` are followed by their values.  For each pair of functions a block `Tij, Hij:` has i and j, then rows
T (Bohr radii), Re H, Im H (eV) and, with spin, Re and Im of σ_x, σ_y and σ_z; T = R + r_j − r_i.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from wannierberri.system import System_R

from ..errors import InputError
from .checks import check_hermitian
from .seed_files import BOHR
from .text import TextFile
from .tight_binding import RealSpace, build_system
from .wannier90 import refuse_spin

if TYPE_CHECKING:
    from .request import Request

VECTOR_TOLERANCE = 1e-6
"""Largest distance of T − r_j + r_i from a lattice vector, reduced coordinates."""

_KEYWORD = re.compile(r"([a-z_]+):$")


@dataclass
class _Contents:
    """What has been read."""

    lattice: np.ndarray | None = None
    centers: np.ndarray | None = None
    num_wann: int = 0
    spins: int = 1
    with_spin: bool = False
    elements: list[tuple[int, int, np.ndarray, int]] = field(default_factory=list)


def recognise_hamdata(head: list[str]) -> bool:
    """Whether a file with these first lines is a +hamdata file."""
    return head[:1] == ["RTG:"] or any(line.startswith("lattice_vectors:") for line in head[:3])


def _read(path: Path) -> _Contents:
    contents = _Contents()
    with TextFile(path) as file:
        for line in iter(lambda: file.line("'end spin:'"), "end spin:"):
            if line == "lattice_vectors:":
                contents.lattice = file.table(3, 3, "a lattice vector, Bohr radii")
            elif line == "nwan:":
                (contents.num_wann,) = file.integers(1, "the number of Wannier functions")
            elif line == "nspin:":
                (contents.spins,) = file.integers(1, "the number of spins")
            elif line == "have_spin_info:":
                contents.with_spin = file.line("T or F").upper().startswith("T")
            elif line == "wancenters:":
                contents.centers = file.table(contents.num_wann, 3, "a centre, Bohr radii")
            elif line.startswith("Tij, Hij"):
                _read_block(file, contents)
            if contents.spins != 1:
                expected = "one spin (a fully relativistic calculation, or one without spin)"
                raise file.error(expected, f"{contents.spins}: load both as System_R, load_system(up=..., down=...)")
        if contents.lattice is None or contents.centers is None or not contents.elements:
            raise file.error("lattice_vectors, nwan, wancenters and blocks 'Tij, Hij:'", "the end without them")
    return contents


def _read_block(file: TextFile, contents: _Contents) -> None:
    """A block of one pair of functions."""
    i, j = file.integers(2, "the numbers of two functions")
    if not (1 <= min(i, j) and max(i, j) <= contents.num_wann):
        raise file.error(f"functions between 1 and {contents.num_wann}", f"{i} and {j}")
    start, lines = file.number + 1, []
    for line in iter(lambda: file.line("'end Tij, Hij:'"), "end Tij, Hij:"):
        lines.append(line)
    if lines:
        columns = 11 if contents.with_spin else 5
        file.put_back([line + "\n" for line in [*lines, "end Tij, Hij:"]])
        values = file.table(len(lines), columns, "T, H" + (" and spin" if contents.with_spin else ""))
        file.line("'end Tij, Hij:'")
        contents.elements.append((i - 1, j - 1, values, start))


def load_fplo(request: Request) -> System_R:
    """System of a +hamdata file.

    Raises
    ------
    InputError
        Unreadable lines, T that are no lattice vectors, elements that are there twice, matrices that are not Hermitian, or no
        spin where it is needed.
    """
    path = Path(request.path)
    contents = _read(path)
    if request.spin and not contents.with_spin:
        refuse_spin(request)
    count = contents.num_wann
    which = np.concatenate([np.tile([i, j, line], (len(rows), 1)) for i, j, rows, line in contents.elements])
    rows = np.concatenate([rows for _, _, rows, _ in contents.elements])
    lines = which[:, 2] + np.concatenate([np.arange(len(rows)) for _, _, rows, _ in contents.elements])
    difference = contents.centers[which[:, 0]] - contents.centers[which[:, 1]]
    reduced = (rows[:, :3] + difference) @ np.linalg.inv(contents.lattice)
    rounded = np.rint(reduced).astype(int)
    off = np.abs(reduced - rounded).max(axis=1)
    if off.max() > VECTOR_TOLERANCE:
        worst = int(off.argmax())
        expected = f"T = R + r_j - r_i, R a lattice vector to {VECTOR_TOLERANCE:g}"
        raise InputError(path, expected, f"R = {reduced[worst].tolist()}", int(lines[worst]))
    vectors, place = np.unique(rounded, axis=0, return_inverse=True)
    place = place.ravel()
    keys = (place * count + which[:, 0]) * count + which[:, 1]
    if len(np.unique(keys)) < len(keys):
        order = np.argsort(keys, kind="stable")
        twice = int(order[1:][np.diff(keys[order]) == 0].min())
        raise InputError(path, "each T of a pair of functions once", "one again", int(lines[twice]))
    matrices = np.zeros((len(vectors), count, count, 4 if contents.with_spin else 1), dtype=complex)
    matrices[place, which[:, 0], which[:, 1]] = np.ascontiguousarray(rows[:, 3:]).view(complex)
    check_hermitian(path, "Ham", vectors, matrices[..., 0])
    lattice = BOHR * contents.lattice
    model = RealSpace(path, lattice, vectors, matrices[..., 0], None, np.ones(len(vectors), dtype=int))
    system = build_system(model, BOHR * contents.centers, lattice)
    if contents.with_spin and request.spin_order is None:
        system.set_R_mat("SS", matrices[..., 1:])
    return system
