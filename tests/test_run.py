"""The driver and its meshes."""

import numpy as np
import pytest
import wannierberri

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.models import random_model, rashba_gas, rashba_lattice


@pytest.mark.parametrize("mesh", [1, 5, 23, 25, 26, 30, (4, 6, 25), 60])
def test_the_mesh_asked_for_is_the_mesh_used(mesh):
    """wannierberri.Grid(NK=25) becomes 26 on platinum-like systems; 25 = 5 × 5."""
    grid = wb_conserved.regular_grid(random_model(), mesh)
    assert np.array_equal(grid.dense, np.broadcast_to(mesh, 3))
    points = np.concatenate([(grid.points_FFT + K.Kp_fullBZ) % 1 for K in grid.get_K_list(use_symmetry=False)])
    assert len(np.unique(np.round(points * grid.dense).astype(int) % grid.dense, axis=0)) == np.prod(grid.dense)


@pytest.mark.parametrize("mesh", [0, -3, 2.5, "25", [4, 4], [4, 4, 0]])
def test_a_bad_mesh_is_refused(mesh):
    with pytest.raises(ValueError, match="mesh: expected a positive integer, or three of them"):
        wb_conserved.regular_grid(random_model(), mesh)


def test_sheets_have_one_k_point_across():
    system = random_model(dimension=2)
    assert wb_conserved.regular_grid(system, 12).dense.tolist() == [12, 12, 1]
    with pytest.raises(ValueError, match="not periodic"):
        wb_conserved.regular_grid(system, [12, 12, 12])


def test_a_mesh_that_breaks_the_symmetry_is_refused():
    system = rashba_lattice()
    system.set_pointgroup(symmetry_gen=["C4z", "Mx", "TimeReversal"])
    with pytest.raises(ValueError, match="mesh: expected numbers of k points that the 16 symmetry operations"):
        wb_conserved.regular_grid(system, [12, 10, 1])


CALCULATORS = {
    "conventional": static.ConventionalSpinConductivity,
    "conserved": static.ConservedSpinConductivity,
    "berry": static.BerrySpinConductivity,
    "dipole": static.DipoleScatteringSpinConductivity,
    "kubo": static.KuboConservedSpinConductivity,
}


def test_symmetry_reduced_mesh_equals_the_full_one():
    """4mm1' of the Rashba lattice: behaviour under time reversal and mirrors as declared."""
    system = rashba_lattice()
    calculators = {name: kind([0.8, 1.5], kBT=0.05) for name, kind in CALCULATORS.items()}
    calculators["charge"] = static.ConservedSpinConductivity([0.8, 1.5], kBT=0.05, operator="identity")
    full = wb_conserved.run(system, 24, calculators)
    system.set_pointgroup(symmetry_gen=["C4z", "Mx", "TimeReversal"])
    assert system.pointgroup.size == 16
    reduced = wb_conserved.run(system, wannierberri.Grid(system, NKdiv=[12, 12, 1], NKFFT=[2, 2, 1]), calculators)
    assert reduced.number_of_k_points < 0.5 * full.number_of_k_points
    for name in calculators:
        scale = max(np.abs(full.results[name].data).max(), 1e-6)  # S; σ_B vanishes
        np.testing.assert_allclose(reduced.results[name].data, full.results[name].data, atol=1e-9 * scale, err_msg=name)


def test_wannierberri_run_gives_the_same(tmp_path):
    system = random_model(seed=2)
    calculators = {name: kind([0.1, 0.4], kBT=0.1) for name, kind in CALCULATORS.items()}
    ours = wb_conserved.run(system, 6, calculators).results
    grid = wb_conserved.regular_grid(system, 6)
    theirs = wannierberri.run(system, grid, calculators, parallel=False, fout_name=str(tmp_path / "result")).results
    for name in calculators:
        np.testing.assert_allclose(ours[name].data, theirs[name].data, atol=1e-10 * np.abs(ours[name].data).max())


def test_wannierberri_calculators_run_in_our_driver(iron, tmp_path):
    """Fermi-sea and tetrahedron ones, and tabulators on a mesh and a path."""
    from wannierberri.calculators import static as wannierberri_static
    from wannierberri.calculators.tabulate import TabulatorAll, Velocity

    scan = np.linspace(17, 18, 11)
    calculators = {
        "AHC": wannierberri_static.AHC(Efermi=scan),
        "DOS": wannierberri_static.DOS(Efermi=scan, tetra=True),
        "bands": TabulatorAll({"velocity": Velocity()}, mode="grid"),
    }
    grid = wb_conserved.regular_grid(iron, 4)
    ours = wb_conserved.run(iron, grid, calculators).results
    theirs = wannierberri.run(iron, grid, calculators, parallel=False, fout_name=str(tmp_path / "result")).results
    for name in ("AHC", "DOS"):
        scale = np.abs(theirs[name].data).max()
        assert scale > 0
        np.testing.assert_allclose(ours[name].data, theirs[name].data, atol=1e-6 * scale, err_msg=name)
    for quantity in ("Energy", "velocity"):
        np.testing.assert_allclose(
            ours["bands"].results[quantity].data, theirs["bands"].results[quantity].data, atol=1e-6, err_msg=quantity
        )
    path = wannierberri.Path.from_nodes(iron, nodes=[[0, 0, 0], [0.5, -0.5, 0.5]], labels=["Γ", "H"], dk=0.2)
    along = {"bands": TabulatorAll({"velocity": Velocity()}, mode="path")}
    ours = wb_conserved.run(iron, path, along).results["bands"]
    theirs = wannierberri.run(iron, path, along, parallel=False, symmetrize=False).results["bands"]
    np.testing.assert_allclose(ours.results["Energy"].data, theirs.results["Energy"].data, atol=1e-8)


def test_bad_arguments_are_named():
    system = random_model()
    with pytest.raises(TypeError, match="calculators: expected a dict"):
        wb_conserved.run(system, 2, [])
    with pytest.raises(TypeError, match=r"calculators\['x'\]: expected a WannierBerri calculator, found 3"):
        wb_conserved.run(system, 2, {"x": 3})
    path = wannierberri.Path.from_nodes(system, nodes=[[0, 0, 0], [0.5, 0, 0]], dk=0.5)
    with pytest.raises(ValueError, match="does not work on a path"):
        wb_conserved.run(system, path, {"x": static.ConventionalSpinConductivity([0.0])})
    with pytest.raises(ValueError, match="Emin"):
        wb_conserved.run(system, 2, {"x": static.ConventionalSpinConductivity([0.0])}, parameters_K={"Emin": 0.0})


def test_import_is_light():
    """Neither MPI nor plotting nor Ray is imported with the package."""
    import subprocess
    import sys

    code = "import sys, wb_conserved; print([m for m in ('mpi4py', 'matplotlib', 'ray') if m in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip().endswith("[]")


def test_kp_systems_run(tmp_path):
    """In our driver by themselves, in WannierBerri's with the class they name."""
    system = rashba_gas()
    calculator = static.KuboConservedSpinConductivity([1.0], kBT=0.1)
    ours = wb_conserved.run(system, 40, {"x": calculator}).results["x"].data
    grid = wb_conserved.regular_grid(system, 40)
    theirs = wannierberri.run(
        system, grid, {"x": calculator}, parallel=False, data_k_class=system.data_k_class, fout_name=str(tmp_path / "r")
    )
    np.testing.assert_allclose(theirs.results["x"].data, ours, atol=1e-12 * np.abs(ours).max())
