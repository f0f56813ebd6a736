"""Atoms and functions of a supercell found again in the crystal that it is a supercell of."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..io.projections import species_name
from .impurities import labels_of

_LATTICE = 0.02  # of the length of a vector of the supercell
_AXES_DIGITS = 4
_COPIES = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
_SPINS = {1: "up", -1: "down", 0: ""}


class Crystal:
    """Atoms of a system, by the labels of its functions.

    Parameters
    ----------
    system : wannierberri.system.System_R
    argument : str
        What to call it in messages.

    Attributes
    ----------
    lattice : ndarray, shape (3, 3)
        Rows are lattice vectors, Å.
    functions : dict of int to list of int
        Of each atom, in an order that is the same for atoms with the same orbitals.
    positions : dict of int to ndarray (3,)
        Of each atom: mean of the centres of its functions, Å.

    Raises
    ------
    InputError
        Functions without labels, or none on atoms.
    """

    def __init__(self, system, argument: str):
        self.argument = argument
        try:
            labels = labels_of(system)
        except InputError as error:
            raise InputError(argument, error.expected, "functions without labels") from error
        self.labels = labels
        self.lattice = np.asarray(system.real_lattice, dtype=float)
        self.centres = np.asarray(system.wannier_centers_cart, dtype=float)
        self._hamiltonian = system.get_R_mat("Ham")
        self._vectors = {tuple(vector): i for i, vector in enumerate(np.asarray(system.rvec.iRvec).tolist())}
        self.functions: dict[int, list[int]] = {}
        for i in sorted(range(len(labels)), key=lambda i: (_key(labels[i]), labels[i].shell[1])):
            if labels[i].atom is not None:
                self.functions.setdefault(labels[i].atom, []).append(i)
        if not self.functions:
            raise InputError(argument, "functions that are centred on atoms", "none")
        self.positions = {}
        for atom, numbers in self.functions.items():
            first = self.centres[numbers[0]]
            away = [nearest(self.centres[i] - first, self.lattice) for i in numbers]
            self.positions[atom] = first + np.mean(away, axis=0)

    def name(self, atom: int) -> str:
        """Label of an atom."""
        return self.labels[self.functions[atom][0]].name

    def keys(self, atom: int) -> list[tuple]:
        """What the functions of an atom are: l, orbital, axes, spin."""
        return [_key(self.labels[i]) for i in self.functions[atom]]

    def number_of(self, atom: int | str) -> int:
        """Number of an atom that is given by it or by its label.

        Raises
        ------
        InputError
            There is none, or several have the label.
        """
        found = [a for a in self.functions if atom == a or atom == self.name(a)]
        if len(found) != 1 or isinstance(atom, bool):
            known = ", ".join(f"{a} ({self.name(a)})" for a in sorted(self.functions))
            raise InputError("atom", f"one atom of {self.argument}: {known}", repr(atom))
        return found[0]

    def block(self, atom: int, other: int, vector) -> np.ndarray:
        """H between the functions of an atom and those of another at a distance, eV.

        Parameters
        ----------
        atom, other : int
        vector : array (3,)
            From the one to the other, Å.

        Returns
        -------
        complex array (n, m)
            0 where H has no elements so far.
        """
        result = np.zeros((len(self.functions[atom]), len(self.functions[other])), dtype=complex)
        for (m, i), (n, j) in itertools.product(enumerate(self.functions[atom]), enumerate(self.functions[other])):
            place = self._vectors.get(tuple(self.cells(i, j, vector).tolist()))
            result[m, n] = 0.0 if place is None else self._hamiltonian[place, i, j]
        return result

    def cells(self, function: int, other: int, vector) -> np.ndarray:
        """R, int array (3,), of the element <function, 0|H|other, R> between atoms at a distance (Å)."""
        reduced = (self._home(function) + vector - self._home(other)) @ np.linalg.inv(self.lattice)
        return np.rint(reduced).astype(int)

    def _home(self, function: int) -> np.ndarray:
        """Position of the copy of a function's atom that the function belongs to, Å."""
        position = self.positions[self.labels[function].atom]
        return self.centres[function] + nearest(position - self.centres[function], self.lattice)


@dataclass(frozen=True)
class Sites:
    """Where the atoms of a supercell are in the crystal.

    Attributes
    ----------
    atoms : dict of int to int
        For each atom of the supercell the one of the crystal.
    positions : dict of int to ndarray (3,)
        Where that is, Å.
    multiples : int array (3, 3)
        Vectors of the supercell in terms of those of the crystal, as rows.
    moved : float
        The largest distance of an atom from its site, Å.
    """

    atoms: dict[int, int]
    positions: dict[int, np.ndarray]
    multiples: np.ndarray
    moved: float


def nearest(vector: np.ndarray, lattice: np.ndarray) -> np.ndarray:
    """The shortest of the vectors that differ from one by lattice vectors, Å."""
    return all_nearest(vector, lattice)[0]


def all_nearest(vector: np.ndarray, lattice: np.ndarray, tolerance: float = 0.0) -> np.ndarray:
    """As `nearest`, with all that are at most `tolerance` (Å) longer, (n, 3)."""
    reduced = vector @ np.linalg.inv(lattice)
    copies = (reduced - np.rint(reduced) + _COPIES) @ lattice
    lengths = np.linalg.norm(copies, axis=1)
    order = np.argsort(lengths, kind="stable")
    return copies[order[lengths[order] <= lengths.min() + tolerance]]


def match(crystal: Crystal, supercell: Crystal, replaced: int, tolerance: float) -> Sites:
    """Sites of all atoms of a supercell in which one is replaced.

    Parameters
    ----------
    crystal, supercell : Crystal
        Origins may differ, and vectors by two percent.
    replaced : int
        The atom of the supercell that may be of another species.
    tolerance : float
        How far atoms may be from their sites, Å.

    Raises
    ------
    InputError
        The lattices or the atoms do not match, or atoms have other functions.
    """
    multiples = np.rint(supercell.lattice @ np.linalg.inv(crystal.lattice)).astype(int)
    lattice = multiples @ crystal.lattice
    lengths = np.linalg.norm(supercell.lattice, axis=1)
    if np.any(np.linalg.norm(lattice - supercell.lattice, axis=1) > _LATTICE * lengths):
        raise InputError(
            supercell.argument,
            f"a lattice whose vectors are sums of those of {crystal.argument}, {_text(crystal.lattice)} Å, in the same frame",
            f"{_text(supercell.lattice)} Å",
        )
    size = abs(round(np.linalg.det(multiples)))
    if len(supercell.positions) != size * len(crystal.positions):
        raise InputError(
            supercell.argument,
            f"{size * len(crystal.positions)} atoms, {size} times those of {crystal.argument}",
            f"{len(supercell.positions)}",
        )
    found = min(
        (_placed(crystal, supercell, atom, replaced) for atom in crystal.positions), key=lambda entry: entry[:2]
    )
    others, moved, atoms, positions = found
    if moved > tolerance:
        raise InputError(
            supercell.argument,
            f"atoms at most {tolerance} Å from the sites of {crystal.argument} (tolerance)",
            f"one {moved:.3f} Å away",
        )
    if others:
        raise InputError(
            supercell.argument,
            f"the species of {crystal.argument} on all sites but that of atom {replaced} ({supercell.name(replaced)})",
            f"{others} other atoms replaced",
        )
    pairs = itertools.combinations(positions.values(), 2)
    if any(np.linalg.norm(nearest(one - other, lattice)) < tolerance for one, other in pairs):
        raise InputError(supercell.argument, f"one atom on each site of {crystal.argument}", "two on one")
    for a, b in atoms.items():
        if supercell.keys(a) != crystal.keys(b):
            raise InputError(
                supercell.argument,
                f"on atom {a} ({supercell.name(a)}) the functions of atom {b} ({crystal.name(b)}) of {crystal.argument}, "
                + _orbitals(crystal, b),
                _orbitals(supercell, a),
            )
    return Sites(atoms, positions, multiples, moved)


def _placed(crystal, supercell, atom, replaced):
    """All atoms, with one put on a site: how many are of another species, the largest distance, atoms and positions."""
    first = next((a for a in supercell.positions if a != replaced), replaced)
    shift = crystal.positions[atom] - supercell.positions[first]
    atoms, positions, away, others = {}, {}, {}, 0
    for a, position in supercell.positions.items():
        steps = {b: nearest(site - position - shift, crystal.lattice) for b, site in crystal.positions.items()}
        atoms[a] = min(steps, key=lambda b: np.linalg.norm(steps[b]))
        away[a] = steps[atoms[a]]
        positions[a] = position + shift + away[a]
        others += a != replaced and species_name(supercell.name(a)) != species_name(crystal.name(atoms[a]))
    mean = np.mean(list(away.values()), axis=0)  # of the origins
    return others, max(float(np.linalg.norm(step - mean)) for step in away.values()), atoms, positions


def function_name(label) -> str:
    """Name of a function, such as "dxy up"."""
    return f"{label.orbital} {_SPINS[label.spin]}".strip()


def _key(label):
    axes = tuple(round(float(x), _AXES_DIGITS) for x in label.shell[3])
    return label.shell[0], label.orbital, axes, -label.spin


def _orbitals(crystal, atom):
    labels = [crystal.labels[i] for i in crystal.functions[atom]]
    return ", ".join(function_name(label) for label in labels)


def _text(lattice):
    return np.round(lattice, 4).tolist()
