"""Matrices in real space as Wannier90 writes them: _tb.dat, _hr.dat, _wsvec.dat and _centres.xyz."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from wannierberri.fourier.rvectors import Rvectors
from wannierberri.system import System_R

from ..errors import InputError
from .ab_initio_mesh import set_ab_initio_mesh
from .checks import check_hermitian, opposite
from .minimal_distance import Copies, moved
from .text import TextFile, numbers

logger = logging.getLogger("wb_conserved.io")


@dataclass
class RealSpace:
    """Contents of a _tb.dat or _hr.dat file, divided by the degeneracies of the R vectors.

    Attributes
    ----------
    path : Path
    real_lattice : ndarray, shape (3, 3), or None
        Rows are lattice vectors, Å; None for _hr.dat.
    vectors : ndarray of int, shape (nR, 3)
        R vectors, reduced coordinates.
    hamiltonian : ndarray of complex, shape (nR, num_wann, num_wann)
        <0m|H|Rn>, eV.
    position : ndarray of complex, shape (nR, num_wann, num_wann, 3), or None
        <0m|r|Rn>, Å; None for _hr.dat.
    degeneracies : ndarray of int, shape (nR,)
        As in the file; 1 once elements are at their nearest copies.
    mesh : tuple of int, or None
        The ab initio k mesh, where it is known.
    """

    path: Path
    real_lattice: np.ndarray | None
    vectors: np.ndarray
    hamiltonian: np.ndarray
    position: np.ndarray | None
    degeneracies: np.ndarray
    mesh: tuple[int, int, int] | None = None

    @property
    def num_wann(self) -> int:
        """Number of Wannier functions."""
        return self.hamiltonian.shape[1]

    @property
    def centers(self) -> np.ndarray:
        """Centres from r(R = 0), shape (num_wann, 3), Å."""
        zero = int(np.flatnonzero((self.vectors == 0).all(axis=1))[0])
        return self.position[zero].diagonal().real.T.copy()


def _counts(file: TextFile) -> tuple[int, np.ndarray]:
    (num_wann,) = file.integers(1, "the number of Wannier functions")
    if num_wann < 1:
        raise file.error("one Wannier function or more", f"{num_wann}")
    (count,) = file.integers(1, "the number of R vectors")
    if count < 1:
        raise file.error("one R vector or more", f"{count}")
    degeneracies = file.integer_list(count, "the degeneracies of the R vectors")
    if degeneracies.min() < 1:
        raise file.error("degeneracies of 1 or more", f"{degeneracies.min()}")
    return num_wann, degeneracies


def _matrix(file: TextFile, block: np.ndarray, first: int, num_wann: int, start: int) -> np.ndarray:
    """Matrix, shape (num_wann, num_wann, ...), of rows with m and n, m fastest, in column `first` and the next."""
    n, m = np.divmod(np.arange(num_wann**2), num_wann)
    wrong = np.flatnonzero((block[:, first] != m + 1) | (block[:, first + 1] != n + 1))
    if len(wrong):
        row = wrong[0]
        raise file.error(
            f"element ({m[row] + 1}, {n[row] + 1})",
            f"({block[row, first]:g}, {block[row, first + 1]:g})",
            start + int(row),
        )
    values = np.ascontiguousarray(block[:, first + 2 :]).view(complex)
    return values.reshape(num_wann, num_wann, -1).swapaxes(0, 1)


def _vector_line(file: TextFile, expected: str) -> list[int]:
    if file.take(1, expected)[0].strip():
        raise file.error("a blank line before each R vector", "something else")
    return file.integers(3, expected)


def read_tb(path: Path) -> RealSpace:
    """Read a _tb.dat file.

    Raises
    ------
    InputError
        Unreadable or missing lines, elements or R vectors out of order, H(R) that is not Hermitian
        (tolerance 1e-5 eV), or r(R) that is far from it (0.5 Å).
    """
    with TextFile(path) as file:
        file.line("a comment")
        lattice = file.table(3, 3, "a lattice vector")
        if abs(np.linalg.det(lattice)) < 1e-6:
            raise file.error("three independent lattice vectors", f"{lattice.tolist()}")
        num_wann, degeneracies = _counts(file)
        count, size = len(degeneracies), num_wann**2
        vectors, lines = np.empty((count, 3), dtype=int), np.empty((2, count), dtype=int)
        hamiltonian = np.empty((count, num_wann, num_wann), dtype=complex)
        position = np.empty((count, num_wann, num_wann, 3), dtype=complex)
        for ir in range(count):
            vectors[ir] = _vector_line(file, f"R vector {ir + 1} of {count}, for H")
            lines[0, ir] = file.number
            block = file.table(size, 4, "m, n and H in eV")
            hamiltonian[ir] = _matrix(file, block, 0, num_wann, lines[0, ir] + 1)[..., 0]
        for ir in range(count):
            vector = _vector_line(file, f"R vector {ir + 1} of {count}, for r")
            lines[1, ir] = file.number
            if vector != vectors[ir].tolist():
                raise file.error(f"R = {tuple(vectors[ir].tolist())}, as for H", f"{tuple(vector)}")
            block = file.table(size, 8, "m, n and r in Å")
            position[ir] = _matrix(file, block, 0, num_wann, lines[1, ir] + 1)
        file.finish(f"{count} R vectors")
    hamiltonian /= degeneracies[:, None, None]
    position /= degeneracies[:, None, None, None]
    check_hermitian(path, "Ham", vectors, hamiltonian, lines[0])
    deviation = check_hermitian(path, "AA", vectors, position, lines[1])
    logger.info("%s: the Hermitian part of r(R) is taken; |r(R) - r(-R)†| is %.2e Å at most", path, deviation)
    return RealSpace(path, lattice, vectors, hamiltonian, position, degeneracies)


def read_hr(path: Path, hermitian: bool = True) -> RealSpace:
    """Read a _hr.dat file.

    Parameters
    ----------
    path : Path
    hermitian : bool
        Whether the matrices must be those of a Hermitian operator.

    Raises
    ------
    InputError
        Unreadable or missing lines, elements out of order, or H(R) that is not Hermitian (tolerance 1e-5 eV).
    """
    with TextFile(path) as file:
        file.line("a comment")
        num_wann, degeneracies = _counts(file)
        count = len(degeneracies)
        vectors, lines = np.empty((count, 3), dtype=int), np.empty(count, dtype=int)
        hamiltonian = np.empty((count, num_wann, num_wann), dtype=complex)
        for ir in range(count):
            lines[ir] = file.number + 1
            block = file.table(num_wann**2, 7, f"R vector {ir + 1} of {count}, m, n and H in eV")
            vectors[ir] = block[0, :3]
            wrong = np.flatnonzero((block[:, :3] != vectors[ir]).any(axis=1))
            if len(wrong):
                raise file.error(
                    f"R = {tuple(vectors[ir].tolist())} in {num_wann**2} lines",
                    f"{tuple(block[wrong[0], :3].tolist())}",
                    int(lines[ir] + wrong[0]),
                )
            hamiltonian[ir] = _matrix(file, block, 3, num_wann, int(lines[ir]))[..., 0]
        file.finish(f"{count} R vectors")
    hamiltonian /= degeneracies[:, None, None]
    if hermitian:
        check_hermitian(path, "Ham", vectors, hamiltonian, lines)
    return RealSpace(path, None, vectors, hamiltonian, None, degeneracies)


def stated_in_wsvec(path: Path) -> bool | None:
    """Whether a _wsvec.dat file says that it was written with use_ws_distance; None where it says neither."""
    with TextFile(path) as file:
        found = re.search(r"use_ws_distance\s*=\s*\.?([tf])", file.line("a comment"), re.IGNORECASE)
    return None if found is None else found[1].lower() == "t"


def read_wsvec(path: Path, model: RealSpace) -> Copies:
    """Copies of the elements of `model` that a _wsvec.dat file lists; errors as in `apply_wsvec`."""
    with TextFile(path) as file:
        file.line("a comment")
        lines = file.rest()
    try:
        tokens = np.array(" ".join(lines).split(), dtype=np.int64)
    except ValueError:
        bad = (i for i, text in enumerate(lines) if re.search(r"[^\d\s-]|\d-|-(?!\d)", text))
        number = next(bad, 0)
        raise InputError(path, "integers", repr(lines[number].strip()[:80]), number + 2) from None

    wanted = len(model.vectors) * model.num_wann**2
    flat, heads, line, position = tokens.tolist(), [], 2, 0
    while position < len(flat):
        copies = flat[position + 5] if position + 5 < len(flat) else 1
        if copies < 1:
            raise InputError(path, "a number of vectors of 1 or more", f"{copies}", line + 1)
        if position + 6 + 3 * copies > len(flat):
            raise InputError(path, f"{copies} vectors", "the end of the file (truncated?)", len(lines) + 1)
        if len(lines[line - 2].split()) != 5:
            raise InputError(path, "R, m and n", repr(lines[line - 2].strip()[:80]), line)
        heads.append(position)
        position += 6 + 3 * copies
        line += 2 + copies
    if len(heads) != wanted:
        found = f"{len(heads)}" + (" (truncated?)" if len(heads) < wanted else "")
        expected = f"{wanted} entries for the {len(model.vectors)} R vectors and {model.num_wann} functions of "
        raise InputError(path, expected + model.path.name, found, len(lines) + 1)

    heads = np.array(heads)
    index = {tuple(vector): i for i, vector in enumerate(model.vectors.tolist())}
    keys = tokens[heads[:, None] + np.arange(5)]
    try:
        which = np.array([index[tuple(key)] for key in keys[:, :3].tolist()])
    except KeyError as error:
        raise InputError(path, f"R vectors of {model.path.name}", f"{error.args[0]}") from None
    m, n, copies = keys[:, 3] - 1, keys[:, 4] - 1, tokens[heads + 5]
    if (
        min(m.min(), n.min()) < 0
        or max(m.max(), n.max()) >= model.num_wann
        or (len(np.unique((which * model.num_wann + m) * model.num_wann + n)) != wanted)
    ):
        raise InputError(path, f"each R vector and pair of functions of {model.path.name} once", "others")

    entry = np.repeat(np.arange(wanted), copies)
    within = np.arange(len(entry)) - np.repeat(np.cumsum(copies) - copies, copies)
    shifts = tokens[(heads[entry] + 6 + 3 * within)[:, None] + np.arange(3)]
    order = np.lexsort((n[entry], m[entry], which[entry]))
    entry = entry[order]
    return Copies(which[entry], m[entry], n[entry], shifts[order], 1 / copies[entry])


def apply_wsvec(path: Path, model: RealSpace) -> RealSpace:
    """Move each element to its nearest copies, as Wannier90 does with use_ws_distance.

    H_mn(R) becomes H_mn(R)/N at the N vectors R + T that the _wsvec.dat file lists for R, m and n.

    Parameters
    ----------
    path : Path
        _wsvec.dat file, plain or compressed.
    model : RealSpace

    Returns
    -------
    RealSpace
        With the R vectors that result.

    Raises
    ------
    InputError
        The file cannot be read, or is not of the same R vectors and functions.
    """
    model = moved(model, read_wsvec(path, model))
    check_hermitian(path, "Ham", model.vectors, model.hamiltonian)
    return model


def read_centres(path: Path, num_wann: int) -> np.ndarray:
    """Centres from a _centres.xyz file, which must not be written with translate_home_cell: H(R) is not translated.

    Returns
    -------
    ndarray, shape (num_wann, 3)
        Å, Cartesian.

    Raises
    ------
    InputError
        The lines of the centres, which have the symbol X, are not num_wann or cannot be read.
    """
    with TextFile(path) as file:
        (count,) = file.integers(1, "the number of centres and atoms")
        file.line("a comment")
        lines = file.take(count, "a symbol and a position in Å")
    if sum(line.split()[:1] == ["X"] for line in lines) != num_wann:
        found = sum(line.split()[:1] == ["X"] for line in lines)
        raise InputError(path, f"{num_wann} centres (lines with X)", f"{found}")
    rows = [(number, line.split()[1:]) for number, line in enumerate(lines, start=3) if line.split()[:1] == ["X"]]
    return np.concatenate([numbers(path, [" ".join(words)], number, 3, "a centre in Å") for number, words in rows])


def build_system(model: RealSpace, centers: np.ndarray | None, real_lattice: np.ndarray) -> System_R:
    """System_R in WannierBerri's convention: r(R) without the centres on its diagonal at R = 0.

    Parameters
    ----------
    model : RealSpace
    centers : ndarray, shape (num_wann, 3), or None
        Å, Cartesian; None to take them from r(R = 0).
    real_lattice : ndarray, shape (3, 3)
        Å.

    Returns
    -------
    System_R
        With 'Ham' and 'AA'; 'AA' is zero where there is no r(R).  It knows the ab initio mesh where the model does.
    """
    zero, diagonal = int(np.flatnonzero((model.vectors == 0).all(axis=1))[0]), np.arange(model.num_wann)
    position = np.zeros((*model.hamiltonian.shape, 3), dtype=complex)
    if model.position is not None:
        minus = opposite(model.path, model.vectors)
        position = 0.5 * (model.position + model.position[minus].swapaxes(1, 2).conj())
        centers = position[zero, diagonal, diagonal].real.copy()
        position[zero, diagonal, diagonal] -= centers
    system = System_R(silent=True)
    system.set_real_lattice(np.array(real_lattice, dtype=float))
    system.num_wann = model.num_wann
    system.set_wannier_centers(wannier_centers_cart=np.array(centers, dtype=float))
    system.rvec = Rvectors(system.real_lattice, shifts_left_red=system.wannier_centers_red, iRvec=model.vectors)
    system.set_R_mat("Ham", model.hamiltonian)
    system.set_R_mat("AA", position)
    system.do_at_end_of_init()
    set_ab_initio_mesh(system, model.mesh)
    return system
