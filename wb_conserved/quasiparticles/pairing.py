r"""Pairing by name on named orbitals and shells of neighbours,

.. math:: \Delta_{ij}(\boldsymbol R) = \tfrac12\Delta_0\,g(\hat{\boldsymbol r}),\quad
    \boldsymbol r = \boldsymbol R + \boldsymbol t_j - \boldsymbol t_i,

times −i for odd g, and Δ_0 itself at r = 0, so that on the square lattice with one orbital "s" is Δ_0, "extended s"
Δ_0 (cos k_x + cos k_y), "d_x2-y2" Δ_0 (cos k_x − cos k_y), and "p+ip" Δ_0 (sin k_x + i sin k_y).

Pairs are made of one orbital: functions at one place are its orbitals, in the order in which they are named, and each pairs
with the one of the same number at the other place.  Anything else is a matrix Δ_ij(R).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from .bogoliubov import orbitals_of
from .gap import Gap
from .spin import spin_pairs

_SAME_PLACE = 0.01  # Å
_SAME_SHELL = 0.01  # Å
_VANISHES = 1e-9
_IY = np.array([[0.0, 1.0], [-1.0, 0.0]])  # iσ_y
_PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


@dataclass(frozen=True)
class Form:
    """Angular dependence of a pairing.

    Attributes
    ----------
    parts : tuple of callables
        Of unit vectors (r, 3), real and of one parity; the second one stands with i.
    odd : bool
    sign : int
        Of that i.
    """

    parts: tuple[Callable[[np.ndarray], np.ndarray], ...]
    odd: bool = False
    sign: int = 1

    def __call__(self, directions: np.ndarray) -> np.ndarray:
        first, *second = (part(directions) for part in self.parts)
        return first + self.sign * 1j * second[0] if second else first


def _one(r):
    return np.ones(len(r))


def _x(r):
    return r[:, 0]


def _y(r):
    return r[:, 1]


def _z(r):
    return r[:, 2]


def _x2y2(r):
    return r[:, 0] ** 2 - r[:, 1] ** 2


def _xy(r):
    return 2 * r[:, 0] * r[:, 1]


def _xz(r):
    return 2 * r[:, 0] * r[:, 2]


def _yz(r):
    return 2 * r[:, 1] * r[:, 2]


def _z2(r):
    return 0.5 * (3 * r[:, 2] ** 2 - 1)


def _fx(r):
    return r[:, 0] ** 3 - 3 * r[:, 0] * r[:, 1] ** 2


def _fy(r):
    return 3 * r[:, 0] ** 2 * r[:, 1] - r[:, 1] ** 3


FORMS = {
    "s": Form((_one,)),
    "extended s": Form((_one,)),
    "d_x2-y2": Form((_x2y2,)),
    "d_xy": Form((_xy,)),
    "d_xz": Form((_xz,)),
    "d_yz": Form((_yz,)),
    "d_z2": Form((_z2,)),
    "d+id": Form((_x2y2, _xy)),
    "d-id": Form((_x2y2, _xy), sign=-1),
    "d_xz+id_yz": Form((_xz, _yz)),
    "p_x": Form((_x,), odd=True),
    "p_y": Form((_y,), odd=True),
    "p_z": Form((_z,), odd=True),
    "p+ip": Form((_x, _y), odd=True),
    "p-ip": Form((_x, _y), odd=True, sign=-1),
    "f_x": Form((_fx,), odd=True),
    "f_y": Form((_fy,), odd=True),
    "f+if": Form((_fx, _fy), odd=True),
}
"""Pairings by name; shell 0 is "s" on one place."""


@dataclass(frozen=True)
class Pairing:
    """Pairing by name, a gap once a system is known; `pairing` makes it.

    Attributes
    ----------
    name : str
    delta0 : complex
        eV.
    orbitals : tuple of int or None
    shell : tuple of int
    d_vector : tuple of complex or None
    others : tuple of Pairing
        To be added.
    """

    name: str
    delta0: complex
    orbitals: tuple[int, ...] | None
    shell: tuple[int, ...]
    d_vector: tuple[complex, ...] | None = None
    others: tuple[Pairing, ...] = ()

    def __add__(self, other):
        if not isinstance(other, Pairing):
            return NotImplemented
        return replace(self, others=(*self.others, other))

    def on(self, system, basis: str) -> Gap:
        """The gap of a system, in a basis."""
        gap = self._alone(system, basis)
        for other in self.others:
            gap = gap + other.on(system, basis)
        return gap

    def _alone(self, system, basis):
        form, spinful = FORMS[self.name], basis == "nambu" and system.has_R_mat("SS")
        if form.odd and basis == "singlet":
            raise InputError("basis", f"'nambu' for the triplet pairing {self.name!r}", "'singlet'")
        if self.d_vector is not None and not (spinful and form.odd):
            expected = "none" + (f" for the even pairing {self.name!r}" if spinful else ", as the functions have no spin")
            raise InputError("d_vector", expected, f"{list(self.d_vector)}")
        if not form.odd and basis == "nambu" and not spinful:
            raise InputError("pairing", "an odd one in the basis 'nambu' for functions without spin", repr(self.name))
        pairs = spin_pairs(system) if spinful else None
        kept = pairs.up if spinful else orbitals_of(system) if basis == "singlet" else np.arange(system.num_wann)
        vectors, matrices = self.between_orbitals(system, kept)
        if not spinful:
            return Gap(matrices, vectors)
        spin = _IY
        if form.odd:
            d = (0, 0, 1) if self.d_vector is None else self.d_vector
            spin = np.einsum("a,ast->st", np.asarray(d, dtype=complex), _PAULI) @ _IY
        return Gap(pairs.matrix(spin, matrices), vectors)

    def between_orbitals(self, system, kept):
        """R vectors, and Δ_ij(R) between the orbitals `kept`."""
        chosen = np.arange(len(kept)) if self.orbitals is None else np.asarray(self.orbitals)
        if chosen.min() < 0 or chosen.max() >= len(kept):
            raise InputError("orbitals", f"numbers from 0 to {len(kept) - 1}", f"{list(self.orbitals or ())}")
        places = np.asarray(system.wannier_centers_cart)[kept[chosen]]
        number = _number_at_place(places)
        lattice, periodic = np.asarray(system.real_lattice), np.asarray(system.periodic, dtype=bool)
        far = max(self.shell)
        for reach in range(1, 2 + 2 * far):  # cells, until the shell is certainly complete
            R = _cells(reach, periodic)
            r = (R @ lattice)[:, None, None] + places[None, None] - places[None, :, None]  # R i j xyz
            distance = np.linalg.norm(r, axis=-1)
            shells = _shells(distance)
            if len(shells) > far and shells[far] + _SAME_SHELL < _complete(lattice, periodic, reach, places):
                break
        form, matrices = FORMS[self.name], np.zeros((len(R), len(kept), len(kept)), dtype=complex)
        for shell in self.shell:
            same = (np.abs(distance - shells[shell]) < _SAME_SHELL) & (number[:, None] == number)
            at = np.argwhere(same)
            if not len(at):
                raise InputError("shell", f"pairs of equal orbitals at {shells[shell]:.4g} Å", "none")
            if shells[shell] < _SAME_PLACE:
                values = np.full(len(at), self.delta0)
            else:
                unit = r[same] / distance[same][:, None]
                values = 0.5 * self.delta0 * (-1j if form.odd else 1) * form(unit)
            matrices[at[:, 0], chosen[at[:, 1]], chosen[at[:, 2]]] += values
        self._check_parts(form, r, distance, number, shells)
        used = np.flatnonzero(np.abs(matrices).max(axis=(1, 2)) > 0)
        return R[used], matrices[used]

    def _check_parts(self, form, r, distance, number, shells):
        """Refuse shells on which a part of the form vanishes."""
        chosen = [s for s in self.shell if shells[s] > _SAME_PLACE]
        if self.name == "s" and not chosen:
            return
        if len(chosen) < len(self.shell):
            raise InputError("shell", f"1 or more for the pairing {self.name!r}", f"{list(self.shell)}")
        near = np.abs(distance[..., None] - shells[chosen]).min(axis=-1) < _SAME_SHELL
        near &= number[:, None] == number
        unit = r[near] / distance[near][:, None]
        for part, what in zip(form.parts, ("real", "imaginary"), strict=False):
            if np.abs(part(unit)).max() < _VANISHES:
                raise InputError(
                    "shell",
                    f"shells on which no part of {self.name!r} vanishes (several, such as (1, 2), or a sum of pairings)",
                    f"{list(self.shell)}, on which the {what} part does",
                )


def pairing(name: str, delta0: complex, *, orbitals=None, shell=None, d_vector=None) -> Pairing:
    """Pairing by name.

    Parameters
    ----------
    name : str
        One of `FORMS`: "s", "extended s", "d_x2-y2", "d_xy", "d+id", "p_x", "p+ip", "f_x", ...; axes are Cartesian.
    delta0 : complex
        Δ_0, eV.
    orbitals : sequence of int, optional
        Orbitals that pair, counted from 0: functions of the basis "singlet" (with spin: those of spin up, in order), all by
        default.
    shell : int or sequence of int, optional
        Shells of neighbours, counted among the distances between these orbitals: 0 the same place, 1 the nearest ones.  By
        default 0 for "s", and 1.
    d_vector : three complex numbers, optional
        Of triplet pairing between functions with spin, Δ = (d·σ) iσ_y; z by default.

    Returns
    -------
    Pairing
        To be handed to `bogoliubov_system`; pairings can be added.

    Raises
    ------
    InputError
        Unknown names or numbers that are none.
    """
    if name not in FORMS:
        close = difflib.get_close_matches(str(name), FORMS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError("pairing", f"one of {', '.join(map(repr, FORMS))}", f"{name!r}{hint}")
    if isinstance(delta0, bool) or not np.isscalar(delta0) or not np.isfinite(delta0):
        raise InputError("delta0", "a number (eV)", repr(delta0))
    shells = (0 if name == "s" else 1,) if shell is None else tuple(int(s) for s in np.atleast_1d(shell))
    if not shells or min(shells) < 0 or len(set(shells)) < len(shells):
        raise InputError("shell", "different integers >= 0", repr(shell))
    if orbitals is not None:
        orbitals = tuple(int(i) for i in np.atleast_1d(orbitals))
        if not orbitals or len(set(orbitals)) < len(orbitals):
            raise InputError("orbitals", "different numbers of orbitals", repr(orbitals))
    if d_vector is not None:
        d_vector = tuple(np.asarray(d_vector, dtype=complex).tolist())
        if len(d_vector) != 3 or not any(d_vector):
            raise InputError("d_vector", "three numbers, not all zero", repr(d_vector))
    return Pairing(name, complex(delta0), orbitals, shells, d_vector)


def _number_at_place(places):
    """Number of each function among those at its place, in order."""
    same = np.linalg.norm(places[:, None] - places, axis=-1) < _SAME_PLACE
    return np.tril(same, -1).sum(axis=1)


def _cells(reach, periodic):
    along = [np.arange(-reach, reach + 1) if own else np.zeros(1, dtype=int) for own in periodic]
    return np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, 3)


def _shells(distance):
    """Different distances, ascending, Å."""
    ordered = np.sort(distance.ravel())
    return ordered[np.concatenate([[True], np.diff(ordered) > _SAME_SHELL])]


def _complete(lattice, periodic, reach, places):
    """Distance up to which all neighbours are within `reach` cells, Å."""
    vectors = lattice[periodic]
    heights = 1 / np.linalg.norm(np.linalg.pinv(vectors), axis=0)
    spread = np.linalg.norm(places[:, None] - places, axis=-1).max(initial=0.0)
    return (reach + 1) * heights.min() - spread
