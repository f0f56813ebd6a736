"""H(R) as text: _hr.dat of Wannier90 and of codes that write something like it.

    a comment                                 a comment
    num_wann                                  number of elements that follow
    number of R vectors                       num_wann
    degeneracies of the R vectors             R  m  n  Re H  Im H            (elements that are not zero)
    R  m  n  Re H  Im H  (all elements)

on the right WannierTools' sparse form, with the number of R vectors in a line of its own in some files.  Elements may be in
any order, with blank lines between them, and numbers of the head may be followed by a comment.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..errors import InputError
from .checks import check_hermitian
from .list_directed import words
from .text import TextFile
from .tight_binding import RealSpace, elements, read_counts

_ROWS_TOGETHER = 1 << 16
_PHONONS = re.compile(r"phonopy|^\s*writen on \d{4}-", re.IGNORECASE)
"""What phonopyTB, which writes dynamical matrices in this form, has in names and in first lines ("Writen on 2018-...")."""
ZERO_MODE = 1e-3
"""Three eigenvalues at k = 0 below this part of the largest, none negative: sound waves."""


def recognise_hr(head: list[str]) -> bool:
    """Whether a file with these first lines is of this kind."""
    numbers = [list(filter(_is_integer, words(line))) for line in head[1:4]]
    return len(numbers) == 3 and len(numbers[0]) == len(numbers[1]) == 1 and bool(numbers[2])


def read_hr(path: Path, hermitian: bool = True) -> RealSpace:
    """Read H(R).

    Parameters
    ----------
    path : Path
    hermitian : bool
        Whether the matrices must be those of a Hermitian operator.

    Raises
    ------
    InputError
        Unreadable lines, elements that are missing or there twice, or H(R) that is not Hermitian (tolerance 1e-5 eV).
    """
    with TextFile(path) as file:
        file.line("a comment")
        reader = _Elements(file)
        size = _sparse_size(file)
        if size is None:
            num_wann, degeneracies = read_counts(file)
            count = len(degeneracies)
            reader.allocate(num_wann, count)
            for _ in range(count):
                reader.read(num_wann**2, f"R, m, n and H in eV, {count} R vectors of {num_wann} functions")
            reader.check_complete()
        else:
            (num_wann,) = file.integers(1, "the number of Wannier functions")
            if len(words(file.peek("an R vector"))) == 1:
                file.integers(1, "the number of R vectors")
            reader.allocate(num_wann, 1)
            for start in range(0, size, _ROWS_TOGETHER):
                reader.read(min(_ROWS_TOGETHER, size - start), f"R, m, n and H in eV, {size} elements")
            degeneracies = np.ones(reader.count, dtype=int)
        file.finish(f"{reader.count} R vectors")
    vectors, hamiltonian, lines = reader.arrays()
    hamiltonian /= degeneracies[:, None, None]
    if hermitian:
        check_hermitian(path, "Ham", vectors, hamiltonian, lines)
    return RealSpace(path, None, vectors, hamiltonian, None, degeneracies)


def refuse_phonons(model: RealSpace) -> None:
    """Raise InputError where a model is of dynamical matrices, as phonopyTB writes them.

    By its name, its first line, or three modes at k = 0 that move all atoms together: without energy, all others above.
    """
    path = Path(model.path)
    with TextFile(path) as file:
        comment = file.line("a comment")
    found = None
    if _PHONONS.search(path.name) or _PHONONS.search(comment):
        found = f"{path.name}, {comment[:40]!r}"
    elif model.num_wann % 3 == 0 and model.num_wann >= 6:
        values = np.linalg.eigvalsh(model.hamiltonian.sum(axis=0))
        if np.abs(values[:3]).max() < ZERO_MODE * values[-1] and values[3] > 10 * ZERO_MODE * values[-1]:
            found = "three modes without energy at k = 0, all others above"
    if found is not None:
        phonons = f"dynamical matrices of phonons, as phonopyTB writes them ({found})"
        raise InputError(path, "a Hamiltonian of electrons", phonons)


def _sparse_size(file: TextFile) -> int | None:
    """Number of elements of a file of the sparse form, that line being read; None for the other, nothing being read.

    There an element follows two or three numbers, in the other form degeneracies, which are integers.
    """
    head = file.take(3, "numbers of functions and R vectors") + file.take_up_to(1)
    file.put_back(head)
    found = [words(line) for line in head]
    elements_at = next((i for i, row in enumerate(found) if len(row) == 7 and not all(map(_is_integer, row))), None)
    one_vector = elements_at == 3 and found[1] == found[2] == ["1"]  # and its degeneracy, of the other form
    if elements_at in (2, 3) and not one_vector and all(len(row) == 1 for row in found[:elements_at]):
        return file.integers(1, "the number of elements")[0]
    return None


def _is_integer(word: str) -> bool:
    return re.fullmatch(r"[+-]?\d+", word) is not None


class _Elements:
    """Elements of H(R) in any order: R vectors are numbered as they appear."""

    def __init__(self, file: TextFile):
        self._file, self.count = file, 0

    def allocate(self, num_wann: int, count: int) -> None:
        """Make place for R vectors, of which there may be more."""
        self._num_wann, self._index = num_wann, {}
        self._matrices = np.zeros((count, num_wann**2), dtype=complex)
        self._filled = np.zeros((count, num_wann**2), dtype=bool)
        self._lines: list[int] = []

    def read(self, count: int, expected: str) -> None:
        """Read the next elements."""
        block, lines = self._file.rows(count, 7, expected)
        place = elements(self._file, block[:, 3:5], self._num_wann, lines)
        which = self._numbers(block[:, :3], lines)
        again = np.flatnonzero(self._filled[which, place])
        if not len(again):
            self._filled[which, place] = True
            flat = np.sort(which * self._num_wann**2 + place)
            again = np.flatnonzero(flat[1:] == flat[:-1])
            if len(again):  # twice in this block: which one comes second?
                seen, flat = set(), which * self._num_wann**2 + place
                again = [i for i, value in enumerate(flat.tolist()) if value in seen or seen.add(value)]
        if len(again):
            row = int(again[0])
            element = f"element {tuple(block[row, 3:5].astype(int).tolist())} of R = {_text(block[row, :3])} again"
            raise self._file.error("each element once", element, int(lines[row]))
        self._matrices[which, place] = block[:, 5] + 1j * block[:, 6]

    def _numbers(self, vectors, lines):
        """Number of the R vector of each row."""
        if not (vectors == np.rint(vectors)).all():
            row = int(np.flatnonzero((vectors != np.rint(vectors)).any(axis=1))[0])
            raise self._file.error("an R vector of integers", f"{vectors[row].tolist()}", int(lines[row]))
        one = (vectors == vectors[0]).all()
        found, first, where = (
            (vectors[:1], [0], np.zeros(len(vectors), dtype=int))
            if one
            else np.unique(vectors, axis=0, return_index=True, return_inverse=True)
        )
        numbers = np.empty(len(found), dtype=int)
        for i in np.argsort(first):
            key = tuple(found[i].astype(int).tolist())
            if key not in self._index:
                self._index[key] = self.count
                self.count += 1
                self._lines.append(int(lines[first[i]]))
            numbers[i] = self._index[key]
        missing = self.count - len(self._matrices)
        if missing > 0:
            more = ((0, max(missing, len(self._matrices))), (0, 0))
            self._matrices, self._filled = np.pad(self._matrices, more), np.pad(self._filled, more)
        return numbers[where.ravel()]

    def check_complete(self) -> None:
        """Raise InputError where an R vector or an element is missing."""
        filled = self._filled[: self.count]
        if not filled.all():
            which, place = np.argwhere(~filled)[0].tolist()
            m, n = divmod(place, self._num_wann)
            vector = list(self._index)[which]
            raise self._file.error(
                f"{self._num_wann**2} elements for each R vector",
                f"no element ({m + 1}, {n + 1}) of R = {vector}, which starts here",
                self._lines[which],
            )

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """R vectors (R, 3), H (R, m, n), and the first line of each R."""
        matrices = self._matrices[: self.count].reshape(self.count, self._num_wann, self._num_wann)
        return np.array(list(self._index)).reshape(-1, 3), matrices, np.array(self._lines)


def _text(vector) -> str:
    return str(tuple(np.asarray(vector).astype(int).tolist()))
