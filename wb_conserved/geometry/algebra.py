"""Dense algebra on operator matrices stored as ``X[k, n, a.., m]`` (bra n, Cartesian axes a.., ket m)."""

from __future__ import annotations


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


def adjoint(matrix):
    """Hermitian conjugate: X[k, n, a.., m] -> conj X[k, m, a.., n]."""
    xp = namespace(matrix)
    k, n, *a, m = matrix.shape
    transposed = xp.permute_dims(matrix, (0, matrix.ndim - 1, *range(2, matrix.ndim - 1), 1))
    # merging axes copies, and arithmetic with a copy is several times faster than with a transposed view
    return xp.reshape(xp.conj(xp.reshape(transposed, (k, m, -1))), (k, m, *a, n))


def with_adjoint(half):
    """Hermitian matrix X + X† from one half of it."""
    result = adjoint(half)
    result += half
    return result


def contract(left, right):
    """Real part of the row-wise contraction, Re Σ_m X_nm conj(Y_nm) = Re (X Y†)_nn for every pair of components.

    For Hermitian Y this is the diagonal of the product XY.  −Im (X Y†)_nn is the contraction of i X with Y.

    Parameters
    ----------
    left : complex array (k, n, a.., m)
    right : complex array (k, n, b.., m)

    Returns
    -------
    real array (k, n, a.., b..)
    """
    xp = namespace(left)
    (k, n, *a, _), (_, _, *b, _) = left.shape, right.shape
    result = xp.matmul(_real_rows(left), xp.matrix_transpose(_real_rows(right)))
    return xp.reshape(result, (k, n, *a, *b))


def scaled(matrix, factors, constant=1.0):
    """Elements c F_nm X_nm, one real or bool factor F (k, n, m) for all components of the matrix (k, n, a.., m)."""
    xp = namespace(matrix)
    k, n, *a, m = matrix.shape
    factors = constant * xp.astype(factors, matrix.dtype)
    return matrix * xp.reshape(factors, (k, n, *(1 for _ in a), m))


def inside(matrix, same):
    """Blocks of a matrix (k, n, a.., m) inside multiplets, `same` being true (k, n, m)."""
    return scaled(matrix, same)


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
