"""Observables from matrices of the user: constant in the Wannier basis, or in R space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from ..io.checks import opposite
from ..io.hr import read_hr
from ..io.npz import read_arrays
from ..io.text import locate, stem
from .base import Operator, RealSpaceMatrix

HERMITIAN_TOLERANCE = 1e-5
"""Largest |X(R) − X(−R)†| over the largest |X|: ten times the last of six digits."""


def matrix_operator(
    matrix: ArrayLike,
    *,
    odd_under_time_reversal: bool,
    odd_under_inversion: bool = False,
    symmetric: bool = False,
    name: str = "matrix",
    unit: str = "",
) -> Operator:
    """Observable from a constant matrix between the Wannier functions of a cell.

    Parameters
    ----------
    matrix : array (n, n) or (n, n, 3)
        <i|s|j>, Hermitian; three components make a vector (rank 1).
    odd_under_time_reversal : bool
        What to declare, since a matrix does not tell: True for a magnetic moment, False for an occupation or a position.
    odd_under_inversion : bool
        True for a polar vector or a pseudoscalar.
    symmetric : bool
        Declare that every operation of the point group takes s to itself as a tensor of its rank, which is not checked;
        then symmetry may reduce the k mesh.
    name, unit : str
        For results; conductivities are in (unit/|e|) S/cm.

    Returns
    -------
    Operator

    Raises
    ------
    InputError
        Another shape, elements that are not finite numbers, or a matrix that is not Hermitian.

    Examples
    --------
    >>> import numpy as np
    >>> from wb_conserved.operators import matrix_operator
    >>> orbital = matrix_operator(np.diag([1.0, -1.0]), odd_under_time_reversal=False, name="orbital")
    >>> orbital.name
    'orbital'
    """
    values = _numbers("matrix", matrix)
    if values.ndim not in (2, 3) or values.shape[0] != values.shape[1] or values.shape[2:] not in ((), (3,)):
        raise InputError("matrix", "a matrix of shape (n, n) or (n, n, 3)", f"shape {values.shape}")
    return _operator(
        "matrix",
        np.zeros((1, 3), dtype=int),
        values[None],
        odd_under_time_reversal,
        odd_under_inversion,
        symmetric,
        name,
        unit,
    )


def r_space_operator(
    source: str | Path | Sequence,
    *,
    odd_under_time_reversal: bool,
    odd_under_inversion: bool = False,
    symmetric: bool = False,
    name: str | None = None,
    unit: str = "",
) -> Operator:
    """Observable from its matrices in R space, X_ij(R) = <i, 0|s|j, R> as in Wannier90's files.

    Parameters
    ----------
    source : path, or (iRvec, matrix)
        A .npz file with arrays ``iRvec`` (R, 3), integers, and ``matrix`` (R, n, n) or (R, n, n, 3); a text file in the
        format of _hr.dat (a scalar; its weights of the R vectors are divided out), plain, .xz or .gz; or the two arrays.
    odd_under_time_reversal, odd_under_inversion, symmetric, unit
        See `matrix_operator`.
    name : str, optional
        For results; by default that of the file.

    Returns
    -------
    Operator

    Raises
    ------
    InputError
        An unreadable file, a missing array, another shape, an R vector twice or without −R, elements that are not finite
        numbers, or X(R) ≠ X(−R)†.
    """
    if isinstance(source, str | Path):
        text = str(source)
        label = name or Path(stem(text)).stem
        if text.endswith(".npz"):
            arrays = read_arrays(Path(text))
            missing = [key for key in ("iRvec", "matrix") if key not in arrays]
            if missing:
                raise InputError(text, "arrays 'iRvec' and 'matrix'", f"{sorted(arrays)}")
            vectors, matrix = arrays["iRvec"], arrays["matrix"]
        else:
            real_space = read_hr(locate(stem(text)) or Path(text))
            vectors, matrix = real_space.vectors, real_space.hamiltonian
    else:
        text, label = "source", name or "matrix"
        if not isinstance(source, tuple | list) or len(source) != 2:
            raise InputError(text, "a path, or the pair (iRvec, matrix)", f"{type(source).__name__}")
        vectors, matrix = source
    vectors = _numbers(text, vectors)
    if vectors.ndim != 2 or vectors.shape[1] != 3 or not np.array_equal(vectors, np.round(vectors.real)):
        raise InputError(text, "integers 'iRvec' of shape (R, 3)", f"{vectors.dtype} of shape {vectors.shape}")
    matrix = _numbers(text, matrix)
    if (
        matrix.ndim not in (3, 4)
        or matrix.shape[0] != len(vectors)
        or matrix.shape[1] != matrix.shape[2]
        or matrix.shape[3:] not in ((), (3,))
    ):
        raise InputError(
            text, f"'matrix' of shape (R, n, n) or (R, n, n, 3) with R = {len(vectors)}", f"shape {matrix.shape}"
        )
    vectors = np.round(vectors.real).astype(int)
    return _operator(text, vectors, matrix, odd_under_time_reversal, odd_under_inversion, symmetric, label, unit)


def _operator(source, vectors, matrix, odd_under_time_reversal, odd_under_inversion, symmetric, name, unit):
    """Operator from matrices (R, n, n[, 3]) of the right shape."""
    for key, value in (
        ("odd_under_time_reversal", odd_under_time_reversal),
        ("odd_under_inversion", odd_under_inversion),
        ("symmetric", symmetric),
    ):
        if not isinstance(value, bool | np.bool_):
            raise InputError(key, "True or False", repr(value))
    minus = opposite(source, vectors)
    deviation = np.abs(matrix - matrix[minus].swapaxes(1, 2).conj())
    worst = np.unravel_index(deviation.argmax(), deviation.shape)
    if not deviation[worst] <= HERMITIAN_TOLERANCE * np.abs(matrix).max():
        raise InputError(
            source,
            f"a Hermitian matrix, X(R) = X(−R)† to {HERMITIAN_TOLERANCE:g} of its largest element",
            f"a difference of {deviation[worst]:.3e} at R = {tuple(vectors[worst[0]].tolist())}, element "
            f"({worst[1] + 1}, {worst[2] + 1})",
        )
    rank = matrix.ndim - 3
    return Operator(
        name,
        rank=rank,
        odd_under_time_reversal=bool(odd_under_time_reversal),
        matrix=RealSpaceMatrix(vectors, matrix if rank else matrix[..., None]),
        scale=1.0,
        unit=unit,
        odd_under_inversion=bool(odd_under_inversion),
        symmetric=bool(symmetric),
    )


def _numbers(source, values):
    """Array of finite numbers."""
    values = np.asarray(values)
    if values.dtype.kind not in "biufc" or values.size == 0:
        raise InputError(source, "an array of numbers", f"an array of {values.dtype}, shape {values.shape}")
    if not np.isfinite(values).all():
        raise InputError(source, "finite numbers", f"{np.count_nonzero(~np.isfinite(values))} that are NaN or infinite")
    return values
