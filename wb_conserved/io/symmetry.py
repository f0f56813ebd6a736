"""Restore the crystal symmetry that Wannierisation noise breaks, with WannierBerri's symmetrisation.

Every matrix is replaced by its mean over the magnetic space group G of the crystal,

    X(R) -> 1/|G| Σ_g D(g) X(g⁻¹ R) D(g)†,

D(g) the representation of the orbitals that the Wannier functions started from.  That is meaningful where the
functions still transform like these orbitals (num_iter = 0 in Wannier90), and only for them in their right order: both
show in how far the bands move, so that figure is reported, and too large a one is an error.
"""

from __future__ import annotations

import copy
import importlib.util
import itertools
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from wannierberri.symmetry.orbitals import orbitals_sets_dic
from wannierberri.system import System_R

from ..errors import InputError, how_to_install
from .checks import to_k
from .projections import CENTER_TOLERANCE, Orbital, read_atoms, read_projections, species_of
from .spin_order import kramers_splitting

logger = logging.getLogger("wb_conserved.io")

SYMMETRY_TOLERANCE = 0.05
"""Default largest shift of a band by the symmetrisation, eV."""


@dataclass(frozen=True)
class SymmetryReport:
    """What the symmetrisation found and did.

    Attributes
    ----------
    group : str
        Name of the magnetic space group.
    size : int
        Number of operations of its point group, those with time reversal included.
    with_time_reversal : int
        How many of them reverse time.
    band_shift : float
        Largest change of a band energy, eV, over all bands and the k points of `sample_kpoints`.
    kramers_splitting : tuple of float, or None
        Largest splitting of bands 2j and 2j + 1 over these k points before and after, eV; None where the group does not
        make pairs at every k (it does if it has the product of inversion and time reversal).
    """

    group: str
    size: int
    with_time_reversal: int
    band_shift: float
    kramers_splitting: tuple[float, float] | None


def sample_kpoints() -> np.ndarray:
    """K points where bands are compared: the eight k = -k, and 4 x 4 x 4 in general position; reduced coordinates."""
    special = itertools.product((0, 0.5), repeat=3)
    general = itertools.product((np.arange(4) + 0.37) / 4, (np.arange(4) + 0.19) / 4, (np.arange(4) + 0.43) / 4)
    return np.array([*special, *general])


def symmetrize_system(
    system: System_R,
    nnkp: Path,
    win: Path,
    *,
    tolerance: float = SYMMETRY_TOLERANCE,
    magnetic_moments: np.ndarray | None = None,
) -> System_R:
    """Symmetrised copy of a system.

    Parameters
    ----------
    system : System_R
    nnkp : Path
        .nnkp file of the calculation: projections in the order of the Wannier functions.
    win : Path
        Its .win file: the atoms.
    tolerance : float
        Largest band shift, eV; see `SymmetryReport.band_shift`.
    magnetic_moments : array_like, shape (n_atoms, 3), optional
        Cartesian, μ_B, in the order of the .win file.  None: not magnetic, and time reversal is a symmetry; this is
        checked.

    Returns
    -------
    System_R
        With its point group set, and a `SymmetryReport` as ``symmetry_report``.

    Raises
    ------
    InputError
        Projections that are no complete shells on atoms, an unmagnetic group for magnetic bands, or bands that move
        by more than `tolerance`.
    """
    if importlib.util.find_spec("spglib") is None or importlib.util.find_spec("irrep") is None:
        raise InputError("symmetrize", f"spglib and irrep: {how_to_install('symmetry')}", "not installed")
    if not tolerance > 0:
        raise InputError("symmetry_tolerance", "a number > 0 (eV)", repr(tolerance))
    names, positions = read_atoms(win, system.real_lattice)
    orbitals = read_projections(nnkp)
    per_spin = 2 if orbitals[0].spin else 1
    if len(orbitals) != system.num_wann:
        raise InputError(nnkp, f"{system.num_wann} projections, one for each Wannier function", f"{len(orbitals)}")
    if magnetic_moments is None:
        _check_time_reversal(system, nnkp, tolerance, spinor=per_spin == 2)
    spacegroup = _space_group(system, win, names, positions, magnetic_moments, spinor=per_spin == 2)
    order, projections = _projections(nnkp, orbitals, positions, names, spacegroup)

    result = copy.deepcopy(system)
    _center_on_sites(result, [_site(nnkp, orbital, positions, names) for orbital in orbitals])
    _symmetrize(result, nnkp, spacegroup, order, projections)
    kpoints = sample_kpoints()
    before, after = _energies(system, kpoints), _energies(result, kpoints)
    shift = float(np.abs(after - before).max())
    if not shift <= tolerance:
        k, band = np.unravel_index(np.abs(after - before).argmax(), after.shape)
        raise InputError(
            nnkp,
            f"projections that the Wannier functions still resemble, so that symmetrisation moves no band by more than "
            f"symmetry_tolerance = {tolerance:g} eV",
            f"a shift of {shift:.4g} eV of band {band + 1} (at {before[k, band]:.2f} eV) at k = "
            f"{np.round(kpoints[k], 4).tolist()} with the {spacegroup.size} operations of {spacegroup.name} "
            "(maximally localised functions, another order of functions, or other magnetic moments)",
        )
    paired = per_spin == 2 and any(
        g.time_reversal and np.allclose(g.rotation, -np.eye(3)) for g in spacegroup.symmetries
    )
    report = SymmetryReport(
        group=spacegroup.name,
        size=result.pointgroup.size,
        with_time_reversal=sum(operation.TR for operation in result.pointgroup.symmetries),
        band_shift=shift,
        kramers_splitting=(_splitting(before), _splitting(after)) if paired else None,
    )
    result.symmetry_report = report
    logger.info(
        "%s: symmetrised with %s, %d operations, %d with time reversal; largest band shift %.3g eV",
        nnkp,
        report.group,
        report.size,
        report.with_time_reversal,
        shift,
    )
    if paired:
        logger.info("%s: largest Kramers splitting %.3g eV before, %.3g eV after", nnkp, *report.kramers_splitting)
    return result


def _energies(system, kpoints):
    hamiltonian = to_k(system, "Ham", kpoints)
    return np.linalg.eigvalsh(0.5 * (hamiltonian + hamiltonian.conj().swapaxes(1, 2)))


def _splitting(energies):
    return float((energies[:, 1::2] - energies[:, ::2]).max())


def _check_time_reversal(system, nnkp, tolerance, spinor):
    """Bands of an unmagnetic crystal are pairs at all k = -k."""
    if not spinor:
        return
    splitting = kramers_splitting(system.get_R_mat("Ham"), np.asarray(system.rvec.iRvec))
    if not splitting <= tolerance:
        raise InputError(
            nnkp,
            "magnetic_moments (Cartesian, μ_B, one vector for each atom of the .win file), as the bands break time "
            f"reversal; without them, pairs of bands within symmetry_tolerance = {tolerance:g} eV at all k = -k",
            f"none, and pairs split by {splitting:.4g} eV",
        )


def _space_group(system, win, names, positions, magnetic_moments, spinor):
    from irrep.spacegroup import SpaceGroup

    if magnetic_moments is not None:
        try:
            magnetic_moments = np.array(magnetic_moments, dtype=float)
        except (TypeError, ValueError):
            raise InputError("magnetic_moments", "numbers", repr(magnetic_moments)[:80]) from None
        if magnetic_moments.shape != (len(names), 3) or not np.isfinite(magnetic_moments).all():
            raise InputError(
                "magnetic_moments",
                f"finite numbers of shape ({len(names)}, 3), for the atoms {names} of {win}",
                f"shape {magnetic_moments.shape}",
            )
    return SpaceGroup.from_cell(
        real_lattice=system.real_lattice,
        positions=positions,
        typat=species_of(win, names),
        magmom=magnetic_moments,
        include_TR=True,
        spinor=spinor,
    )


def _projections(nnkp, orbitals, positions, names, spacegroup):
    """WannierBerri's projections, and the Wannier functions in their order."""
    from wannierberri.symmetry.projections import Projection
    from wannierberri.symmetry.wyckoff_position import split_into_orbits

    sites = [_site(nnkp, orbital, positions, names) for orbital in orbitals]
    spins = (1, -1) if orbitals[0].spin else (0,)
    shells = _shells(nnkp, orbitals, sites, spins)
    order, projections = [], []
    for orbit in split_into_orbits(list(positions), spacegroup):
        kinds = {site: [key[:-1] for key in shells if key[-1] == site] for site in orbit}
        for site in orbit[1:]:
            if sorted(kinds[site]) != sorted(kinds[orbit[0]]):
                raise InputError(
                    nnkp,
                    f"the same shells on equivalent atoms {orbit[0] + 1} and {site + 1} ({names[site]})",
                    f"{[kind[0] for kind in kinds[orbit[0]]]} and {[kind[0] for kind in kinds[site]]}",
                )
        for kind in kinds[orbit[0]]:
            parts = [shells[(*kind, site)] for site in orbit]
            projections.append(
                Projection(
                    position_num=positions[orbit],
                    orbital=kind[0],
                    spacegroup=spacegroup,
                    rotate_basis=False,
                    basis_list=[orbitals[functions[0]].axes for functions in parts],
                )
            )
            order += [function for functions in parts for function in functions]
    return np.array(order), projections


def _site(nnkp: Path, orbital: Orbital, positions: np.ndarray, names: list[str]) -> int:
    difference = positions - np.array(orbital.center)
    distance = np.abs(difference - np.round(difference)).max(axis=1)
    if not distance.min() <= CENTER_TOLERANCE:
        raise InputError(
            nnkp,
            f"projections on the atoms of the .win file ({len(names)}: {', '.join(sorted(set(names)))}), which alone can "
            "be symmetrised",
            f"one at {orbital.center}",
            orbital.line,
        )
    return int(distance.argmin())


def _shells(nnkp, orbitals, sites, spins):
    """Functions of each complete shell, in WannierBerri's order: {(name, l, radial, zona, axes, site): functions}."""
    groups: dict[tuple, dict[tuple[str, int], int]] = {}
    for function, (orbital, site) in enumerate(zip(orbitals, sites, strict=True)):
        group = groups.setdefault((*orbital.shell, site), {})
        if (orbital.name, orbital.spin) in group:
            raise InputError(nnkp, "every projection once", f"{orbital.name} twice on a site", orbital.line)
        group[orbital.name, orbital.spin] = function
    shells = {}
    for key, group in groups.items():
        found = {name for name, _ in group}
        shell = next((shell for shell, members in orbitals_sets_dic.items() if set(members) == found), None)
        if shell is None or len(group) != len(found) * len(spins):
            raise InputError(
                nnkp,
                f"complete shells with all spins, one of {', '.join(orbitals_sets_dic)}",
                f"{sorted(found)}, {len(group)} functions",
                orbitals[next(iter(group.values()))].line,
            )
        # up and down of each orbital next to each other, as WannierBerri's spinor representation has them
        shells[(shell, *key)] = [group[name, spin] for name in orbitals_sets_dic[shell] for spin in spins]
    return shells


def _center_on_sites(system, sites):
    """Give all functions of a site one centre, their mean; the differences go to the diagonal of the position matrix.

    WannierBerri keeps the centres apart from the position matrix and rotates the matrix alone.  That is right only if
    functions that the symmetry mixes have the same centre: the whole r = centres + 'AA' is what transforms as a vector.
    """
    sites, centers = np.array(sites), np.asarray(system.wannier_centers_cart)
    mean = np.array([centers[sites == site].mean(axis=0) for site in sites])
    if system.has_R_mat("AA"):
        position = system.get_R_mat("AA").copy()
        functions = np.arange(len(sites))
        position[system.rvec.iR0, functions, functions] += centers - mean
        system.set_R_mat("AA", position, reset=True)
    system.wannier_centers_cart = mean
    system.clear_cached_wcc()


def _symmetrize(system, nnkp, spacegroup, order, projections):
    """Symmetrise a system in place; its functions keep their order."""
    from wannierberri.symmetry.sawf import SymmetrizerSAWF

    symmetrizer = SymmetrizerSAWF.from_spacegroup_and_projections(spacegroup=spacegroup, projections=projections)
    for projection, rotations in zip(projections, symmetrizer.rot_orb_list, strict=True):
        identity = np.eye(rotations.shape[-1])
        if not np.allclose(rotations @ rotations.conj().swapaxes(-1, -2), identity, atol=1e-4):
            raise InputError(
                nnkp,
                f"shells that the {spacegroup.size} operations of {spacegroup.name} map onto themselves",
                f"{projection.orbitals[0]} at {np.round(projection.positions[0], 4).tolist()}, which they mix with others",
            )
    system.reorder(order)
    system.symmetrize2(symmetrizer, silent=True)
    system.reorder(np.argsort(order))
