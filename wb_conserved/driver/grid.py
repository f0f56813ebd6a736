"""Regular k meshes: the mesh asked for is the mesh used."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import wannierberri

from ..errors import InputError
from ..interpolation.bloch import kpoints_together, line_length

if TYPE_CHECKING:
    from ..annotations import AnySystem, Mesh

MOST_KPOINTS = 10**11
"""Of a mesh: what is certainly not meant."""

_MOST_K_POINTS = 4096  # WannierBerri keeps one Python object for each of its K points
_FFT_POINTS, _LONGEST_LINE = 1000, 100
_FEWEST_FFT_POINTS = 27  # with symmetry: enough to be treated together


def regular_grid(system: AnySystem, mesh: Mesh, small: bool = False) -> wannierberri.Grid:
    """WannierBerri grid with exactly the mesh asked for.

    ``wannierberri.Grid(system, NK=25)`` rounds to a product of its choice, 26 for instance.  Here the mesh is
    factorised exactly into WannierBerri's K points and their FFT grids, NK = NKdiv × NKFFT in every direction.

    Parameters
    ----------
    system : wannierberri.system.System
    mesh : int or three ints
        Number of k points along each reciprocal lattice vector; one number serves all periodic directions.
    small : bool
        Make the FFT grids small, so that there are many K points to choose from, as adaptive refinement wants.

    Returns
    -------
    wannierberri.Grid

    Raises
    ------
    InputError
        Not positive integers; more than `MOST_KPOINTS` in all; more than one point along a direction that is not
        periodic; or a mesh that the symmetry of the system does not allow.

    Examples
    --------
    >>> from wb_conserved import models, regular_grid
    >>> regular_grid(models.rashba_lattice(), [50, 50, 1]).dense.tolist()
    [50, 50, 1]
    """
    mesh = _three_integers(system, mesh)
    symmetric = system.pointgroup.size > 1
    candidates = []
    for fft in itertools.product(*(_divisors(n) for n in mesh)):
        fft = np.array(fft)
        div = mesh // fft
        if system.pointgroup.symmetric_grid(div) and system.pointgroup.symmetric_grid(fft):
            if symmetric or small:  # many K points, of which few are different
                too_many = max(0.0, np.log(np.prod(div) / _MOST_K_POINTS))
                too_small = max(0.0, np.log(_FEWEST_FFT_POINTS / np.prod(fft)))
                rank = (too_many, too_small, int(np.prod(fft)))
            else:  # long lines, which interpolate fastest
                points = max(_FFT_POINTS, kpoints_together(system.num_wann))
                rank = (-min(line_length(fft), _LONGEST_LINE), abs(np.log(np.prod(fft) / points)))
            candidates.append((rank, tuple(fft)))
    if not candidates:
        raise InputError(
            "mesh",
            f"numbers of k points that the {system.pointgroup.size} symmetry operations of the system map onto each other "
            "(equivalent directions need equal numbers)",
            f"{tuple(int(n) for n in mesh)}",
        )
    fft = np.array(min(candidates)[-1])
    return wannierberri.Grid(system=system, NKdiv=mesh // fft, NKFFT=fft)


def _three_integers(system, mesh):
    periodic = np.asarray(system.periodic, bool)
    values = np.asarray(mesh)
    if values.shape not in ((), (3,)) or not np.issubdtype(values.dtype, np.integer) or np.any(values < 1):
        raise InputError("mesh", "a positive integer, or three of them", repr(mesh))
    if values.ndim == 0:
        values = np.where(periodic, values, 1)
    if np.any(values[~periodic] != 1):
        raise InputError(
            "mesh", f"1 along the directions that are not periodic (periodic = {periodic.tolist()})", repr(mesh)
        )
    number = math.prod(values.tolist())
    if number > MOST_KPOINTS:
        each = int(MOST_KPOINTS ** (1 / np.count_nonzero(values > 1)) + 1e-6)
        raise InputError(
            "mesh",
            f"{MOST_KPOINTS:.0e} k points at most, such as {each} along each direction, with which 1000 processes are busy "
            "for a day at 1 ms each",
            f"{' × '.join(map(str, values.tolist()))}, {number:.2g} k points",
        )
    return values


def _divisors(n):
    small = [d for d in range(1, math.isqrt(n) + 1) if n % d == 0]
    return sorted({*small, *(n // d for d in small)})
