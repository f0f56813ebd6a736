"""Fermi scans: exact weighting by temperature and level, whatever the spacing of the scan."""

import numpy as np
import pytest
from scipy.special import expit

from wb_conserved.occupations import Occupation

pytestmark = pytest.mark.usefixtures("kernels")

SCANS = {
    "uniform": np.linspace(-1, 1, 41),
    "coarse": np.linspace(-1, 1, 3),
    "single": np.array([0.123]),
    "unordered": np.array([0.7, -0.3, 0.1, 0.7]),
    "far apart": np.array([-2.5, 2.5]),
}


@pytest.fixture
def bands():
    generator = np.random.default_rng(2)
    energies = np.sort(generator.uniform(-3, 3, size=(30, 12)), axis=1)
    return energies, generator.normal(size=(30, 12, 3, 2))


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.parametrize("kBT", [0.002, 0.0259, 0.1, 1.0])
def test_finite_temperature_equals_direct_weighting(bands, scan, kBT):
    energies, values = bands
    occupation = Occupation(SCANS[scan], kBT)
    spectrum = occupation.accumulate(energies, values)
    x = (energies - SCANS[scan][:, None, None]) / kBT
    sea = np.einsum("fkn,kn...->f...", expit(-x), values)
    surface = np.einsum("fkn,kn...->f...", expit(x) * expit(-x) / kBT, values)
    np.testing.assert_allclose(occupation.sea(spectrum), sea, atol=1e-7)
    np.testing.assert_allclose(occupation.surface(spectrum), surface, atol=1e-7 * np.abs(values).sum())
    if np.abs(surface).max() > 1:
        np.testing.assert_allclose(occupation.surface(spectrum), surface, atol=1e-6 * np.abs(surface).max())


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.parametrize("kBT", [0.0, 0.002, 0.05, 0.3])
def test_grand_potential_and_entropy_equal_direct_weighting(bands, scan, kBT):
    energies, values = bands
    occupation = Occupation(SCANS[scan], kBT)
    spectrum = occupation.accumulate(energies, values)
    distance = energies - SCANS[scan][:, None, None]

    def direct(weights):
        return np.einsum("fkn,kn...->f...", weights, values)

    found = occupation.grand_potential(spectrum, occupation.accumulate(energies, energies[..., None, None] * values))
    if kBT == 0:
        np.testing.assert_allclose(found, direct(np.minimum(distance, 0.0)), atol=1e-11)
        with pytest.raises(ValueError, match="kBT: expected a number > 0"):
            occupation.entropy(spectrum)
        return
    x = distance / kBT
    np.testing.assert_allclose(found, direct(-kBT * np.logaddexp(0, -x)), atol=1e-7)
    entropy = np.logaddexp(0, -x) + x * expit(-x)
    np.testing.assert_allclose(occupation.entropy(spectrum), direct(entropy), atol=2e-7)
    slope = direct(x * expit(x) * expit(-x) / kBT)
    np.testing.assert_allclose(occupation.entropy_surface(spectrum), slope, atol=1e-7 * np.abs(values).sum())


@pytest.mark.parametrize("scan", SCANS)
def test_zero_temperature_is_exact(bands, scan):
    energies, values = bands
    levels, width = SCANS[scan], 0.07
    occupation = Occupation(levels, 0.0, width)
    spectrum = occupation.accumulate(energies, values)

    def occupied(mu):
        return np.einsum("fkn,kn...->f...", (energies <= mu[:, None, None]).astype(float), values)

    np.testing.assert_allclose(occupation.sea(spectrum), occupied(levels), atol=1e-12)
    box = (occupied(levels + width) - occupied(levels - width)) / (2 * width)
    np.testing.assert_allclose(occupation.surface(spectrum), box, atol=1e-11)


def test_close_bands_with_opposite_weights_keep_their_cancellation():
    """Two bands 3 meV apart with weights ±1e5: rounding to a 10 meV scan would give 0 or errors of hundreds."""
    energies = np.array([[0.0121, 0.0151]])
    values = 1e5 * np.array([[1.0, -1.0]])
    occupation = Occupation(np.array([0.0]), 0.05)
    exact = values[0] @ expit(-energies[0] / 0.05)
    assert occupation.sea(occupation.accumulate(energies, values))[0] == pytest.approx(exact, rel=1e-6)


def test_a_band_exactly_at_the_level_is_occupied():
    occupation = Occupation(np.array([0.5]))
    assert occupation.sea(occupation.accumulate(np.array([[0.5]]), np.ones((1, 1)))) == 1


def test_spectra_are_additive(bands):
    energies, values = bands
    occupation = Occupation(SCANS["uniform"], 0.05)
    parts = occupation.accumulate(energies[:11], values[:11]) + occupation.accumulate(energies[11:], values[11:])
    np.testing.assert_allclose(parts, occupation.accumulate(energies, values), atol=1e-12)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(fermi_levels=[0.0, np.nan]), "fermi_levels"),
        (dict(fermi_levels=[]), "fermi_levels"),
        (dict(fermi_levels=[0.0], kBT=-1.0), "kBT"),
        (dict(fermi_levels=[0.0], kBT=np.nan), "kBT"),
        (dict(fermi_levels=[0.0], width=0.0), "width"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Occupation(**arguments)


def test_spread_is_the_same_without_compiled_kernels(bands, monkeypatch):
    energies, values = bands
    for kBT in (0.0, 0.01, 0.3):
        occupation = Occupation(np.linspace(-1, 1, 41), kBT)
        found = occupation.accumulate(energies, values)
        monkeypatch.setenv("WB_CONSERVED_COMPILED", "0")
        expected = occupation.accumulate(energies, values)
        monkeypatch.delenv("WB_CONSERVED_COMPILED")
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_many_fermi_levels_far_apart(bands):
    """Each alone and all together, in any order."""
    energies, values = bands
    levels = np.random.default_rng(3).permutation(np.concatenate([np.linspace(-3, 3, 301), np.linspace(40, 41, 150)]))
    together = Occupation(levels, 0.01)
    found = together.sea(together.accumulate(energies, values))
    for i in (0, 1, 100, 450):
        alone = Occupation(levels[i : i + 1], 0.01)
        np.testing.assert_allclose(found[i], alone.sea(alone.accumulate(energies, values))[0], atol=1e-7)
