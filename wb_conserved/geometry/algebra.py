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
    last = matrix.ndim - 1
    return xp.conj(xp.permute_dims(matrix, (0, last, *range(2, last), 1)))


def contract(left, right):
    """Row-wise contraction Σ_m X_nm conj(Y_nm), that is (X Y†)_nn for every pair of Cartesian components.

    For Hermitian Y this is the diagonal of the product XY.

    Parameters
    ----------
    left : array (k, n, a.., m)
    right : array (k, n, b.., m)

    Returns
    -------
    array (k, n, a.., b..)
    """
    xp = namespace(left)
    k, n, *a, m = left.shape
    *b, _ = right.shape[2:]
    transposed = xp.matrix_transpose(xp.reshape(xp.conj(right), (k, n, -1, m)))
    result = xp.matmul(xp.reshape(left, (k, n, -1, m)), transposed)
    return xp.reshape(result, (k, n, *a, *b))
