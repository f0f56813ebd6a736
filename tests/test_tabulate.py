"""Tabulated band quantities: against the calculators, the identities, WannierBerri, on grids and paths."""

import numpy as np
import pytest
import wannierberri
from wannierberri.calculators import tabulate as wannierberri_tabulate

import wb_conserved
from wb_conserved.calculators import CATALOGUE, equilibrium, static, tabulate
from wb_conserved.models import random_model, rashba_lattice
from wb_conserved.units import CONDUCTANCE, periodic_measure


def all_tabulators(**arguments):
    without = {name: value for name, value in arguments.items() if name != "operator"}
    return {
        entry.calculator.__name__: entry.calculator(**(arguments if entry.of_observable else without))
        for entry in CATALOGUE.values()
        if entry.tabulated
    }


def tabulate_on(system, grid, tabulators, mode="grid", **options):
    calculator = wannierberri_tabulate.TabulatorAll(dict(tabulators), mode=mode)
    return wb_conserved.run(system, grid, {"bands": calculator}, **options).results["bands"]


def test_quantities_integrate_to_the_results_of_the_calculators():
    """Weighted with f and −∂f/∂ε of the tabulated energies, for every calculator whose term is tabulated alone."""
    from scipy.special import expit

    system, mesh, level, kBT = random_model(num_orbitals=2, seed=12), 5, 0.4, 0.3
    table = tabulate_on(system, mesh, all_tabulators()).results
    x = (table["Energy"].data - level) / kBT
    f = expit(-x)
    g = -kBT * np.logaddexp(0, -x)
    volume = periodic_measure(system)[1]

    def average(weights, name):
        return np.einsum("kn,kn...->...", weights, table[name].data) / mesh**3

    calculators = {
        "conventional": static.ConventionalSpinConductivity([level], kBT=kBT),
        "berry": static.BerrySpinConductivity([level], kBT=kBT),
        "J": equilibrium.EquilibriumSpinCurrent([level], kBT=kBT),
        "D^τ": equilibrium.TorqueDipole([level], kBT=kBT),
        "D": equilibrium.SpinCurrentDipole([level], kBT=kBT),
        "Q": equilibrium.TorqueQuadrupole([level], kBT=kBT),
        "M": equilibrium.SpinOrbitalMagnetization([level], kBT=kBT),
    }
    results = wb_conserved.run(system, mesh, calculators).results
    berry = average(g, "BerryCurvatureTimesOperator")  # [i, l, s] holds Ωs^{li}
    expected = {
        "conventional": average(f, "OperatorBerryCurvature") * -CONDUCTANCE * 1e8 / volume,
        "berry": average(f, "BerryCurvatureTimesOperator") * -CONDUCTANCE * 1e8 / volume,
        "J": average(f, "ConventionalCurrent") / volume,
        "D^τ": (average(f, "TorqueDipole") + average(g, "TorqueBerryCurvature")) / volume,
        "D": (average(f, "CurrentDipole") + average(g, "OperatorBerryCurvature").swapaxes(0, 1)) / volume,
        "Q": (average(f, "TorqueQuadrupole") + average(g, "TorqueDipolePolarizability")) / volume,
        "M": average(f, "OrbitalMoment") + np.stack([berry[2, 1], berry[0, 2], berry[1, 0]]),
    }
    for name, values in expected.items():
        scale = np.abs(values).max()
        assert scale > 0, name
        np.testing.assert_allclose(results[name].data[0], values, atol=1e-6 * scale, err_msg=name)


def test_expectation_and_velocity_equal_wannierberri(iron):
    tabulators = {
        "ours": tabulate.Expectation(degen_thresh=1e-4),
        "theirs": wannierberri_tabulate.Spin(degen_thresh=1e-4),
        "current of the identity": tabulate.ConventionalCurrent(operator="identity"),
        "velocity": wannierberri_tabulate.Velocity(),
        "curvature": tabulate.BerryCurvatureTimesOperator(operator="identity"),
        "Berry": wannierberri_tabulate.BerryCurvature(),
    }
    table = tabulate_on(iron, 3, tabulators).results
    np.testing.assert_allclose(2 * table["ours"].data, table["theirs"].data, atol=1e-6)
    np.testing.assert_allclose(table["current of the identity"].data, table["velocity"].data, atol=1e-6)
    curvature, berry = table["curvature"].data, table["Berry"].data
    for i, l, c, sign in ((0, 1, 2, -1), (1, 2, 0, -1), (2, 0, 1, -1), (1, 0, 2, 1)):
        np.testing.assert_allclose(curvature[:, :, i, l], sign * berry[..., c], atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize("operator", ["spin", "identity"])
def test_symmetry_reduced_grid_equals_the_full_one(operator):
    """Behaviour under time reversal and mirrors of every quantity, band by band."""
    system = rashba_lattice(zeeman=0.0)
    grid = dict(NKdiv=[6, 6, 1], NKFFT=[1, 1, 1])
    tabulators = all_tabulators(operator=operator, degen_thresh=1e-3)
    full = tabulate_on(system, wannierberri.Grid(system, **grid), tabulators).results
    system.set_pointgroup(symmetry_gen=["C4z", "Mx", "TimeReversal"])
    reduced = tabulate_on(system, wannierberri.Grid(system, **grid), tabulators).results
    for name in tabulators:
        scale = max(np.abs(full[name].data).max(), 1e-3)
        np.testing.assert_allclose(reduced[name].data, full[name].data, atol=1e-7 * scale, err_msg=name)


def test_paths_and_both_drivers_give_the_same():
    system = random_model(seed=1)
    path = wannierberri.Path.from_nodes(system, nodes=[[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0]], dk=0.5)
    ours = tabulate_on(system, path, all_tabulators(), mode="path")
    calculator = wannierberri_tabulate.TabulatorAll(all_tabulators(), mode="path")
    theirs = wannierberri.run(system, path, {"bands": calculator}, parallel=False, symmetrize=False).results["bands"]
    assert len(ours.results["Energy"].data) == len(path.K_list)
    for name in all_tabulators():
        np.testing.assert_allclose(ours.results[name].data, theirs.results[name].data, atol=1e-9, err_msg=name)


def test_selected_bands():
    system = random_model(seed=1)
    every = tabulate_on(system, 2, {"s": tabulate.Expectation()}).results["s"].data
    calculator = wannierberri_tabulate.TabulatorAll({"s": tabulate.Expectation()}, ibands=[1, 2], mode="grid")
    some = wb_conserved.run(system, 2, {"bands": calculator}).results["bands"].results["s"].data
    np.testing.assert_array_equal(some, every[:, [1, 2]])


def test_fermisurfer_output(tmp_path):
    """One value per band and k point in the .frmsf file, in the order of the grid."""
    system = random_model(num_orbitals=1, seed=1)
    table = tabulate_on(system, 3, {"dipole": tabulate.TorqueDipole()})
    text = table.fermiSurfer(quantity="dipole", component="yz", efermi=0.0)
    lines = text.strip().split("\n")
    assert lines[0].split() == ["3", "3", "3"]
    n_values = 2 * 27
    found = np.array(lines[-n_values:], dtype=float).reshape(2, 27).T
    np.testing.assert_allclose(found, table.results["dipole"].data.reshape(27, 2, 3, 3)[:, :, 1, 2], atol=1e-6)
