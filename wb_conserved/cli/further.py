"""What [superconductor] asks for besides quantities of the table: density of states, bands, gap on the Fermi surface."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import wannierberri
from wannierberri.calculators.tabulate import TabulatorAll

from ..calculators import DensityOfStates, tabulate
from ..driver.grid import regular_grid
from ..driver.run import run
from ..occupations.fermi import fermi_slope
from ..quasiparticles import BogoliubovSystem
from ..quasiparticles.fermi_surface import fermisurfer, gap_on_bands
from ..results import plot_bands
from ..results.files import netcdf
from ..results.style import COLUMN, fonts
from ..results.superconductor import plot_density_of_states, plot_gap_distribution
from ..units import BOLTZMANN_EV

_SURFACE = 0.02
"""Width of the Fermi surface, kT in eV, where no other is given."""
_NEAR = 0.01  # part of the largest weight, below which states do not count as those of the Fermi surface


@dataclass(frozen=True)
class Further:
    """What an input file asks for besides the quantities of the table, computed.

    Attributes
    ----------
    summary : list of str
        Lines for the reader.
    files : dict of str to callable
        Contents of files by name.
    """

    summary: list[str]
    files: dict[str, Callable[[], bytes]]


def further(config, system: BogoliubovSystem, communicator, pictures: bool) -> Further:
    """Density of states, band structure and gap on the Fermi surface; of all ranks together.

    Parameters
    ----------
    config : Config
    system : BogoliubovSystem
    communicator
    pictures : bool
    """
    section, found = config.superconductor, Further([_summary(system)], {})
    title = f"{config.title}: gap {section.describe()}"
    frozen = system.frozen()
    if section.attraction is not None:
        found.files["gap.npz"] = system.gap.contents
    if section.energies is not None:
        _density_of_states(config, frozen, communicator, pictures, title, found.files)
    if section.path is not None:
        _bands(config, frozen, communicator, pictures, title, found.files)
    if section.gap_on_fermi_surface and communicator.rank == 0:
        _fermi_surface(config, frozen, pictures, title, found)
    return found


def _summary(system):
    """The gap in a line."""
    gap, kBT = system.gap, min(system.temperatures, default=system.kBT)
    largest = float(np.abs(gap.at(kBT or 0.0)).max())
    text = f"gap       largest element of Δ {largest:.5g} eV" + ("" if kBT is None else f" at {kBT / BOLTZMANN_EV:.4g} K")
    if gap.Tc is None:
        return text
    ratio = f", 2Δ/k_BT_c = {2 * largest / gap.Tc:.4g}" if gap.converged is not None and largest > 0 else ""
    return f"{text}, T_c = {gap.Tc / BOLTZMANN_EV:.5g} K{ratio}"


def _density_of_states(config, system, communicator, pictures, title, files):
    section = config.superconductor
    energies = np.linspace(*section.energies, section.energy_points)
    width = section.dos_width or 2 * float(energies[1] - energies[0])
    calculator = {"D": DensityOfStates(energies, kBT=width)}
    normal = system.with_gap(0 * system.gap)
    values = [run(part, config.grid.mesh, calculator, communicator).results["D"].data for part in (system, normal)]
    rows = np.column_stack([energies, *values])
    head = f"# quasiparticles per eV and cell, blurred with kT = {width:g} eV; lowest temperature, and normal state\n"
    text = head + "energy_eV,superconductor,normal\n" + "".join(f"{e:.8g},{s:.8g},{n:.8g}\n" for e, s, n in rows)
    files["density_of_states.csv"] = text.encode
    if pictures:
        files["density_of_states.png"] = _drawn(plot_density_of_states, energies, *values, title)


def _bands(config, system, communicator, pictures, title, files):
    section = config.superconductor
    labels = section.path_labels or [str(i + 1) for i in range(len(section.path))]
    nodes = np.array(section.path)
    length = np.linalg.norm(np.diff(nodes, axis=0) @ system.recip_lattice, axis=1).sum()
    path = wannierberri.Path.from_nodes(system, nodes=section.path, labels=labels, dk=length / section.path_points)
    own = {"degen_thresh": config.multiplets.threshold}
    own["kwargs_formula"] = {"external_terms": config.quantities.external_terms}
    tabulators = {"charge": tabulate.Expectation(operator="charge", **own), "Berry curvature": tabulate.BerryCurvature(**own)}
    result = run(system, path, {"bands": TabulatorAll(tabulators, mode="path")}, communicator)
    files["bands.nc"] = lambda: netcdf(result.to_dataset())
    window = section.path_window or 20 * float(np.abs(system.gap.delta).max()) or 1.0

    def draw(file):
        with fonts():
            plot_bands(
                result.results["bands"], path, "charge", window=(-window, window), limit=1.0, file=file, title=title, unit="e",
                size=(COLUMN, 2.6), linear=True, energy_label=r"$E$   [eV]",
            )  # fmt: skip

    if pictures:
        files["bands.png"] = _drawn(draw)


def _fermi_surface(config, system, pictures, title, found):
    mesh = regular_grid(system, config.grid.mesh).dense
    kpoints = np.stack(np.unravel_index(np.arange(int(np.prod(mesh))), mesh), axis=1) / mesh
    energies, gap = gap_on_bands(system, kpoints)
    found.files["fermi_surface.frmsf"] = fermisurfer(mesh, system.recip_lattice, energies, gap).encode
    width = config.superconductor.dos_width or _SURFACE
    weights = fermi_slope(energies / width)
    on_surface = gap[weights > _NEAR * weights.max()]
    found.summary.append(f"          on the Fermi surface |Δ| from {on_surface.min():.5g} to {on_surface.max():.5g} eV")
    if pictures:
        weights = np.where(weights > _NEAR * weights.max(), weights, 0.0)
        found.files["gap_on_fermi_surface.png"] = _drawn(plot_gap_distribution, gap.ravel(), weights.ravel(), title)


def _drawn(plot, *arguments):
    def contents():
        file = io.BytesIO()
        plot(file, *arguments)
        return file.getvalue()

    return contents
