"""A complex matrix in a file: .npy, or text with a row of the matrix in each line."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError
from .text import TextFile

_COMMENT = "#"


def complex_number(text: str) -> complex:
    """A number such as "0.1", "0.1-0.2j", "(0.1-0.2j)" or "-0.2i".

    Raises
    ------
    ValueError
        It is none.
    """
    number = text.strip().removeprefix("(").removesuffix(")")
    return complex(f"{number[:-1]}j" if number.endswith("i") else number)


def read_matrix(path: Path) -> np.ndarray:
    """A matrix (n, m) of complex numbers.

    Parameters
    ----------
    path : Path
        A .npy file; or text, plain or with .xz or .gz, in which lines hold the elements of a row, as `complex_number` reads
        them, and # begins a comment.

    Returns
    -------
    complex array

    Raises
    ------
    InputError
        With the line.
    """
    if path.suffix == ".npy":
        return _array(path)
    rows: list[list[complex]] = []
    with TextFile(path) as file:
        for number, line in enumerate(file.rest(), start=1):
            words = line.partition(_COMMENT)[0].split()
            if not words:
                continue
            try:
                rows.append([complex_number(word) for word in words])
            except ValueError as error:
                raise file.error("complex numbers, such as 0.1-0.2j", str(error), number) from None
            if len(rows[-1]) != len(rows[0]):
                raise file.error(f"{len(rows[0])} numbers, as in the rows before", f"{len(rows[-1])}", number)
    if not rows:
        raise InputError(path, "rows of a matrix", "none")
    return np.array(rows)


def _array(path):
    try:
        matrix = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(path, "an array in NumPy's format", str(error).splitlines()[0]) from None
    if matrix.ndim != 2 or matrix.dtype.kind not in "iufc":
        raise InputError(path, "a matrix of numbers", f"an array of shape {matrix.shape} and type {matrix.dtype}")
    return matrix.astype(complex)
