r"""Classical spins and their energy, from which spin waves start:

.. math:: E = \tfrac12\sum_{ijR}\boldsymbol S_{i0}\cdot J_{ij}(R)\cdot\boldsymbol S_{jR}
    + \sum_i\boldsymbol S_i\cdot A_i\cdot\boldsymbol S_i - g\mu_B\sum_i\boldsymbol B\cdot\boldsymbol S_i

per cell, each pair in both orders, vectors of length S along the moments, :math:`J_{ji}(-R) = J_{ij}(R)^T`.  J holds isotropic
exchange, symmetric anisotropic exchange and the Dzyaloshinskii-Moriya vector, :math:`J_{xy} = -J_{yx} = D_z`.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from ..units import BOHR_MAGNETON
from .conventions import Convention, get_convention
from .exchange_files import read_model
from .reference_state import minimum
from .shells import completed
from .spin_waves import magnon_system

_TRANSPOSED = 1e-4  # of the largest exchange: J_ji(−R) and J_ij(R)ᵀ of files
_UNIT = 1e-3  # of the length of a direction


class SpinModel:
    """Spins of a crystal, their exchange, and the state that they are in.

    Parameters
    ----------
    cell : float array (3, 3)
        Rows are lattice vectors, Å.
    positions : float array (i, 3)
        Of the magnetic sites, in units of the lattice vectors.
    spins : float or float array (i,)
        Lengths S.
    bonds : sequence of (i, j, R, J)
        Sites counted from 0, i in the home cell and j in cell R (three integers), and J (3, 3) or a number, eV.  Where the
        convention has both orders of a pair, one of them may be left out.
    convention : str or Convention
        Which energy the bonds stand for, see `wb_conserved.quasiparticles.conventions`; there is no default.
    directions : float array (i, 3), optional
        Of the spins, unit vectors.  None: not known yet, see `minimised`.
    anisotropy : float array (3, 3) or (i, 3, 3), or mapping of site to (3, 3), optional
        A of S·A·S, eV; for all sites, for each, or for some.  Easy axis z: A_zz < 0.
    field : three floats, optional
        B, T.
    g : float
        Of −g μ_B B·S.
    periodic : three bool
        Two: a sheet, results per sheet.
    name : str

    Attributes
    ----------
    cell, positions, spins, directions, field, g, periodic, name
        As given, as arrays.
    first, second : int arrays (b,)
        Sites of each bond, both orders.
    iRvec : int array (b, 3)
    exchange : float array (b, 3, 3)
        J of E = ½ Σ S·J·S with vectors of length S, eV.
    anisotropy : float array (i, 3, 3)
        A for vectors of length S, symmetric, eV.

    Raises
    ------
    InputError
        Names the argument and, of a bond, its number; bonds that contradict each other or are there twice.
    """

    def __init__(
        self,
        cell,
        positions,
        spins,
        bonds: Sequence[tuple],
        *,
        convention: str | Convention,
        directions=None,
        anisotropy=None,
        field=None,
        g: float = 2.0,
        periodic=(True, True, True),
        name: str = "magnons",
    ):
        self.cell = _array("cell", cell, (3, 3))
        if abs(np.linalg.det(self.cell)) < 1e-8:
            raise InputError("cell", "three lattice vectors that span a volume (Å)", f"{self.cell.tolist()}")
        self.positions = _array("positions", positions, (None, 3))
        number = len(self.positions)
        self.spins = np.broadcast_to(_array("spins", spins, (number,) if np.ndim(spins) else ()), (number,)).copy()
        if not np.all(self.spins > 0):
            raise InputError("spins", "lengths S > 0", f"{self.spins.tolist()}")
        self.periodic = _periodic(periodic)
        self.convention, self.name = get_convention(convention), name
        self.g = float(_array("g", g, ()))
        self.field = np.zeros(3) if field is None else _array("field", field, (3,))
        self.anisotropy = self._anisotropy(anisotropy)
        self.first, self.second, self.iRvec, self.exchange = self._both_orders(bonds)
        self.directions = None if directions is None else self._unit(directions)

    def _anisotropy(self, given):
        number, result = len(self.positions), np.zeros((len(self.positions), 3, 3))
        if isinstance(given, Mapping):
            for site, matrix in given.items():
                if not isinstance(site, int | np.integer) or not 0 <= site < number:
                    raise InputError("anisotropy", f"sites from 0 to {number - 1}", repr(site))
                result[site] = _array(f"anisotropy[{site}]", matrix, (3, 3))
        elif given is not None:
            result[:] = _array("anisotropy", given, (3, 3) if np.ndim(given) == 2 else (number, 3, 3))
        result = 0.5 * (result + result.swapaxes(1, 2))
        return np.array([self.convention.anisotropy(A, S) for A, S in zip(result, self.spins, strict=True)])

    def _both_orders(self, bonds):
        """Arrays of all bonds, in both orders."""
        given = {}
        for place, bond in enumerate(bonds):
            i, j, R, J = self._bond(place, bond)
            if (i, j, R) in given:
                raise InputError(f"bonds[{place}]", "each bond once", f"({i}, {j}, {R}) a second time")
            given[i, j, R] = self.convention.exchange(J, self.spins[i], self.spins[j])
        largest = max((np.abs(J).max() for J in given.values()), default=0.0)
        whole = {}
        for (i, j, R), J in given.items():
            back = (j, i, tuple(-x for x in R))
            if back in given and self.convention.pairs == "once":
                raise InputError(
                    "bonds", f"each pair in one order, as the convention has each pair once ({self.convention})",
                    f"({i}, {j}, {R}) and ({', '.join(map(str, back))})",
                )  # fmt: skip
            difference = np.abs(J - given[back].T).max() if back in given else 0.0
            if difference > _TRANSPOSED * largest:
                raise InputError(
                    "bonds", f"J of ({i}, {j}, {R}) the transpose of that of ({', '.join(map(str, back))})",
                    f"a difference of {difference:.3g} eV",
                )  # fmt: skip
            whole[i, j, R] = 0.5 * (J + given.get(back, J.T).T)
            whole[back] = whole[i, j, R].T
        if not whole:
            return np.zeros(0, int), np.zeros(0, int), np.zeros((0, 3), int), np.zeros((0, 3, 3))
        first, second, vectors = zip(*whole, strict=True)
        return np.array(first), np.array(second), np.array(vectors, dtype=int), np.array(list(whole.values()))

    def _bond(self, place, bond):
        where, number = f"bonds[{place}]", len(self.positions)
        try:
            i, j, R, J = bond
        except (TypeError, ValueError):
            raise InputError(where, "(i, j, R, J)", repr(bond)) from None
        for site in (i, j):
            if not isinstance(site, int | np.integer) or not 0 <= site < number:
                raise InputError(where, f"sites from 0 to {number - 1}", repr(site))
        vector = np.asarray(R)
        if vector.shape != (3,) or vector.dtype.kind not in "iu":
            raise InputError(where, "three integers R", repr(R))
        if np.any(vector[~self.periodic]):
            raise InputError(where, f"R = 0 along directions that are not periodic ({self.periodic.tolist()})", f"{R}")
        R = tuple(vector.tolist())
        if i == j and not any(R):
            raise InputError(where, "two different spins; S·A·S of one is `anisotropy`", f"({i}, {j}, {R})")
        J = np.asarray(J, dtype=float)
        return int(i), int(j), R, _array(where, J * np.eye(3) if J.ndim == 0 else J, (3, 3))

    def _unit(self, directions):
        found = _array("directions", directions, (len(self.positions), 3))
        lengths = np.linalg.norm(found, axis=1)
        if np.any(np.abs(lengths - 1) > _UNIT):
            worst = int(np.abs(lengths - 1).argmax())
            raise InputError("directions", "unit vectors", f"one of length {lengths[worst]:.6g} at site {worst}")
        return found / lengths[:, None]

    @classmethod
    def read(cls, path: str | os.PathLike, **arguments) -> SpinModel:
        """Model from a file or a folder, see `wb_conserved.quasiparticles.exchange_files`.

        Parameters
        ----------
        path : path
            TB2J's ``exchange.xml`` or ``exchange.out``, the folder of its results, or a plain table.
        **arguments
            Of `SpinModel`, for what the file does not tell: ``spins``, ``directions``, ``anisotropy``, ``field``, ...

        Raises
        ------
        InputError
            Names file and line; a table that does not say its convention where none is given.
        """
        return read_model(cls, path, **arguments)

    @classmethod
    def from_shells(cls, cell, positions, spins, shells: Sequence[tuple], *, convention, crystal=None, **arguments):
        """Model from one bond of each shell, completed by the symmetry of the crystal (spglib).

        Parameters
        ----------
        cell, positions, spins, convention
            See `SpinModel`.
        shells : sequence of (i, j, R, J)
            One bond of each.
        crystal : (cell, positions, numbers), optional
            Of all atoms, as spglib takes it, with the same lattice vectors: ligands allow what magnetic sites alone would
            forbid.  By default the magnetic sites, those of equal spin being of one kind.
        **arguments
            Further ones of `SpinModel`; an ``anisotropy`` of some sites (a mapping) is completed too.

        Raises
        ------
        InputError
            A matrix that the symmetry of its bond forbids, with the part that is allowed.
        """
        bonds, anisotropy = completed(cell, positions, spins, shells, arguments.pop("anisotropy", None), crystal)
        convention = get_convention(convention)
        return cls(cell, positions, spins, bonds(convention), convention=convention, anisotropy=anisotropy, **arguments)

    @property
    def cartesian(self) -> np.ndarray:
        """Positions (i, 3), Å."""
        return self.positions @ self.cell

    def with_directions(self, directions: Any) -> SpinModel:
        """The same in another state.

        Parameters
        ----------
        directions : float array (i, 3), or callable
            A function of the positions (i, 3), Å, that returns them.
        """
        result = copy.copy(self)
        result.directions = self._unit(directions(self.cartesian) if isinstance(directions, Callable) else directions)
        return result

    @property
    def of_uniform_states(self) -> tuple[np.ndarray, np.ndarray]:
        """Q (i, 3, j, 3) and b (i, 3) of E = ½ x·Q·x − b·x for vectors x_i of length S that are alike in all cells, eV."""
        number = len(self.positions)
        form = np.zeros((number, 3, number, 3))
        np.add.at(form, (self.first, slice(None), self.second), self.exchange)
        form[range(number), :, range(number)] += 2 * self.anisotropy
        return form, np.broadcast_to(self.g * BOHR_MAGNETON * self.field, (number, 3))

    def energy(self, directions=None) -> float:
        """E per cell, eV, of the state of the model or of another one."""
        form, linear = self.of_uniform_states
        vectors = self.spins[:, None] * (self._known() if directions is None else self._unit(directions))
        return float(0.5 * np.einsum("ia,iajb,jb", vectors, form, vectors) - np.sum(linear * vectors))

    def _known(self):
        if self.directions is None:
            raise InputError("directions", "those of the spins, or model.minimised()", "none")
        return self.directions

    def minimised(self, starts: int = 30, seed: int = 0) -> SpinModel:
        """The same in the state of lowest energy, of all that are alike in every cell, as `minimum` finds it.

        Take a `supercell` first where the order is not that of the cell: spin waves of the wrong one are unstable.

        Parameters
        ----------
        starts : int
            Random states to begin with, besides the one given.
        seed : int
            Of these.
        """
        form, linear = self.of_uniform_states
        return self.with_directions(minimum(form, linear, self.spins, self.directions, starts, seed))

    def supercell(self, matrix, *, wave_vector=None, axis=(0, 0, 1)) -> SpinModel:
        """The same crystal in a larger cell.

        Parameters
        ----------
        matrix : int array (3, 3) or (3,)
            Its lattice vectors in units of those of the cell, rows; three numbers: multiples of each.
        wave_vector, axis : three floats, optional
            Directions turn by 2π q·R about the axis from cell to cell (right-handed), q in reciprocal lattice vectors.

        Returns
        -------
        SpinModel
            Site i of the cell at R follows all sites of the cells before it.

        Raises
        ------
        InputError
            No integers, a determinant < 1, or a wave vector that does not fit into the cell.
        """
        matrix = np.asarray(matrix)
        matrix = np.diag(matrix) if matrix.ndim == 1 else matrix
        if matrix.shape != (3, 3) or matrix.dtype.kind not in "iu" or round(np.linalg.det(matrix)) < 1:
            raise InputError("matrix", "integers (3, 3), or three, with a determinant >= 1", repr(matrix.tolist()))
        cells, inverse = _cells_of(matrix), np.linalg.inv(matrix)
        number, place = len(self.positions), {tuple(R): n for n, R in enumerate(cells.tolist())}
        larger = copy.copy(self)
        larger.cell = matrix @ self.cell
        larger.positions = (self.positions + cells[:, None]).reshape(-1, 3) @ inverse
        larger.spins, larger.anisotropy = np.tile(self.spins, len(cells)), np.tile(self.anisotropy, (len(cells), 1, 1))
        ends = cells[:, None] + self.iRvec  # cell, bond
        vectors = np.floor(ends @ inverse + 1e-9).astype(int)
        homes = ends - vectors @ matrix
        of_cells = np.array([place[tuple(R)] for R in homes.reshape(-1, 3).tolist()]).reshape(homes.shape[:2])
        larger.first = (np.arange(len(cells))[:, None] * number + self.first).ravel()
        larger.second = (of_cells * number + self.second).ravel()
        larger.iRvec, larger.exchange = vectors.reshape(-1, 3), np.tile(self.exchange, (len(cells), 1, 1))
        if self.directions is not None:
            turns = _turns(cells, matrix, wave_vector, axis)
            larger.directions = np.einsum("cab,ib->cia", turns, self.directions).reshape(-1, 3)
        elif wave_vector is not None:
            self._known()
        return larger

    def to_system(self, regulator: float = 0.0, *, zero_point: bool = False):
        """Spin waves as a system for every calculator, see `wb_conserved.quasiparticles.spin_waves.magnon_system`."""
        return magnon_system(self, regulator, zero_point=zero_point)


def _array(name, values, shape):
    """Array of finite numbers of a shape, None standing for any length."""
    try:
        found = np.array(values, dtype=float)
    except (TypeError, ValueError):
        found = np.array(np.nan)
    fits = found.ndim == len(shape) and all(n is None or n == m for n, m in zip(shape, found.shape, strict=True))
    if not fits or not np.isfinite(found).all() or found.size == 0:
        expected = "a finite number" if shape == () else f"finite numbers of shape {shape}".replace("None", "n")
        raise InputError(name, expected, repr(values) if found.ndim == 0 else f"shape {found.shape}")
    return found


def _periodic(periodic):
    found = np.asarray(periodic)
    if found.shape != (3,) or found.dtype != bool or not found.any():
        raise InputError("periodic", "three of True and False, one at least True", repr(periodic))
    return found


def _cells_of(matrix):
    """Cells (c, 3) of the lattice in one cell of a sublattice, that at 0 first."""
    reach = np.abs(matrix).sum(axis=0)
    every = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij"), axis=-1).reshape(-1, 3)
    reduced = every @ np.linalg.inv(matrix)
    inside = np.all((reduced > -1e-9) & (reduced < 1 - 1e-9), axis=1)
    cells = every[inside]
    return cells[np.argsort(np.any(cells != 0, axis=1), kind="stable")]


def _turns(cells, matrix, wave_vector, axis):
    """Rotation matrices (c, 3, 3) of each cell."""
    if wave_vector is None:
        return np.broadcast_to(np.eye(3), (len(cells), 3, 3))
    q, axis = _array("wave_vector", wave_vector, (3,)), _array("axis", axis, (3,))
    misfit = np.abs(matrix @ q - np.round(matrix @ q)).max()
    if misfit > 1e-6:
        raise InputError(
            "wave_vector", "one that turns by whole turns along the vectors of the larger cell", f"{q.tolist()}"
        )
    axis = axis / np.linalg.norm(axis)
    cross = np.cross(np.eye(3), -axis)  # cross @ v = axis × v
    angle = (2 * np.pi * cells @ q)[:, None, None]
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
