"""Dense algebra on operator matrices stored as ``X[k, n, a.., m]`` (bra n, Cartesian axes a.., ket m).

The adjoint is X†_nm = η_n η_m conj X_mn with the metric η (n,) of the bands, and "Hermitian" means X† = X (see the package
docstring).  Products know no metric, and (XY)† = Y†X† as ever.
"""

from __future__ import annotations

import math

_BLOCK = 2**14  # elements of a matrix that are transposed while they are in the cache


def namespace(array):
    """Array-API namespace of `array` (NumPy, CuPy, PyTorch, ...)."""
    return array.__array_namespace__()


def product(left, right):
    """Operator product (XY)_nm = Σ_p X_np Y_pm.

    Parameters
    ----------
    left : array (k, n, a.., p)
    right : array (k, p, b.., m)

    Returns
    -------
    array (k, n, a.., b.., m)
    """
    xp = namespace(left)
    k, n, *a, p = left.shape
    *b, m = right.shape[2:]
    result = xp.matmul(xp.reshape(left, (k, -1, p)), xp.reshape(right, (k, p, -1)))
    return xp.reshape(result, (k, n, *a, *b, m))


def adjoint(matrix, *, metric=None):
    """Hermitian conjugate: X[k, n, a.., m] -> η_n η_m conj X[k, m, a.., n]."""
    xp = namespace(matrix)
    k, n, *a, m = matrix.shape
    matrix = xp.reshape(matrix, (k, n, -1, m))
    result = xp.empty((k, m, matrix.shape[2], n), dtype=matrix.dtype, device=matrix.device)
    for part in _blocks(result):
        # first a copy, as arithmetic with a transposed view is several times slower
        result[part, ...] = xp.permute_dims(xp.conj(matrix[part, ...]), (0, 3, 2, 1))
    return signed(xp.reshape(result, (k, m, *a, n)), metric)


def with_adjoint(half, *, metric=None):
    """Hermitian matrix X + X† from one half of it."""
    return _with_adjoint(half, half.shape, lambda part: half[part, ...], metric)


def hermitian_product(left, right, more=None, *, metric=None):
    """Hermitian matrix XY + (XY)†; shapes as in `product`.

    With `more`, a function that returns Z (k, n, a.., b.., m) for a slice of the k points: XY + Z + (XY + Z)†.
    """
    k, n, *a, _ = left.shape
    *b, m = right.shape[2:]

    def half(part):
        result = product(left[part, ...], right[part, ...])
        if more is not None:
            result += more(part)
        return result

    return _with_adjoint(left, (k, n, *a, *b, m), half, metric)


def _with_adjoint(like, shape, half, metric):
    """Hermitian matrix of some shape from a function that returns a half of it for a slice of the k points."""
    xp = namespace(like)
    k, n, *a, m = shape
    result = xp.empty((k, n, math.prod(a), m), dtype=like.dtype, device=like.device)
    for part in _blocks(result):
        matrix = xp.reshape(half(part), (-1, n, math.prod(a), m))
        # first a copy, as arithmetic with a transposed view is several times slower
        result[part, ...] = xp.permute_dims(xp.conj(matrix), (0, 3, 2, 1))
        if metric is not None:
            result[part, ...] = signed(result[part, ...], metric)
        result[part, ...] += matrix
    return xp.reshape(result, shape)


def _blocks(matrix):
    """Parts of the k points of a matrix that stay in the cache."""
    number, size = matrix.shape[0], max(1, _BLOCK // max(1, math.prod(matrix.shape[1:])))
    return [slice(first, min(first + size, number)) for first in range(0, number, size)]


def contract(left, right, *, metric=None):
    """Real part of the row-wise contraction, Re Σ_m X_nm η_n η_m conj(Y_nm) = Re (X Y†)_nn for every pair of components.

    For Hermitian Y this is the diagonal of the product XY.  −Im (X Y†)_nn is the contraction of i X with Y.

    Parameters
    ----------
    left : complex array (k, n, a.., m)
    right : complex array (k, n, b.., m)
    metric : array (n,), optional
        η, ±1.

    Returns
    -------
    real array (k, n, a.., b..)
    """
    xp = namespace(left)
    (k, n, *a, _), (_, _, *b, _) = left.shape, right.shape
    result = xp.matmul(_real_rows(signed(left, metric)), xp.matrix_transpose(_real_rows(right)))
    return xp.reshape(result, (k, n, *a, *b))


def scaled(matrix, factors, constant=1.0):
    """Elements c F_nm X_nm, one real or bool factor F (k, n, m) for all components of the matrix (k, n, a.., m)."""
    xp = namespace(matrix)
    k, n, *a, m = matrix.shape
    factors = constant * xp.astype(factors, matrix.dtype)
    return matrix * xp.reshape(factors, (k, n, *(1 for _ in a), m))


def signed(matrix, metric):
    """Elements η_n η_m X_nm of a matrix (k, n, a.., m), the matrix itself without a metric."""
    if metric is None:
        return matrix
    xp = namespace(matrix)
    _, n, *a, m = matrix.shape
    metric = xp.astype(metric, matrix.dtype)
    return matrix * xp.reshape(metric[:, None] * metric[None, :], (1, n, *(1 for _ in a), m))


def inside(matrix, same, constant=1.0):
    """Blocks of a matrix (k, n, a.., m) inside multiplets, `same` being true (k, n, m), times a constant."""
    return scaled(matrix, same, constant)


def diagonal(matrix):
    """Real diagonal of a Hermitian matrix (k, n, a.., m) per band, (k, n, a..): traces as sums over multiplets."""
    xp = namespace(matrix)
    k, n, *a, m = matrix.shape
    components = xp.permute_dims(xp.reshape(matrix, (k, n, -1, m)), (0, 2, 1, 3))
    result = xp.permute_dims(xp.real(xp.linalg.diagonal(components)), (0, 2, 1))
    return xp.reshape(result, (k, n, *a))


def _real_rows(matrix):
    """Rows as vectors of their real and imaginary parts in any order, (k, n, components, 2m)."""
    xp = namespace(matrix)
    k, n, *_, m = matrix.shape
    matrix = xp.reshape(matrix, (k, n, -1, m))
    if hasattr(matrix, "strides"):  # NumPy and CuPy: the same memory read as real numbers, which saves a copy
        return xp.ascontiguousarray(matrix).view(xp.real(matrix).dtype)
    return xp.concat([xp.real(matrix), xp.imag(matrix)], axis=-1)
