"""Pseudospins of layers and sublattices: s = +1 on some Wannier functions, −1 on others, 0 on the rest.

Even under time reversal and pure numbers, so that conductivities are in (1/|e|) S/cm: the current through the one set less
that through the other.  Crystal operations may exchange the sets, so that results are never symmetrised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .base import Operator
from .matrices import matrix_operator

if TYPE_CHECKING:
    from ..annotations import AnySystem

Z_CUT_TOLERANCE = 1e-2
"""A centre this close to the cut belongs to no layer, Å."""
ATOM_TOLERANCE = 0.05
"""Centres whose distances to two atoms differ by less belong to neither, Å."""


def layer(
    system: AnySystem,
    *,
    z_cut: float | None = None,
    upper: Sequence[int] | None = None,
    lower: Sequence[int] | None = None,
    atom_positions: ArrayLike | None = None,
) -> Operator:
    r"""Layer pseudospin: s = +1 on the functions of the upper layer, −1 on those of the lower one.

    .. math:: s = \sum_{i\in\mathrm{upper}}|i\rangle\langle i| - \sum_{i\in\mathrm{lower}}|i\rangle\langle i|

    Parameters
    ----------
    system : wannierberri.system.System_R
        Its Wannier centres tell the layers apart.
    z_cut : float
        Height between the layers, Å.  Centres are moved along the third lattice vector to within half its height of
        the cut, so that the layers must lie closer to each other across the cut than across the vacuum.
    upper, lower : sequence of int
        In place of `z_cut`: indices of the Wannier functions, counted from 0, or of atoms with `atom_positions`.  Functions
        of neither have s = 0.
    atom_positions : array (n, 3), optional
        Atoms in reduced coordinates: every function belongs to the nearest one.

    Returns
    -------
    Operator

    Raises
    ------
    ValueError
        Not exactly one of `z_cut` and the two lists; a centre at the cut or between two atoms; an empty layer; an index
        out of range or in both lists.

    Examples
    --------
    >>> import numpy as np
    >>> from wb_conserved.models import lattice_system
    >>> from wb_conserved.operators import layer
    >>> hoppings = {(0, 0, 0): [[0.0, 0.1], [0.1, 0.0]]}
    >>> bilayer = lattice_system(np.diag([3.0, 3.0, 20.0]), hoppings, centers=[[0, 0, 8.0], [0, 0, 12.0]])
    >>> layer(bilayer, z_cut=10.0).name
    'layer pseudospin'
    """
    lists = upper is not None or lower is not None
    if (z_cut is not None) == lists:
        found = "both" if lists else "neither"
        raise ValueError(f"layer: expected either z_cut, or upper and lower, found {found}")
    if z_cut is None:
        return _pseudospin(system, "layer", {"upper": upper, "lower": lower}, atom_positions)
    if atom_positions is not None:
        raise ValueError("atom_positions: expected none with z_cut, which uses the Wannier centres; found some")
    if not np.isfinite(z_cut):
        raise ValueError(f"z_cut: expected a height in Å, found {z_cut!r}")
    height = _centers(system)[:, 2] - z_cut
    lattice = np.asarray(system.real_lattice)
    if np.allclose(lattice[:2, 2], 0):
        period = abs(lattice[2, 2])
        height = (height + 0.5 * period) % period - 0.5 * period
    close = np.flatnonzero(np.abs(height) < Z_CUT_TOLERANCE)
    if len(close):
        raise ValueError(
            f"z_cut: expected a height between the layers, found {z_cut} Å, where Wannier functions {close.tolist()} lie"
        )
    if np.all(height > 0) or np.all(height < 0):
        side = "above" if height[0] > 0 else "below"
        raise ValueError(f"z_cut: expected Wannier centres on both sides, found all {len(height)} {side} {z_cut} Å")
    return _diagonal("layer", np.sign(height))


def sublattice(
    system: AnySystem, *, plus: Sequence[int], minus: Sequence[int], atom_positions: ArrayLike | None = None
) -> Operator:
    r"""Sublattice pseudospin: s = +1 on the functions of one sublattice, −1 on those of the other.

    .. math:: s = \sum_{i\in\mathrm{plus}}|i\rangle\langle i| - \sum_{i\in\mathrm{minus}}|i\rangle\langle i|

    Parameters
    ----------
    system : wannierberri.system.System_R
    plus, minus : sequence of int
        Indices of the Wannier functions, counted from 0, or of atoms with `atom_positions`.  Functions of neither have
        s = 0.
    atom_positions : array (n, 3), optional
        Atoms in reduced coordinates: every function belongs to the nearest one.

    Returns
    -------
    Operator

    Raises
    ------
    ValueError
        An index out of range or in both lists, an empty sublattice, or a centre between two atoms.

    Examples
    --------
    >>> from wb_conserved.models import kane_mele
    >>> from wb_conserved.operators import sublattice
    >>> sublattice(kane_mele(), plus=[0, 1], minus=[2, 3]).name
    'sublattice pseudospin'
    """
    return _pseudospin(system, "sublattice", {"plus": plus, "minus": minus}, atom_positions)


def _pseudospin(system, name, groups, atom_positions):
    """Operator from the two groups, by argument name, of functions or atoms."""
    owners = np.arange(system.num_wann)
    number, what = system.num_wann, "Wannier functions"
    if atom_positions is not None:
        positions = np.asarray(atom_positions, dtype=float)
        if positions.ndim != 2 or positions.shape[1] != 3 or not np.isfinite(positions).all():
            raise ValueError(f"atom_positions: expected reduced coordinates (n, 3), found shape {positions.shape}")
        number, what = len(positions), "atoms"
        distances = _distances(system, positions)
        owners = distances.argmin(axis=1)
    sign_of = np.zeros(number)
    for (argument, indices), sign in zip(groups.items(), (1, -1), strict=True):
        values = np.asarray([] if indices is None else indices)
        if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "iu":
            raise ValueError(f"{argument}: expected indices of {what}, found {indices!r}")
        if values.min() < 0 or values.max() >= number:
            raise ValueError(f"{argument}: expected indices from 0 to {number - 1} of {what}, found {values.tolist()}")
        if np.any(sign_of[values] != 0):
            raise ValueError(f"{argument}: expected no {what} of the other list, found {values.tolist()}")
        sign_of[values] = sign
    signs = sign_of[owners]
    if atom_positions is not None:
        close = distances < distances.min(axis=1, keepdims=True) + ATOM_TOLERANCE
        for function, atoms in enumerate(close):
            if len(set(sign_of[atoms])) > 1:
                raise ValueError(
                    f"atom_positions: expected every Wannier function nearest to one atom, found function {function} "
                    f"between atoms {np.flatnonzero(atoms).tolist()}; give indices of Wannier functions instead"
                )
        for argument, sign in zip(groups, (1, -1), strict=True):
            if not np.any(signs == sign):
                raise ValueError(f"{argument}: expected atoms with Wannier functions, found none on these")
    return _diagonal(name, signs)


def _distances(system, positions):
    """Distance (function, atom), Å, to the nearest copy of each atom."""
    lattice = np.asarray(system.real_lattice)
    difference = (_centers(system) @ np.linalg.inv(lattice))[:, None] - positions[None]
    difference -= np.round(difference)
    shifts = np.stack(np.meshgrid(*3 * [[-1, 0, 1]], indexing="ij"), axis=-1).reshape(-1, 3)
    return np.linalg.norm((difference[:, :, None] + shifts) @ lattice, axis=-1).min(axis=-1)


def _centers(system):
    centers = getattr(system, "wannier_centers_cart", None)
    if centers is None:
        raise ValueError("system: expected Wannier centres, found none; give indices of Wannier functions instead")
    return np.asarray(centers)


def _diagonal(name, signs):
    return matrix_operator(np.diag(signs), odd_under_time_reversal=False, name=f"{name} pseudospin")
