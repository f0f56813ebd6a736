"""Proper spin conductivity σ_P (H. Ma et al., npj Spintronics 2 (2024); J. H. Cullen et al., arXiv 2509.20436, eq. 7):
identities, exact results, and the equation written out."""

import numpy as np
import pytest
from reference import groups_of, proper_curvature
from scipy.stats import unitary_group
from test_geometry import band_geometry, per_multiplet, random_kpoints
from test_identities import model
from wannierberri.calculators import static as wannierberri_static

import wb_conserved
from wb_conserved import geometry
from wb_conserved.calculators import static
from wb_conserved.calculators.band_geometry import BandGeometry
from wb_conserved.interpolation import ArrayBatch, WannierInterpolator
from wb_conserved.interpolation.batches import interpolated_batch
from wb_conserved.models import random_model, rashba_gas
from wb_conserved.operators import IDENTITY, SPIN
from wb_conserved.units import CONDUCTANCE

pytestmark = pytest.mark.usefixtures("kernels")

CASES = [(False, 1e-6), (True, 1e-6), (False, 0.8), (True, 0.8)]
"""Kramers pairs or not, and the threshold: single bands, pairs, and larger groups of split bands."""


@pytest.fixture(params=CASES, ids=lambda case: f"kramers={case[0]}-{case[1]}eV")
def g(request):
    kramers, threshold = request.param
    return band_geometry(model(kramers), random_kpoints(), threshold)


def sums(g, name="proper_curvature"):
    return per_multiplet(getattr(g, name), g.multiplets.same)


def of_arrays(energies, velocity, operator, threshold=1e-6, **options):
    batch = ArrayBatch(energies, velocity, {SPIN: operator}, **options)
    return BandGeometry(batch, SPIN, threshold, False, external_terms=False)


def collapsed(g):
    """The same matrices with every multiplet exactly degenerate, and s cut to its blocks inside multiplets."""
    energies = g.multiplets.energies
    inside = geometry.inside(g.operator, g.multiplets.same)
    return of_arrays(energies, g.velocity, g.operator), of_arrays(energies, g.velocity, inside)


def test_half_the_sum_is_the_conventional_curvature_of_the_blocks(g):
    """½ (Ωs^{li} + P^{ils}) = Ω^{lis} with s_in in the place of s, multiplet by multiplet."""
    whole, blocks = collapsed(g)
    np.testing.assert_array_equal(whole.multiplets.labels, g.multiplets.labels)
    expected = sums(blocks, "operator_berry_curvature")
    found = 0.5 * (sums(whole, "berry_curvature_times_operator") + sums(whole))
    assert np.abs(expected).max() > 1e-2
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * max(1, np.abs(expected).max()))
    # sharp: neither with the sign nor with the axes of one half exchanged, nor with one half alone
    for wrong in (-sums(whole), sums(whole).swapaxes(2, 3), sums(whole, "berry_curvature_times_operator")):
        other = 0.5 * (sums(whole, "berry_curvature_times_operator") + wrong)
        assert np.abs(other - expected).max() > 1e-2 * np.abs(expected).max()


def test_half_the_sum_of_the_conductivities():
    """The same through calculators and driver, single bands: s_in is the diagonal of s at each k."""
    system, level, mesh = random_model(seed=4), 0.3, 6
    calculators = {"B": static.BerrySpinConductivity([level]), "P": static.ProperSpinConductivity([level])}
    results = wb_conserved.run(system, mesh, calculators).results
    grid = np.stack(np.meshgrid(*[np.arange(mesh) / mesh] * 3, indexing="ij"), -1).reshape(-1, 3)
    g = band_geometry(system, grid)
    blocks = of_arrays(g.energies, g.velocity, geometry.inside(g.operator, g.multiplets.same))
    f = (g.energies <= level).astype(float)
    volume = abs(np.linalg.det(system.real_lattice))
    expected = np.einsum("kn,kn...->...", f, blocks.operator_berry_curvature) / mesh**3 / volume * -CONDUCTANCE * 1e8
    found = 0.5 * (results["B"].data[0] + results["P"].data[0])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_the_equation_written_out(g):
    for k, energies in enumerate(g.energies):
        groups = groups_of(energies, g.grouping[0])
        velocity, spin = np.moveaxis(g.velocity[k], 1, 0), np.moveaxis(g.operator[k], 1, 0)
        for M, expected in zip(groups, proper_curvature(energies, velocity, spin, groups), strict=True):
            np.testing.assert_allclose(g.proper_curvature[k, M].sum(axis=0), expected, rtol=0, atol=1e-10)
    assert np.abs(g.proper_curvature).max() > 1e-2


def test_antisymmetric_in_flow_and_field(g):
    np.testing.assert_allclose(sums(g), -sums(g).swapaxes(2, 3), rtol=0, atol=1e-11)


def test_basis_inside_multiplets_does_not_matter():
    g = band_geometry(model(kramers=True), random_kpoints())
    energies = np.repeat(g.energies.reshape(5, -1, 2).mean(-1), 2, axis=1)
    unitaries = np.zeros((5, 6, 6), dtype=complex)
    for k in range(5):
        for n in (0, 2, 4):
            unitaries[k, n : n + 2, n : n + 2] = unitary_group.rvs(2, random_state=10 * k + n)

    def rotated(turn):
        def rotate(matrix):
            return np.einsum("kpn,kp...q,kqm->kn...m", turn.conj(), matrix, turn)

        return sums(of_arrays(energies, rotate(g.velocity), rotate(g.operator)))

    before = rotated(np.broadcast_to(np.eye(6, dtype=complex), (5, 6, 6)))
    assert np.abs(before).max() > 1e-2
    np.testing.assert_allclose(rotated(unitaries), before, rtol=0, atol=1e-10)
    # and the check can fail
    mixing = np.broadcast_to(unitary_group.rvs(6, random_state=3), (5, 6, 6))
    assert np.abs(rotated(mixing) - before).max() > 1e-3


def test_a_metric_of_ones_is_none(g):
    arrays = g.multiplets.energies, g.velocity, g.operator
    np.testing.assert_array_equal(sums(of_arrays(*arrays, metric=np.ones(6))), sums(of_arrays(*arrays)))


def test_rashba_gas():
    """s_z vanishes in both bands and the Berry curvature does: σ_P = 0 for all components."""
    calculators = {
        "P": static.ProperSpinConductivity([1.0], kBT=0.02),
        "K": static.KuboConservedSpinConductivity([1.0], kBT=0.02),
    }
    results = wb_conserved.run(rashba_gas(half_width=3.0), [60, 60, 1], calculators).results
    scale = np.abs(results["K"].data).max()
    assert scale > CONDUCTANCE / 50
    np.testing.assert_allclose(results["P"].data, 0, rtol=0, atol=1e-9 * scale)


def test_identity_gives_the_anomalous_hall_conductivity(iron):
    """σ_P = σ_conv, and times the charge −|e| of an electron WannierBerri's AHC, with internal terms only."""
    options = dict(kBT=0.0, degen_thresh=1e-4, operator="identity", kwargs_formula=dict(external_terms=False))
    level = [12.6]
    calculators = {
        "P": static.ProperSpinConductivity(level, **options),
        "conv": static.ConventionalSpinConductivity(level, **options),
        "AHC": wannierberri_static.AHC(Efermi=np.array(level), kwargs_formula=dict(external_terms=False), tetra=False),
    }
    results = wb_conserved.run(iron, 4, calculators).results
    P = results["P"].data[0]
    np.testing.assert_allclose(P, results["conv"].data[0], rtol=0, atol=1e-9 * np.abs(P).max())
    axial = -np.array([P[1, 2], P[2, 0], P[0, 1]])
    anomalous = results["AHC"].data[0] / 100  # S/m
    assert np.abs(anomalous).max() > 10
    np.testing.assert_allclose(axial, anomalous, rtol=0, atol=1e-6 * np.abs(anomalous).max())


def test_with_the_position_matrix(iron):
    """External terms enter through A alone: for the identity P is the sum over pairs of bands, as Ω^{li1} is, and Ωs has
    the curvature of the Wannier space besides."""
    batch = interpolated_batch(WannierInterpolator(iron), random_kpoints(4))
    g = BandGeometry(batch, IDENTITY, 1e-4, False, external_terms=True)
    scale = np.abs(g.proper_curvature).max()
    np.testing.assert_allclose(sums(g), sums(g, "operator_berry_curvature"), rtol=0, atol=1e-9 * scale)
    assert np.abs(sums(g) - sums(g, "berry_curvature_times_operator")).max() > 1e-6 * scale
    without = BandGeometry(batch, IDENTITY, 1e-4, False, external_terms=False)
    assert np.abs(sums(g) - sums(without)).max() > 1e-3 * scale
