"""The closed form of the conserved Kubo response against its definition, a finite-q sum differentiated numerically."""

import numpy as np
import pytest
from reference import finite_q_response, groups_of
from scipy.special import expit
from test_geometry import band_geometry

from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.models import random_model

pytestmark = pytest.mark.usefixtures("kernels")

TEMPERATURE, LEVEL = 0.7, 0.4


def fermi(energy):
    return expit((LEVEL - energy) / TEMPERATURE)


def fermi_derivative(energy):
    return -fermi(energy) * (1 - fermi(energy)) / TEMPERATURE


@pytest.mark.parametrize("kramers", [False, True])
@pytest.mark.parametrize("i_flow, l_field, s", [(0, 1, 2), (1, 0, 2), (0, 0, 1), (2, 1, 0), (1, 2, 1)])
def test_every_multiplet_alone_equals_the_finite_q_sum(kramers, i_flow, l_field, s):
    """One multiplet at a time is occupied, with a Fermi function: its sea and surface numbers are tested one by one, not
    only the sum over all bands, which vanishes by construction."""
    system = random_model(num_orbitals=3, kramers=kramers)
    interpolator = WannierInterpolator(system)
    to_reduced = np.linalg.inv(system.recip_lattice)
    centers = system.wannier_centers_cart

    def states(k):
        phases = interpolator.phases(k[None] @ to_reduced)
        phase = np.exp(1j * centers @ k)  # to the gauge with Wannier centres, where ∂H is the plain derivative
        H = phase.conj()[:, None] * interpolator(phases, "Ham")[0] * phase
        dH = phase.conj()[:, None, None] * interpolator(phases, "∂Ham")[0] * phase
        energies, vectors = np.linalg.eigh(H)
        return energies, vectors, np.moveaxis(dH, 1, 0)

    k = np.array([0.31, -0.52, 1.13])
    g = band_geometry(system, (k @ to_reduced)[None])
    energies = g.batch.energies[0]
    groups = groups_of(energies, 1e-6)
    assert len(groups) == (3 if kramers else 6)
    spin = 0.5 * system.get_R_mat("SS")[system.rvec.iR0][:, :, s]
    sea, surface = g.kubo_sea[0, :, i_flow, l_field, s], g.kubo_surface[0, :, i_flow, l_field, s]
    step = 1e-3
    for index, M in enumerate(groups):

        def occupation(energy, group, index=index):
            return fermi(energy) if group == index else 0.0

        def response(q, occupation=occupation):
            return finite_q_response(states, k, q, i_flow, l_field, spin, occupation, groups)

        # fourth-order central difference
        slope = (8 * (response(step) - response(-step)) - (response(2 * step) - response(-2 * step))) / (12 * step)
        energy = g.multiplets.energies[0, M[0]]
        closed = fermi(energy) * sea[M].sum() - fermi_derivative(energy) * surface[M].sum()
        assert (1j * slope).real == pytest.approx(closed, rel=1e-6, abs=1e-7)


def test_the_surface_part_matters_in_this_comparison():
    """Guard of the test above: with the sea part alone it would fail."""
    g = band_geometry(random_model(), np.array([[0.1, 0.2, 0.3]]))
    weight = -fermi_derivative(g.multiplets.energies)[0]
    assert np.abs(weight[:, None, None, None] * g.kubo_surface[0]).max() > 1e-3
