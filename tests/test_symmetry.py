"""Each calculator's declared behaviour under the symmetry operations, on systems that have the symmetry of their crystal.

The full mesh, summed without any use of symmetry, must equal the symmetry-reduced mesh: a wrong sign under time reversal
or inversion, or axes in a wrong order, would not survive that.
"""

from pathlib import Path

import numpy as np
import pytest
import wannierberri

import wb_conserved
from wb_conserved.calculators import static

pytest.importorskip("irrep", reason="symmetrisation needs irrep: pip install '.[symmetry]'")
pytest.importorskip("spglib", reason="symmetrisation needs spglib: pip install '.[symmetry]'")

DATA = Path(__file__).parents[1] / "data"
CALCULATORS = {
    "conventional": static.ConventionalSpinConductivity,
    "conserved": static.ConservedSpinConductivity,
    "berry": static.BerrySpinConductivity,
    "dipole": static.DipoleScatteringSpinConductivity,
    "kubo": static.KuboConservedSpinConductivity,
}
LEVELS = {"pt": 18.1, "te": 5.5, "fe": 17.4}
MESHES = {"pt": ((4, 4, 4), (2, 2, 2)), "te": ((3, 3, 2), (2, 2, 2)), "fe": ((4, 4, 4), (2, 2, 2))}  # NKdiv, NKFFT


@pytest.fixture(scope="module")
def systems():
    return {
        "pt": wb_conserved.load_system(DATA / "pt" / "Pt", symmetrize=True),
        "te": wb_conserved.load_system(DATA / "te" / "Te", symmetrize=True),
        # the functions of this data have lost much of the crystal's symmetry: hence the tolerance
        "fe": wb_conserved.load_system(
            DATA / "fe" / "Fe", symmetrize=True, magnetic_moments=[[0, 0, 2.25]], symmetry_tolerance=1.5
        ),
    }


@pytest.fixture(scope="module")
def tensors(systems):
    """{(crystal, calculator, operator): full mesh and reduced mesh}."""
    found = {}
    for crystal, system in systems.items():
        calculators = {
            (name, operator): calculator([LEVELS[crystal]], kBT=0.1, operator=operator)
            for name, calculator in CALCULATORS.items()
            for operator in ("spin", "identity")
        }
        grid = wannierberri.Grid(system, NKdiv=MESHES[crystal][0], NKFFT=MESHES[crystal][1])
        full = wb_conserved.run(system, grid, calculators, use_irred_kpt=False, symmetrize=False)
        reduced = wb_conserved.run(system, grid, calculators)
        assert reduced.number_of_k_points < full.number_of_k_points
        for key in calculators:
            found[(crystal, *key)] = full.results[key].data[0], reduced.results[key].data[0]
    return found


def test_group_sizes(systems):
    """Fm-3m: 48 operations, with time reversal 96; P3_121: 6, 12; bcc with the moment along z: 8, 8 more reverse time."""
    assert wb_conserved.load_system(DATA / "pt" / "Pt").pointgroup.size == 1
    expected = {"pt": ("Fm-3m1'", 96, 48), "te": ("P3_1211'", 12, 6), "fe": ("I4/mm'm'", 16, 8)}
    for crystal, (group, size, reversing) in expected.items():
        report = systems[crystal].symmetry_report
        assert (report.group, report.size, report.with_time_reversal) == (group, size, reversing)
        assert systems[crystal].pointgroup.size == size


@pytest.mark.parametrize("operator", ["spin", "identity"])
@pytest.mark.parametrize("name", CALCULATORS)
@pytest.mark.parametrize("crystal", LEVELS)
def test_full_mesh_equals_reduced_mesh(tensors, crystal, name, operator):
    full, reduced = tensors[crystal, name, operator]
    scale = np.abs(tensors[crystal, "conventional", "spin"][0]).max()
    assert scale > 1
    np.testing.assert_allclose(full, reduced, atol=1e-6 * max(scale, np.abs(full).max()))


@pytest.mark.parametrize("name", CALCULATORS)
def test_platinum_has_one_component(tensors, name):
    """Cubic: only ε_ils is left; no anomalous Hall effect with time reversal."""
    full = tensors["pt", name, "spin"][0]
    scale = np.abs(tensors["pt", "conventional", "spin"][0]).max()
    epsilon = np.zeros((3, 3, 3))
    for i, l, s in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        epsilon[i, l, s], epsilon[l, i, s] = 1, -1
    np.testing.assert_allclose(full, full[0, 1, 2] * epsilon, atol=1e-6 * scale)
    np.testing.assert_allclose(tensors["pt", name, "identity"][0], 0, atol=1e-6 * scale)
    if name == "conventional":
        assert abs(full[0, 1, 2]) > 1000


@pytest.mark.parametrize("name", CALCULATORS)
@pytest.mark.parametrize("crystal", ["te", "fe"])
def test_what_the_group_forbids_vanishes(tensors, systems, crystal, name):
    """Forbidden components by averaging random tensors with the signs of a current of an axial, time-odd s."""
    group = systems[crystal].pointgroup
    spin, identity = (tensors[crystal, name, operator][0] for operator in ("spin", "identity"))
    for tensor, odd_under_time_reversal in ((spin, False), (identity, True)):
        random = np.random.default_rng(0).normal(size=tensor.shape)
        allowed = np.zeros(tensor.shape)
        for operation in group.symmetries:  # inversion acts on the two polar axes only, which cancels
            part = random
            for axis in range(tensor.ndim):
                part = np.moveaxis(np.tensordot(operation.R, part, axes=(1, axis)), 0, axis)
            allowed += -part if odd_under_time_reversal and operation.TR else part
        forbidden = np.abs(allowed) < 1e-10 * group.size
        assert forbidden.any()
        scale = max(np.abs(tensors[crystal, "conventional", "spin"][0]).max(), np.abs(tensor).max())
        np.testing.assert_allclose(tensor[forbidden], 0, atol=1e-6 * scale)


def test_iron_has_an_anomalous_hall_effect_along_its_moment(tensors):
    hall = tensors["fe", "conventional", "identity"][0]
    assert abs(hall[0, 1]) > 10
    np.testing.assert_allclose(hall, -hall.T, atol=1e-6 * abs(hall[0, 1]))
    np.testing.assert_allclose(hall[:, 2], 0, atol=1e-6 * abs(hall[0, 1]))


def test_a_mesh_that_breaks_the_symmetry_is_refused(systems):
    with pytest.raises(ValueError, match="mesh: expected numbers of k points that the 96 symmetry operations"):
        wb_conserved.run(systems["pt"], (8, 8, 6), {"x": static.ConventionalSpinConductivity([18.1])})
