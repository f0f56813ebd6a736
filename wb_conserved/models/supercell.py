"""Supercells: the same crystal with several times as many Wannier functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from wannierberri.system.system_R import System_R

from ..io.private import matrices


def supercell(system: System_R, multiples: Sequence[int]) -> System_R:
    r"""The same crystal in a cell of n1 × n2 × n3 cells,

    .. math:: X_{(c,i)(c',j)}(R') = X_{ij}(R),\quad c + R = c' + (n_1R'_1, n_2R'_2, n_3R'_3),

    c and c' being cells of the supercell.  Every R-space matrix is folded so, exactly, by WannierBerri.  Those that hold
    positions (AA, SR, ...) count them from the Wannier centres, which alone move by lattice vectors: function i of cell c
    has its centre at t_i + c, and the diagonal of AA at R = 0 stays without centres.

    Bands at k are those of the cell at the n1 n2 n3 wave vectors k + G, G the reciprocal lattice vectors of the supercell;
    intensive results on a mesh (N1/n1, N2/n2, N3/n3) are those of the cell on (N1, N2, N3).  Where bands of different k + G
    come closer than the multiplet threshold, they are grouped in the supercell only, which changes what depends on the mean
    velocity of a multiplet, such as σ_K; where they are degenerate, Qiao's spin current depends on the states chosen.

    Parameters
    ----------
    system : wannierberri.system.System_R
    multiples : three int
        n1, n2, n3 along the lattice vectors; 1 along those that are not periodic.

    Returns
    -------
    wannierberri.system.System_R
        With n1 n2 n3 times as many functions, ordered by cell (third index fastest), then as in `system`; without atoms,
        and with the trivial point group: the supercell may have less symmetry than the cell.

    Raises
    ------
    TypeError
        `system` is not a ``System_R`` of plain R-space matrices.
    ValueError
        `multiples` are not three positive integers, or not 1 along a direction that is not periodic; an R-space matrix is
        not of shape (R, n, n, ...), or R vectors are listed twice.

    Examples
    --------
    >>> from wb_conserved.models import rashba_lattice, supercell
    >>> supercell(rashba_lattice(), (2, 2, 1)).num_wann
    8
    """
    if not isinstance(system, System_R) or system.half_wann_matrices:
        raise TypeError(f"system: expected a System_R of plain R-space matrices, found {type(system).__name__}")
    numbers = np.asarray(multiples)
    if numbers.shape != (3,) or not np.issubdtype(numbers.dtype, np.integer) or np.any(numbers < 1):
        raise ValueError(f"multiples: expected three positive integers, found {multiples!r}")
    periodic = np.asarray(system.periodic, dtype=bool)
    if np.any(numbers[~periodic] != 1):
        raise ValueError(
            f"multiples: expected 1 along the directions that are not periodic (periodic = {periodic.tolist()}), found "
            f"{multiples!r}"
        )
    vectors = np.asarray(system.rvec.iRvec)
    if len(np.unique(vectors, axis=0)) != len(vectors):
        raise ValueError("system: expected each R vector once, found some more often")
    shape = (len(vectors), system.num_wann, system.num_wann)
    for name, matrix in matrices(system).items():
        if matrix.shape[:3] != shape:
            raise ValueError(f"system: expected its matrix {name!r} of shape {shape} and more, found {matrix.shape}")
    return system.make_supercell(np.diag(numbers), silent=True)
