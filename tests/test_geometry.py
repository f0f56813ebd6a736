"""Band geometry: against the equations written out, gauge invariance, exact relations."""

import numpy as np
import pytest
from reference import groups_of, quantities
from scipy.stats import unitary_group

from wb_conserved import geometry
from wb_conserved.calculators.band_geometry import BandGeometry
from wb_conserved.geometry import inverse_gap
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.interpolation.batches import interpolated_batch
from wb_conserved.models import random_model
from wb_conserved.operators import IDENTITY, SPIN

pytestmark = pytest.mark.usefixtures("kernels")

THRESHOLD = 1e-6


def band_geometry(system, kpoints, threshold=THRESHOLD, operator=SPIN):
    batch = interpolated_batch(WannierInterpolator(system), np.asarray(kpoints))
    return BandGeometry(batch, operator, threshold, False, external_terms=False)


def random_kpoints(number=5, seed=1):
    return np.random.default_rng(seed).random((number, 3))


@pytest.mark.parametrize("kramers", [False, True])
@pytest.mark.parametrize("threshold", [1e-6, 0.8])
@pytest.mark.parametrize("dimension", [2, 3])
def test_batched_equals_plain_reference(kramers, threshold, dimension):
    system = random_model(kramers=kramers, dimension=dimension)
    g = band_geometry(system, random_kpoints(), threshold)
    dipole = geometry.operator_dipole(g.connection, g.operator)
    for k, energies in enumerate(g.batch.energies):
        groups = groups_of(energies, threshold)
        assert [len(M) for M in groups] == np.unique(g.multiplets.labels[k], return_counts=True)[1].tolist()
        velocity, spin = np.moveaxis(g.velocity[k], 1, 0), np.moveaxis(g.operator[k], 1, 0)
        for M, expected in zip(groups, quantities(energies, velocity, spin, groups), strict=True):
            np.testing.assert_allclose(g.operator_berry_curvature[k, M].sum(0), expected["curvature"], atol=1e-9)
            np.testing.assert_allclose(g.berry_curvature_times_operator[k, M].sum(0), expected["berry"], atol=1e-9)
            np.testing.assert_allclose(dipole[k, M].sum(0), expected["dipole"], atol=1e-10)
            np.testing.assert_allclose(g.orbital_moment[k, M].sum(0), expected["moment"], atol=1e-10)
            np.testing.assert_allclose(g.mean_velocity[k, M[0]], expected["velocity"], atol=1e-12)
            np.testing.assert_allclose(g.multiplets.energies[k, M], np.mean(energies[M]), atol=1e-12)


def per_multiplet(values, same):
    """Sum of per-band values over each band's multiplet."""
    return np.einsum("knm,km...->kn...", same.astype(float), values)


def all_quantities(energies, velocity, operator):
    multiplets = geometry.find_multiplets(energies, THRESHOLD)
    gap, mean_gap = inverse_gap(energies, multiplets.same), inverse_gap(multiplets.energies, multiplets.same)
    A = geometry.interband_connection(velocity, gap)
    mean_velocity = geometry.multiplet_velocity(velocity, multiplets)
    J = geometry.operator_current(velocity, operator)
    per_band = {
        "Ω^s": geometry.operator_berry_curvature(velocity, J, gap),
        "d": geometry.operator_dipole(A, operator),
        "Ωs": geometry.berry_curvature_times_operator(A, operator, multiplets.same),
        "K": geometry.kubo_conserved_sea(velocity, operator, A, mean_gap, mean_velocity),
        "S": geometry.kubo_conserved_surface(velocity, operator, mean_gap, mean_velocity),
    }
    return {name: per_multiplet(values, multiplets.same) for name, values in per_band.items()} | {"v̄": mean_velocity}


def rotate(matrix, unitaries):
    return np.einsum("kpn,kpaq,kqm->knam", unitaries.conj(), matrix, unitaries)


def test_random_unitaries_inside_degenerate_multiplets_change_nothing():
    system = random_model(kramers=True)
    g = band_geometry(system, random_kpoints())
    energies = np.repeat(g.batch.energies.reshape(5, -1, 2).mean(-1), 2, axis=1)  # exactly degenerate
    unitaries = np.zeros((5, 6, 6), dtype=complex)
    for k in range(5):
        for n in (0, 2, 4):
            unitaries[k, n : n + 2, n : n + 2] = unitary_group.rvs(2, random_state=7 * k + n)
    before = all_quantities(energies, g.velocity, g.operator)
    after = all_quantities(energies, rotate(g.velocity, unitaries), rotate(g.operator, unitaries))
    for name, values in before.items():
        assert np.abs(values).max() > 1e-3, name  # the comparison is of something
        np.testing.assert_allclose(after[name], values, atol=1e-9, err_msg=name)
    # and the check can fail: unitaries that mix multiplets do change the result
    mixing = np.broadcast_to(unitary_group.rvs(6, random_state=3), (5, 6, 6))
    mixed = all_quantities(energies, rotate(g.velocity, mixing), rotate(g.operator, mixing))
    assert np.abs(mixed["Ωs"] - before["Ωs"]).max() > 1e-3


def test_identity_has_no_dipole_and_its_curvatures_agree():
    g = band_geometry(random_model(), random_kpoints(), operator=IDENTITY)
    assert np.abs(geometry.operator_dipole(g.connection, g.operator)).max() < 1e-12
    np.testing.assert_allclose(g.operator_berry_curvature, g.berry_curvature_times_operator, atol=1e-10)
    assert np.abs(g.kubo_surface).max() < 1e-12
    np.testing.assert_allclose(g.kubo_sea, g.operator_berry_curvature, atol=1e-9)


def test_curvature_summed_over_all_bands_vanishes():
    g = band_geometry(random_model(kramers=True), random_kpoints())
    for values in (g.operator_berry_curvature, g.kubo_sea):
        assert np.abs(values).max() > 0.05
        np.testing.assert_allclose(values.sum(axis=1), 0, atol=1e-9)


def test_kramers_pairs_are_grouped_on_request():
    energies = np.array([[0.0, 0.3, 0.35, 0.9, 2.0, 2.0]])
    labels = geometry.find_multiplets(energies, 0.1, kramers=True).labels
    assert labels.tolist() == [[0, 0, 0, 0, 1, 1]]  # 0.3 and 0.35 are close: their pairs join
    assert geometry.find_multiplets(energies, 0.01, kramers=True).labels.tolist() == [[0, 0, 1, 1, 2, 2]]
    assert geometry.find_multiplets(energies, 0.1).labels.tolist() == [[0, 1, 1, 2, 3, 3]]
    with pytest.raises(ValueError, match="even number of bands, found 3"):
        geometry.find_multiplets(energies[:, :3], 0.1, kramers=True)


def test_interpolated_matrices_equal_wannierberri(iron):
    import wannierberri
    from wannierberri.data_K.data_K_R import Data_K_R

    kpoints = random_kpoints(3)
    data_K = Data_K_R(iron, k_list=kpoints, grid=wannierberri.Grid(iron, NK=1, NKFFT=1))
    batch = interpolated_batch(WannierInterpolator(iron), kpoints)
    np.testing.assert_allclose(batch.energies, data_K.E_K, atol=1e-10)
    # the phases of eigenvectors are arbitrary, absolute values of matrix elements are not (no degeneracy in iron)
    for name, key in (("∂Ham", ("Ham", 1)), ("SS", ("SS", 0)), ("AA", ("AA", 0)), ("rot AA", ("rotAA", 0))):
        expected = np.moveaxis(data_K.Xbar(*key), 2, -1)
        np.testing.assert_allclose(np.abs(batch.matrix(name)), np.abs(expected), atol=1e-6, err_msg=name)
