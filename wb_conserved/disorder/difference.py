r"""Impurities from first principles: what an atom in place of another changes in the Hamiltonian on its functions.

Of two calculations, of a crystal and of a supercell in which one atom is replaced,

.. math:: W_{ij} = \langle i|H_\mathrm{defective}|j\rangle - \langle i|H_\mathrm{clean}|j\rangle - \Delta\,\delta_{ij},

i and j being functions of the atom.  Energies of a periodic calculation have no common zero: Δ is the difference that is left
far from the atom, where nothing has changed.  What the atom changes on its neighbours and in the hops to them is not part of W;
it is listed, shell by shell.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..io.npz import read_arrays
from .impurities import Impurity, labels_of
from .matching import SPINS, Crystal, match, nearest

logger = logging.getLogger("wb_conserved.disorder")

FARTHEST = "farthest"
_HERMITIAN = 1e-6  # eV
_SAME_SHELL = 0.05  # Å
_RESIDUE = 0.1  # of W: more far away says that the cell is too small
_ZERO = np.zeros(3)


@dataclass(frozen=True)
class Shell:
    """Atoms at one distance from the impurity.

    Attributes
    ----------
    distance : float
        In the clean crystal, Å.
    atoms : int
        How many of the supercell.
    level : float
        Mean difference of the diagonal of H on an atom's functions, less Δ, eV.
    block : float
        Largest |eigenvalue| of the difference of H on an atom's functions, less Δ, eV.
    hop : float
        Largest singular value of the difference of H between the impurity and an atom at this distance, eV; 0 for itself.
    """

    distance: float
    atoms: int
    level: float
    block: float
    hop: float


@dataclass(frozen=True, eq=False)
class ImpurityPotential:
    """What one atom in place of another changes on its functions.

    Attributes
    ----------
    potential : complex array (n, n)
        W, eV, Hermitian.
    shift : float
        Δ, eV: energies of the defective crystal less those of the clean one.
    functions : tuple of int
        The functions in the clean crystal, counted from 0, in the order of W.
    names : tuple of str
        What they are, such as "dxy up".
    shells : tuple of Shell
        The difference of H against the distance, nearest first; the first shell is the atom.
    """

    potential: np.ndarray
    shift: float
    functions: tuple[int, ...]
    names: tuple[str, ...]
    shells: tuple[Shell, ...]

    def impurity(self, concentration: float, system=None) -> Impurity:
        """The impurity, in a fraction of the cells.

        Parameters
        ----------
        concentration : float
        system : wannierberri.system.System_R, optional
            A crystal with the functions of the clean one, to be sure that it has: another k mesh, say.

        Raises
        ------
        InputError
            A concentration that is not between 0 and 1, or a system with other functions.
        """
        if system is not None:
            names = [_name(label) for label in labels_of(system)]
            found = [names[i] if i < len(names) else "none" for i in self.functions]
            if found != list(self.names):
                raise InputError(
                    "system", f"functions {self.functions} that are {', '.join(self.names)}", ", ".join(found)
                )
        return Impurity(self.potential, concentration, orbitals=list(self.functions))

    @property
    def decay(self) -> str:
        """Table of the shells."""
        lines = ["distance, Å   atoms   level, eV   block, eV   hop, eV"]
        for shell in self.shells:
            numbers = f"{shell.distance:11.3f} {shell.atoms:7d} {shell.level:11.4f} {shell.block:11.4f}"
            lines.append(f"{numbers} {shell.hop:9.4f}")
        return "\n".join(lines)

    def __str__(self):
        return f"shift of the energies: {self.shift:.4f} eV\n{self.decay}"

    def save(self, path) -> None:
        """Write a .npz file, which `load` reads."""
        np.savez_compressed(
            path,
            potential=self.potential,
            shift=self.shift,
            functions=self.functions,
            names=self.names,
            shells=[astuple(shell) for shell in self.shells],
        )

    @classmethod
    def load(cls, path) -> ImpurityPotential:
        """Read a file that `save` wrote.

        Raises
        ------
        InputError
            It is missing, or not such a file.
        """
        arrays = read_arrays(Path(path))
        needed = ("potential", "shift", "functions", "names", "shells")
        missing = [name for name in needed if name not in arrays]
        if missing:
            raise InputError(path, f"arrays {', '.join(needed)}, as ImpurityPotential.save writes", f"no {missing}")
        shells = tuple(Shell(row[0], int(row[1]), *row[2:]) for row in arrays["shells"].tolist())
        functions, names = (tuple(arrays[name].tolist()) for name in ("functions", "names"))
        return cls(arrays["potential"], float(arrays["shift"]), functions, names, shells)


def impurity_from_difference(
    clean,
    defective,
    atom: int | str,
    *,
    shift: float | str | None = FARTHEST,
    orbitals: Sequence[str] | None = None,
    tolerance: float = 0.5,
) -> ImpurityPotential:
    """Potential of an impurity: the difference of H on its functions between two calculations.

    Atoms correspond by their positions (means of the centres of their functions; origins may differ), functions by orbital,
    axes and spin, in whatever order.  Take functions that are as alike as can be: projected ones (num_iter = 0) from the same
    projections, windows that differ by Δ, and a k mesh of the large cell that unfolds to that of the small one.  The result
    prints the difference against distance, which shows whether the cell was large enough.

    Parameters
    ----------
    clean, defective : wannierberri.system.System_R
        Of `load_system`, with .nnkp and .win files beside the data.  `clean` may be the unit cell or a larger one, `defective`
        is a supercell of it with one atom replaced.
    atom : int or str
        The atom of `defective`: its number, counted from 0 as in the .win file, or its label if no other has it.
    shift : float, "farthest" or None
        Δ, energies of `defective` less those of `clean`, eV.  "farthest" or None: the mean difference of the diagonal of H on
        the atoms that are farthest from `atom`.
    orbitals : sequence of str, optional
        Only these of the atom, such as ["s", "p"] or ["dxy"]; all by default.
    tolerance : float
        How far atoms may have moved from their sites, Å.

    Returns
    -------
    ImpurityPotential

    Raises
    ------
    InputError
        Functions without labels, no such atom, crystals that do not match, atoms with other functions, a Hamiltonian that is
        not Hermitian.
    """
    _check_shift(shift)
    here, there = Crystal(defective, "defective"), Crystal(clean, "clean")
    number = here.number_of(atom)
    sites = match(there, here, number, tolerance)
    difference = {a: _on_site(here, a) - _on_site(there, b) for a, b in sites.atoms.items()}
    lattice, origin = sites.multiples @ there.lattice, sites.positions[number]
    vectors = {a: nearest(site - origin, lattice) for a, site in sites.positions.items()}
    distances = {a: float(np.linalg.norm(vector)) for a, vector in vectors.items()}
    if shift is None or isinstance(shift, str):
        shift = _level_far_away(difference, distances)
    for a in difference:
        difference[a] = difference[a] - shift * np.eye(len(difference[a]))
    hops = {a: _hop(here, there, sites, number, a, vector) for a, vector in vectors.items()}
    labels = [here.labels[i] for i in here.functions[number]]
    chosen = _chosen(labels, orbitals)
    chosen.sort(key=lambda i: there.functions[sites.atoms[number]][i])
    result = ImpurityPotential(
        potential=difference[number][np.ix_(chosen, chosen)],
        shift=float(shift),
        functions=tuple(there.functions[sites.atoms[number]][i] for i in chosen),
        names=tuple(_name(labels[i]) for i in chosen),
        shells=tuple(_shells(difference, distances, hops)),
    )
    logger.info("%s", result)
    _doubt(result)
    return result


def _check_shift(shift):
    if isinstance(shift, str):
        valid = shift == FARTHEST
    else:
        valid = shift is None or (isinstance(shift, (int, float, np.number)) and np.isfinite(shift))
    if not valid:
        raise InputError("shift", "a number (eV), 'farthest' or None", repr(shift))


def _on_site(crystal, atom):
    """H on the functions of an atom, eV."""
    block = crystal.block(atom, atom, _ZERO)
    violation = np.abs(block - block.conj().T).max()
    if violation > _HERMITIAN:
        expected = f"a Hermitian H on the functions of atom {atom} ({crystal.name(atom)})"
        raise InputError(crystal.argument, expected, f"H and H† that differ by {violation:.3g} eV")
    return 0.5 * (block + block.conj().T)


def _level_far_away(difference, distances):
    farthest = max(distances.values())
    if farthest < _SAME_SHELL:
        raise InputError("shift", "a number (eV), as the cell has no other atom", "none")
    far = [a for a, distance in distances.items() if distance > farthest - _SAME_SHELL]
    return np.mean([np.trace(difference[a]).real / len(difference[a]) for a in far])


def _hop(here, there, sites, number, atom, vector):
    """Largest singular value of the difference of H between the impurity and another atom, eV."""
    if atom == number:
        return 0.0
    cells = (vector - sites.positions[atom] + sites.positions[number]) @ np.linalg.inv(sites.multiples @ there.lattice)
    actual = here.positions[atom] - here.positions[number] + np.rint(cells) @ here.lattice
    difference = here.block(number, atom, actual) - there.block(sites.atoms[number], sites.atoms[atom], vector)
    return float(np.linalg.norm(difference, 2))


def _chosen(labels, orbitals):
    """Places of the functions wanted."""
    if orbitals is None:
        return list(range(len(labels)))
    unknown = [name for name in orbitals if not any(label.is_of(name) for label in labels)]
    if unknown or not orbitals:
        there = sorted({label.orbital for label in labels})
        raise InputError("orbitals", f"names among {there}, or s, p, d, f", f"{unknown or orbitals!r}")
    return [i for i, label in enumerate(labels) if any(label.is_of(name) for name in orbitals)]


def _name(label):
    return f"{label.orbital} {SPINS[label.spin]}".strip()


def _shells(difference, distances, hops):
    """Shells by distance."""
    atoms = sorted(distances, key=distances.get)
    starts = [i for i, a in enumerate(atoms) if i == 0 or distances[a] - distances[atoms[i - 1]] > _SAME_SHELL]
    for start, end in zip(starts, [*starts[1:], len(atoms)], strict=True):
        shell = atoms[start:end]
        levels = [np.trace(difference[a]).real / len(difference[a]) for a in shell]
        blocks = [np.abs(np.linalg.eigvalsh(difference[a])).max() for a in shell]
        distance = float(np.mean([distances[a] for a in shell]))
        yield Shell(distance, len(shell), float(np.mean(levels)), float(max(blocks)), max(hops[a] for a in shell))


def _doubt(result):
    """One line where the cell is too small, or the functions differ."""
    if len(result.shells) < 2:
        return
    last, own = result.shells[-1], result.shells[0].block
    if last.block > _RESIDUE * own:
        logger.warning(
            "impurity: H still differs by %.3g eV on the atoms that are farthest away (%.2f Å), %.0f %% of what it does on the "
            "impurity: a cell that is too small, functions that differ (localised ones, other windows), or another shift",
            last.block,
            last.distance,
            100 * last.block / own if own else np.inf,
        )
