r"""Impurities from first principles: what an atom in place of another changes in the Hamiltonian on its functions.

Of two calculations, of a crystal and of a supercell in which one atom is replaced,

.. math:: W_{ij} = \langle i|H_\mathrm{defective}|j\rangle - \langle i|H_\mathrm{clean}|j\rangle - \Delta\,\delta_{ij},

i and j being functions of the atom.  Energies of a periodic calculation have no common zero: Δ is the difference that is left
far from the atom, where nothing has changed.  What the atom changes on its neighbours and in the hops to them is not part of W;
it is listed, shell by shell.  Hops can be absorbed into W at one energy (`hops`), which an impurity of another row of the
periodic table needs.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence

import numpy as np

from ..errors import InputError
from .hops import absorbed, hop_matrix
from .matching import Crystal, all_nearest, function_name, match
from .potential import ImpurityPotential, Shell

logger = logging.getLogger("wb_conserved.disorder")

FARTHEST = "farthest"
_HERMITIAN = 1e-6  # eV
_SAME_SHELL = 0.05  # Å
_RESIDUE = 0.1  # of the difference on the impurity: more far away says that the cell is too small
_HOPS, _LEFT = 0.2, 0.5  # of that difference, and of the change of the hops: more is said
_ZERO = np.zeros(3)
_WIDTH, _MESH = 0.2, 12  # eV, k points along each direction


def impurity_from_difference(
    clean,
    defective,
    atom: int | str,
    *,
    shift: float | str | None = FARTHEST,
    orbitals: Sequence[str] | None = None,
    energy: float | None = None,
    width: float | None = None,
    mesh: int | None = None,
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
    energy : float, optional
        Absorb the change of the hops between the atom and the others at this energy of `clean`, the Fermi level (eV): W then
        scatters electrons of this energy outside of the atom as its levels and hops do together, see
        `wb_conserved.disorder.hops`.  Each other atom counts with its nearest copies.  By default the hops are left out.
    width, mesh : float, int
        With `energy`: width of the energies around it, 0.2 eV by default, and k points along each direction, 12, for the
        states of `clean` that the hops are taken at.
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
    absorbing = _absorbing(energy, width, mesh, orbitals)
    here, there = Crystal(defective, "defective"), Crystal(clean, "clean")
    number = here.number_of(atom)
    sites = match(there, here, number, tolerance)
    levels = {a: _on_site(there, b) for a, b in sites.atoms.items()}
    difference = {a: _on_site(here, a) - levels[a] for a in sites.atoms}
    vectors = _vectors(there, sites, number)
    distances = {a: float(np.linalg.norm(copies[0])) for a, copies in vectors.items()}
    if shift is None or isinstance(shift, str):
        shift = _level_far_away(difference, distances)
    for a in difference:
        difference[a] = difference[a] - shift * np.eye(len(difference[a]))
    hops = [_Hop(here, there, sites, number, a, vector) for a in vectors if a != number for vector in vectors[a]]
    W, left = difference[number], 1.0
    if absorbing:
        L, left = hop_matrix(clean, *_rows(there, sites.atoms[number], hops), *absorbing)
        W = absorbed(L, levels[number], levels[number] + W, absorbing[0])
    functions = there.functions[sites.atoms[number]]
    chosen = sorted(_chosen([there.labels[i] for i in functions], orbitals), key=lambda i: functions[i])
    result = ImpurityPotential(
        potential=0.5 * (W + W.conj().T)[np.ix_(chosen, chosen)],
        shift=float(shift),
        functions=tuple(functions[i] for i in chosen),
        names=tuple(function_name(there.labels[functions[i]]) for i in chosen),
        shells=tuple(_shells(difference, distances, hops)),
        energy=absorbing[0] if absorbing else None,
        left=left,
    )
    logger.info("%s", result)
    _doubt(result)
    return result


def _absorbing(energy, width, mesh, orbitals):
    """Energy, width and mesh of the states at which hops are absorbed; () where they are not."""
    if energy is None:
        for name, value in (("width", width), ("mesh", mesh)):
            if value is not None:
                raise InputError(name, "to be given with energy only", repr(value))
        return ()
    if not np.isfinite(energy):
        raise InputError("energy", "a finite number (eV)", repr(energy))
    width, mesh = _WIDTH if width is None else width, _MESH if mesh is None else mesh
    if not width > 0:
        raise InputError("width", "a number > 0 (eV)", repr(width))
    if not (isinstance(mesh, (int, np.integer)) and mesh > 0):
        raise InputError("mesh", "a number of k points along each direction", repr(mesh))
    if orbitals is not None:
        expected = "none with energy: hops are absorbed into all functions of the atom"
        raise InputError("orbitals", expected, repr(orbitals))
    return float(energy), float(width), int(mesh)


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


def _vectors(crystal, sites, number):
    """From the impurity to the nearest copies of each atom, in the clean crystal; Å."""
    lattice, origin = sites.multiples @ crystal.lattice, sites.positions[number]
    return {a: all_nearest(site - origin, lattice, _SAME_SHELL) for a, site in sites.positions.items()}


class _Hop:
    """H between the impurity and another atom at one of its places, in both crystals (eV)."""

    def __init__(self, here, there, sites, number, atom, vector):
        lattice = sites.multiples @ there.lattice
        cells = np.rint((vector - sites.positions[atom] + sites.positions[number]) @ np.linalg.inv(lattice))
        actual = here.positions[atom] - here.positions[number] + cells @ here.lattice
        self.atom, self.counterpart, self.vector = atom, sites.atoms[atom], vector
        self.before = there.block(sites.atoms[number], self.counterpart, vector)
        self.after = here.block(number, atom, actual)


def _rows(crystal, atom, hops):
    """R, and the elements before and after, as `hop_matrix` takes them."""
    functions = crystal.functions[atom]
    places: dict[tuple, int] = {}
    entries = []
    for hop in hops:
        for (m, i), (n, j) in itertools.product(enumerate(functions), enumerate(crystal.functions[hop.counterpart])):
            cell = tuple(crystal.cells(i, j, hop.vector).tolist())
            entries.append((places.setdefault(cell, len(places)), m, j, hop.before[m, n], hop.after[m, n]))
    before, after = (np.zeros((len(places), len(functions), len(crystal.labels)), dtype=complex) for _ in range(2))
    for place, m, j, *elements in entries:
        before[place, m, j], after[place, m, j] = elements
    return np.array(list(places)), before, after


def _chosen(labels, orbitals):
    """Places of the functions wanted."""
    if orbitals is None:
        return list(range(len(labels)))
    unknown = [name for name in orbitals if not any(label.is_of(name) for label in labels)]
    if unknown or not orbitals:
        there = sorted({label.orbital for label in labels})
        raise InputError("orbitals", f"names among {there}, or s, p, d, f", f"{unknown or orbitals!r}")
    return [i for i, label in enumerate(labels) if any(label.is_of(name) for name in orbitals)]


def _shells(difference, distances, hops):
    """Shells by distance."""
    atoms = sorted(distances, key=distances.get)
    starts = [i for i, a in enumerate(atoms) if i == 0 or distances[a] - distances[atoms[i - 1]] > _SAME_SHELL]
    for start, end in zip(starts, [*starts[1:], len(atoms)], strict=True):
        shell = atoms[start:end]
        levels = [np.trace(difference[a]).real / len(difference[a]) for a in shell]
        blocks = [np.abs(np.linalg.eigvalsh(difference[a])).max() for a in shell]
        changes = [np.linalg.norm(hop.after - hop.before, 2) for hop in hops if hop.atom in shell]
        distance = float(np.mean([distances[a] for a in shell]))
        yield Shell(distance, len(shell), float(np.mean(levels)), float(max(blocks)), float(max(changes, default=0.0)))


def _doubt(result):
    """One line for each of what may not be meant: a cell that is too small, hops that are left out."""
    own, last, hop = result.shells[0].block, result.shells[-1], max(shell.hop for shell in result.shells)
    if len(result.shells) > 1 and last.block > _RESIDUE * own:
        logger.warning(
            "impurity: H still differs by %.3g eV on the atoms that are farthest away (%.2f Å), beside %.3g eV on the "
            "impurity: a cell that is too small, functions that differ (localised ones, other windows), or another shift",
            last.block,
            last.distance,
            own,
        )
    if result.energy is None and hop > _HOPS * own:
        logger.warning(
            "impurity: hops of the atom change by up to %.3g eV, beside %.3g eV on it, and are left out; energy=..., the Fermi "
            "level, absorbs them",
            hop,
            own,
        )
    if result.energy is not None and result.left > _LEFT:
        logger.warning(
            "impurity: %.0f %% of the change of the hops at %g eV is no product of a matrix and the hops of the crystal, and "
            "left out",
            100 * result.left,
            result.energy,
        )
