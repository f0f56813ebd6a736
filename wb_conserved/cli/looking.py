"""What the files of a Wannier90 calculation say, for an input file."""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..diagnostics import kramers_pairs
from ..diagnostics.kramers import KramersReport
from ..driver.symmetry import check_symmetry
from ..errors import InputError
from ..interpolation import WannierInterpolator
from ..io import load_system
from ..io.dft_outputs import DftOutput, read_output, read_outputs
from ..io.structure import VACUUM, Structure, candidates, crystal_symmetry, minimal, read_structure, vacuum
from ..units import BOLTZMANN_EV

logger = logging.getLogger(__name__)

KELVIN = 300.0
SPACING = 0.06
"""Distance of k points of a first mesh, 1/Å: 48 along each direction in platinum, where σ_K is converged to some percent."""
_NEAR = 2.0  # eV around the Fermi level, where Kramers pairs are looked at
_ORDERS = ("interlaced", "block")


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes
    ----------
    seed : Path
    system : wannierberri.system.System_R
    structure : Structure or None
    group : str
        Of the atoms, by spglib; empty where it is not known.
    symmetry : list of str
        Generators that bands and spins have.
    broken : list of str
        Generators of the atoms, or of the lattice where these are not known, that bands or spins do not have.
    periodic : tuple of bool
    spin : str
        Where spin matrices come from; empty without spin.
    spin_order : str or None
    level, electrons : float or None
    level_source : str
        Where the level is from, or why there is none.
    counted : str
        What outputs say of the number of electrons.
    pairs : KramersReport or None
        Near the level; None where there are none by symmetry.
    mesh : list of int
    """

    seed: Path
    system: object
    structure: Structure | None
    group: str
    symmetry: list[str]
    broken: list[str]
    periodic: tuple[bool, ...]
    spin: str
    spin_order: str | None
    level: float | None
    electrons: float | None
    level_source: str
    counted: str
    pairs: KramersReport | None
    mesh: list[int]

    @property
    def blank(self) -> bool:
        """Whether nothing says the Fermi level."""
        return self.level is None and self.electrons is None

    @property
    def kBT(self) -> float:
        """Broadening, eV."""
        return BOLTZMANN_EV * KELVIN

    @property
    def threshold(self) -> float:
        """Multiplet threshold, eV: less than half of kBT, in one digit."""
        return float(f"{0.4 * self.kBT:.0e}")

    @property
    def kramers(self) -> bool:
        """Whether pairs have to be grouped by their numbers, as they are split by more than the threshold."""
        return self.pairs is not None and self.pairs.largest_splitting > 0.1 * self.threshold

    @property
    def breaker(self) -> str:
        """What breaks operations of the crystal."""
        if not self.structure:
            return "the lattice has but bands or spins have not"
        by = "the Wannier functions" if "TimeReversal" in self.symmetry else "magnetic order or the Wannier functions"
        return f"the atoms have but {by} break"

    def lines(self) -> list[str]:
        """What was found, in words."""
        atoms = f"{self.structure.atoms.get_chemical_formula()}, from {self.structure.source.name}" if self.structure else "—"
        flat = [name for name, along in zip("abc", self.periodic, strict=True) if not along]
        return [
            f"files     {self.seed}: {self.system.num_wann} Wannier functions",
            f"atoms     {atoms}" + (f", {self.group}" if self.group else ""),
            f"periodic  {'along all three vectors' if not flat else 'not along ' + ' and '.join(flat)}",
            f"spin      {self.spin or 'none: only charge can be computed'}",
            f"symmetry  {', '.join(self.symmetry) or 'none'}"
            + (f"; not {', '.join(self.broken)}, which {self.breaker}" if self.broken else ""),
            f"Fermi     {self.level_source}",
            f"pairs     {self.pairs or 'no Kramers pairs by symmetry'}",
        ]


def look(seed: Path, *, level=None, electrons=None, spin_order=None, scf=None) -> Finding:
    """Look at the files with a seedname, and at outputs in their folder and in the folders in it.

    Parameters
    ----------
    seed : Path
    level, electrons : float, optional
        In place of what an output says.
    spin_order : str, optional
    scf : Path, optional
        Output of the scf calculation.
    """
    folder = seed if seed.is_dir() else seed.parent
    outputs = [] if scf is None else [read_output(scf)]
    if outputs == [None]:
        raise InputError(scf, "an output of pw.x or VASP (OUTCAR, vasprun.xml, data-file-schema.xml)", "another file")
    outputs = outputs or read_outputs([folder, *(part for part in sorted(folder.iterdir()) if part.is_dir())])
    system, spin, order = _with_spin(seed, spin_order)
    lattice = np.asarray(system.real_lattice)
    structure = read_structure(str(seed), lattice, [output.path for output in outputs])
    periodic = _periodic(system, structure)
    if not np.array_equal(periodic, system.periodic):
        further = {"spin_order": order} if order else {"spin": bool(spin)}
        system = _load(seed, periodic=periodic, **further)
    level, source = _level(level, electrons, outputs)
    counted = _counted(outputs)
    crystal = crystal_symmetry(structure) if structure is not None else None
    symmetry, broken = _symmetry(system, crystal, structure, level)
    return Finding(
        seed, system, structure, crystal.group if crystal is not None else "", symmetry, broken, periodic, spin, order,
        level, electrons, source, counted, _pairs(system, symmetry, level), _mesh(lattice, periodic),
    )  # fmt: skip


def _load(seed, **options):
    """System, without the warnings that check gives."""
    logging.getLogger("wb_conserved.io").disabled = True
    try:
        return load_system(seed, **options)
    finally:
        logging.getLogger("wb_conserved.io").disabled = False


def _periodic(system, structure) -> tuple[bool, ...]:
    """Directions without vacuum; of those with one only where there are no hoppings across it."""
    vectors = np.asarray(system.rvec.iRvec)
    crossing = np.abs(np.asarray(system.get_R_mat("Ham"))).max(axis=(1, 2))
    hopping = np.array([crossing[vectors[:, axis] != 0].max(initial=0.0) for axis in range(3)])
    wide = vacuum(structure.atoms) > VACUUM if structure is not None else np.zeros(3, dtype=bool)
    return tuple(bool(along) for along in ~((hopping == 0) | (wide & (hopping < 1e-3))) & np.asarray(system.periodic))


def _with_spin(seed, spin_order):
    """System with spin, where its matrices come from in words, and the order of the functions."""
    if spin_order is None:
        try:
            return _load(seed), "spin matrices of the files", None
        except InputError as error:
            logger.debug("%s", error)
    without, periodic = _without_spin(seed)
    refused = []
    for order in [spin_order] if spin_order is not None else _ORDERS:
        try:
            system = _load(seed, spin_order=order, periodic=periodic)
            return system, f"{order} functions, as the check of their order finds", order
        except InputError as error:
            refused.append(f"{order}: {error}")
            if spin_order is not None:
                raise
    logger.info("no spin: %s", "; ".join(refused))
    return without, "", None


def _without_spin(seed):
    """System without spin, periodic along the directions in which it has hoppings; and these."""
    refused = None
    for periodic in itertools.product((True, False), repeat=3):
        try:
            return _load(seed, spin=False, periodic=periodic), periodic
        except InputError as error:
            refused = refused or error
    raise refused


def _level(level, electrons, outputs: list[DftOutput]):
    """Fermi level, and where it is from or why there is none."""
    if level is not None:
        return level, f"{level:g} eV, given"
    if electrons is not None:
        return None, f"set by {electrons:g} electrons per cell, given"
    good = [output for output in outputs if output.self_consistent and output.fermi_level is not None]
    values = {round(output.fermi_level, 3) for output in good}
    if len(values) == 1:
        remark = f", {good[0].remark}" if good[0].remark else ""
        return good[0].fermi_level, f"{good[0].fermi_level:g} eV, of the scf calculation, {good[0].path.name}{remark}"
    if values:
        levels = ", ".join(f"{output.path.name} {output.fermi_level:g}" for output in good)
        return None, f"blank: several scf outputs say different levels ({levels} eV): --scf names the right one"
    others = [output for output in outputs if output.fermi_level is not None]
    if others:
        named = ", ".join(f"{output.path.name} {output.fermi_level:g} eV" for output in others)
        return None, f"blank: no output of an scf calculation; not used, as of another kind of run: {named}"
    return None, "blank: no output of an scf calculation beside; --level, --electrons or --scf give it"


def _counted(outputs) -> str:
    """What outputs say of the number of electrons."""
    electrons = next((output.electrons for output in outputs if output.electrons is not None), None)
    return "" if electrons is None else f"{electrons:g} valence electrons in the DFT cell, less one for each excluded band"


def _symmetry(system, crystal, structure, level):
    """Generators that the data has, and those of the crystal that it has not."""
    lattice = np.asarray(system.real_lattice)
    moments = structure.moments if structure is not None else None
    names = candidates(lattice, crystal, moments is not None)
    levels = None if level is None else [level]
    kept = [name for name in names if _has(system, [name], levels)]
    chosen = minimal(kept, lattice)
    while chosen and not _has(system, chosen, levels):
        chosen.pop()
    system.set_pointgroup(chosen)
    plain = {name.removeprefix("TimeReversal*") for name in kept}
    return chosen, [name for name in names if "*" not in name and name != "TimeReversal" and name not in plain]


def _has(system, generators, levels) -> bool:
    try:
        system.set_pointgroup(generators)
        check_symmetry(system, levels)
    except (InputError, ValueError, AssertionError):
        return False
    return True


def _pairs(system, symmetry, level):
    """Kramers pairs near the level, where inversion and time reversal make them."""
    operations = system.pointgroup.symmetries
    both = [operation.R * (-1 if operation.Inv else 1) for operation in operations if operation.TR]
    if not any(np.allclose(matrix, -np.eye(3)) for matrix in both) or system.num_wann % 2:
        return None
    if level is None:
        kpoints = np.random.default_rng(0).random((20, 3))
        level = float(np.median(WannierInterpolator(system).band_energies(kpoints)))
    for width in (_NEAR, np.inf):
        try:
            return kramers_pairs(system, window=(level - width, level + width))
        except ValueError:
            continue
    return None


def _mesh(lattice, periodic):
    """K points along each reciprocal vector, even numbers; 1 where nothing is periodic."""
    lengths = np.linalg.norm(2 * np.pi * np.linalg.inv(lattice), axis=0)
    numbers = [2 * max(1, round(float(length) / SPACING / 2)) for length in lengths]
    return [number if along else 1 for number, along in zip(numbers, periodic, strict=True)]
