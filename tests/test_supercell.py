"""Supercells: bands and conductivities of the cell, with more Wannier functions."""

import itertools

import numpy as np
import pytest
from data_folder import DATA

import wb_conserved
from wb_conserved.calculators.static import (
    ConservedSpinConductivity,
    ConventionalSpinConductivity,
    KuboConservedSpinConductivity,
)
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.models import kane_mele, random_model, rashba_gas, supercell


def with_positions(system, seed=5):
    """The system with a random Hermitian position matrix between Wannier functions, without centres on its diagonal."""
    generator = np.random.default_rng(seed)
    shape = (system.rvec.nRvec, system.num_wann, system.num_wann, 3)
    matrix = 0.2 * (generator.normal(size=shape) + 1j * generator.normal(size=shape))
    minus = [system.rvec.iR(-vector) for vector in system.rvec.iRvec]
    matrix = 0.5 * (matrix + matrix[minus].swapaxes(1, 2).conj())
    diagonal = np.arange(system.num_wann)
    matrix[system.rvec.iR0, diagonal, diagonal] = 0
    system.set_R_mat("AA", matrix)
    system.force_internal_terms_only = False
    return system


def bands(system, kpoints):
    interpolator = WannierInterpolator(system)
    return np.linalg.eigvalsh(interpolator(interpolator.phases(np.asarray(kpoints)), "Ham"))


def unfolded(kpoint, multiples):
    """Reduced wave vectors of the cell that fold onto one of the supercell."""
    return [(kpoint + np.array(G)) / multiples for G in itertools.product(*map(range, multiples))]


@pytest.mark.parametrize("multiples", [(2, 1, 1), (1, 3, 2)])
def test_bands_are_those_of_all_folded_k_points(multiples):
    system = random_model(seed=4)
    folded = supercell(system, multiples)
    assert folded.num_wann == np.prod(multiples) * system.num_wann
    kpoints = np.random.default_rng(0).random((3, 3))
    expected = [np.sort(bands(system, unfolded(k, multiples)), axis=None) for k in kpoints]
    np.testing.assert_allclose(bands(folded, kpoints), expected, atol=1e-10)


def test_bands_of_platinum(platinum):
    folded = supercell(platinum, (1, 2, 2))
    kpoint = np.array([0.13, -0.21, 0.34])
    expected = np.sort(bands(platinum, unfolded(kpoint, (1, 2, 2))), axis=None)
    np.testing.assert_allclose(bands(folded, [kpoint])[0], expected, atol=1e-10)


def test_wannier_centres_are_moved_by_lattice_vectors():
    system = random_model(seed=4)
    folded = supercell(system, (1, 2, 3))
    np.testing.assert_allclose(folded.real_lattice, np.diag([1, 2, 3]) @ system.real_lattice)
    cells = np.array(list(itertools.product(range(1), range(2), range(3)))) @ system.real_lattice
    expected = cells[:, None, :] + system.wannier_centers_cart
    np.testing.assert_allclose(folded.wannier_centers_cart, expected.reshape(-1, 3), atol=1e-12)
    assert folded.pointgroup.size == 1


def conductivities(system, mesh, levels, kinds, **options):
    calculators = {kind.__name__: kind(levels, **options) for kind in kinds}
    return wb_conserved.run(system, mesh, calculators).results


def assert_equal_results(cell, folded, tolerance):
    for name, result in cell.items():
        scale = np.abs(result.data).max()
        assert scale > 0
        np.testing.assert_allclose(folded[name].data, result.data, atol=tolerance * scale, rtol=0, err_msg=name)


@pytest.mark.parametrize(("multiples", "mesh"), [((2, 1, 3), (4, 4, 6)), ((1, 4, 1), (3, 4, 3))])
def test_conductivities_of_a_random_model(multiples, mesh):
    """Per volume, with position matrix; without symmetry no bands are degenerate, so the groups are the same."""
    system = with_positions(random_model(seed=1))
    kinds = (ConventionalSpinConductivity, ConservedSpinConductivity, KuboConservedSpinConductivity)
    options = {"kBT": 0.2, "degen_thresh": 1e-8}
    cell = conductivities(system, mesh, [-1.0, 0.5], kinds, **options)
    folded_mesh = tuple(n // m for n, m in zip(mesh, multiples, strict=True))
    folded = conductivities(supercell(system, multiples), folded_mesh, [-1.0, 0.5], kinds, **options)
    assert_equal_results(cell, folded, 1e-9)


def test_conductivities_of_a_sheet():
    system = kane_mele(rashba=0.15)
    options = {"kBT": 0.05, "degen_thresh": 1e-8}
    cell = conductivities(system, (6, 4, 1), [0.0], (ConventionalSpinConductivity,), **options)
    folded = conductivities(supercell(system, (3, 2, 1)), (2, 2, 1), [0.0], (ConventionalSpinConductivity,), **options)
    assert_equal_results(cell, folded, 1e-9)


def test_conventional_conductivity_of_platinum(platinum):
    """k and −k may fold onto each other, degenerate: the conventional conductivity does not depend on that."""
    options = {"kBT": 0.1, "degen_thresh": 1e-6}
    cell = conductivities(platinum, 4, [17.0, 18.1], (ConventionalSpinConductivity,), **options)
    folded = supercell(platinum, (2, 1, 2))
    folded = conductivities(folded, (2, 4, 2), [17.0, 18.1], (ConventionalSpinConductivity,), **options)
    assert_equal_results(cell, folded, 1e-9)


def test_matrices_of_other_spin_currents_fold_too():
    """SR, SH and SHR, not Hermitian and with positions counted from the centres; no k points that fold are related by
    symmetry, since Qiao's current depends on the choice of degenerate states."""
    system = wb_conserved.load_system(DATA / "fe" / "Fe", spin_current="qiao")
    options = {"kBT": 0.1, "degen_thresh": 1e-8, "spin_current": "qiao"}
    cell = conductivities(system, (1, 2, 3), [17.5], (ConventionalSpinConductivity,), **options)
    folded = supercell(system, (1, 2, 1))
    folded = conductivities(folded, (1, 1, 3), [17.5], (ConventionalSpinConductivity,), **options)
    assert_equal_results(cell, folded, 1e-9)


@pytest.mark.parametrize("multiples", [2, (2, 2), (1, 0, 1), (1, -2, 1), (1.0, 2.0, 1.0), "222"])
def test_bad_multiples_are_refused(multiples):
    with pytest.raises(ValueError, match="multiples: expected three positive integers, found"):
        supercell(random_model(), multiples)


def test_sheets_keep_one_cell_across():
    with pytest.raises(
        ValueError, match=r"multiples: expected 1 along the directions that are not periodic .* \(2, 1, 2\)"
    ):
        supercell(kane_mele(), (2, 1, 2))


def test_other_systems_are_refused():
    with pytest.raises(TypeError, match="system: expected a System_R of plain R-space matrices, found KPSystem"):
        supercell(rashba_gas(), (2, 1, 1))
    system = random_model()
    system._XX_R["SS"] = system._XX_R["SS"][:, :2]
    with pytest.raises(ValueError, match="system: expected its matrix 'SS' of shape"):
        supercell(system, (2, 1, 1))
    system = random_model()
    system.rvec.iRvec[1] = system.rvec.iRvec[0]
    with pytest.raises(ValueError, match="system: expected each R vector once"):
        supercell(system, (2, 1, 1))
