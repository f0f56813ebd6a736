"""What the frozen window leaves open of the Green function's real part: closed form, and what it means for rates."""

import logging

import numpy as np
import pytest
from scipy.integrate import quad

from wb_conserved.disorder import EnergyAxis, Impurity, impurity_response
from wb_conserved.disorder.cutoff import cut_off, scaled_integral
from wb_conserved.disorder.scattering import Kind, green_function, rate_out
from wb_conserved.models import random_model
from wb_conserved.occupations import Scan

WIDTH, EDGE, MEAN, LEVELS = 0.02, 4.0, 7.0, np.array([0.5, 2.0, 3.0])


@pytest.mark.parametrize("y", [-200.0, -49.0, -3.0, -0.2, 0.3, 5.0, 49.0, 51.0, 1e4])
def test_closed_form(y):
    """exp(y) Ei(−y) = −∫dx e^−x/(y + x), principal value, is finite everywhere."""
    found = scaled_integral(np.array([y]))[0]
    if y > 0:
        expected = -quad(lambda x: np.exp(-x) / (y + x), 0, np.inf)[0]
    else:  # the pole is at −y
        near = quad(lambda x: np.exp(-x), 0, -2 * y, weight="cauchy", wvar=-y)[0]
        expected = -near - quad(lambda x: np.exp(-x) / (y + x), -2 * y, np.inf)[0]
    assert found == pytest.approx(expected, rel=1e-4)


def spectra():
    """A below the edge, and above it a narrow level at the mean energy, or an exponential of the same weight and mean."""
    energies = np.arange(-1.0, 60.0, WIDTH)
    inside = np.where((energies > 0) & (energies < EDGE), energies * (EDGE - energies), 0.0)
    inside *= 0.4 / (WIDTH * inside.sum())
    level = np.where(np.abs(energies - MEAN) < 0.1, 1.0, 0.0)
    tail = np.where(energies > EDGE, np.exp(-(energies - EDGE) / (MEAN - EDGE)), 0.0)
    return energies, *(inside + 0.6 * part / (WIDTH * part.sum()) for part in (level, tail))


@pytest.mark.parametrize(("order", "potential"), [("third", 0.5), ("t-matrix", -2.0), ("t-matrix", 0.5), ("t-matrix", 3.0)])
def test_other_distribution(order, potential):
    """The rates with the wide distribution are those that a spectral function of that form gives."""
    energies, narrow, wide = spectra()
    first, number = int(0.3 / WIDTH + 1 / WIDTH), 160
    nodes, kinds = slice(first, first + number), (Kind(np.array([0]), np.array([[potential + 0j]]), 0.1),)
    A = narrow[:, None, None].astype(complex)
    green = green_function(A, first, number, WIDTH)
    found = cut_off(kinds, A, green, energies, nodes, order, (-1.0, EDGE))
    assert found.share == pytest.approx((0.0, 0.6), abs=1e-3)
    other = green_function(wide[:, None, None].astype(complex), first, number, WIDTH)
    at = [round((level - energies[first]) / WIDTH) for level in LEVELS]
    for G, rates in ((green, found.rates), (other, found.others)):
        exact = (rate_out(kinds[0].potential, A[nodes], G.real - 1j * np.pi * A[nodes], order) * A[nodes])[:, 0, 0].real
        np.testing.assert_allclose(rates[0, at], exact[at], rtol=0.02)
    weights = np.zeros((len(at), number))
    weights[range(len(at)), at] = 1.0
    expected = np.abs(found.others - found.rates)[0, at] / found.rates[0, at]
    np.testing.assert_allclose(found.change(weights), expected)
    assert expected.max() > 0.05


def test_the_line():
    """Above a tenth, with the level of the largest change."""
    energies, narrow, _ = spectra()
    axis = EnergyAxis(energies[0] + 60 * WIDTH, WIDTH, 160)
    A, nodes = narrow[:, None, None].astype(complex), slice(60, 220)
    green = green_function(A, 60, 160, WIDTH)

    def of(potential):
        kinds = (Kind(np.array([0]), np.array([[potential + 0j]]), 0.1),)
        return cut_off(kinds, A, green, energies, nodes, "t-matrix", (-1.0, EDGE))

    scan = Scan(np.array([1.0, 2.5]), [0.05, 0.02])
    assert of(0.01).doubt(scan, axis) == ""
    strong = of(-4.0)
    changes = [strong.change(axis.surface_weights(scan.levels, kBT)) for kBT in scan.temperatures]
    level = scan.levels[np.max(changes, axis=0).argmax()]
    said = strong.doubt(scan, axis)
    assert "60 % above 4 eV are outside the frozen window" in said
    assert f"rates of scattering at {level:g} eV by {100 * np.max(changes):.0f} %" in said


def test_nothing_without_window_or_in_born_order():
    energies, narrow, _ = spectra()
    A, kinds = narrow[:, None, None].astype(complex), (Kind(np.array([0]), np.array([[1.0 + 0j]]), 0.1),)
    green = green_function(A, 60, 10, WIDTH)
    assert cut_off(kinds, A, green, energies, slice(60, 70), "t-matrix", None) is None
    assert cut_off(kinds, A, green, energies, slice(60, 70), "born", (0.0, 1.0)) is None
    whole = cut_off(kinds, A, green, energies, slice(60, 70), "t-matrix", (-np.inf, 100.0))
    assert whole.share == (0.0, 0.0) and not whole.change(np.eye(10)).any()


def test_said_once_of_a_model(caplog):
    """In one line, by the run; not of a level far from the edge, nor without a window."""
    options = {"kBT": 0.2, "degen_thresh": 1e-6, "extra_rate": 0.1}

    def lines(level, window):
        system = random_model(2, dimension=2, seed=4)
        if window is not None:
            system.frozen_window = window
        caplog.clear()
        with caplog.at_level(logging.WARNING, "wb_conserved.driver.run"):
            found = impurity_response(system, (16, 16, 1), Impurity(-2.0, [0.01, 0.02]), [level], **options)
        said = [record.getMessage() for record in caplog.records if "real part" in record.getMessage()]
        assert said == found.doubts()
        return said

    assert lines(0.5, None) == []
    assert lines(0.5, (-100.0, 100.0)) == []
    (said,) = lines(0.5, (-100.0, 0.8))
    assert "above 0.8 eV are outside the frozen window of the .win file" in said and "below" not in said
