"""The rows of tests/README.md about superconductors: each situation is made, and its line compared."""

import logging

import numpy as np
import pytest
from messages import printed_as, rows
from superconductors import chern, chiral_d, square

import wb_conserved
from wb_conserved.calculators import equilibrium, static
from wb_conserved.errors import InputError
from wb_conserved.quasiparticles import ConvergenceError, attraction, band_gap, bogoliubov_system, pairing, solve_gap

TEST = "test_superconductor_messages.py"


def warm():
    gap = pairing("s", 0.1).on(square(), "singlet").with_Tc(0.3)
    bogoliubov_system(square(), gap, 0.0, basis="singlet", kBT=[0.2, 0.4, 0.5])


def few():
    magnetization = equilibrium.SpinOrbitalMagnetization(kBT=0.1, operator="charge", degen_thresh=1e-6)
    wb_conserved.run(chiral_d(0.4), 60, {"M": magnetization})


def field():
    wb_conserved.run(chiral_d(), 4, {"σ": static.ConservedSpinConductivity(kBT=0.1, operator="charge", degen_thresh=1e-6)})


SITUATIONS = {
    "above": warm,
    "solved_above": lambda: solve_gap(square(level=1.0), attraction(2.0), 0.0, [0.1, 0.4], 16),
    "fourier": lambda: bogoliubov_system(square(), band_gap(lambda k, e: np.sign(e), 4), 0.1, basis="singlet"),
    "few_k_points": few,
    "not_converged": lambda: solve_gap(square(level=1.0), attraction(2.0), 0.0, 0.1, 16, max_iterations=1, tolerance=1e-12),
    "electric_field": field,
    "wrong_symmetry": lambda: bogoliubov_system(chern(True), {(0, 0, 0): np.eye(4)}, 0.0, basis="nambu"),
}


def test_every_situation_has_a_row():
    assert sorted(name for *_, name in rows(TEST)) == sorted(SITUATIONS)


@pytest.mark.parametrize(("situation", "message", "name"), rows(TEST), ids=[name for *_, name in rows(TEST)])
def test_row(caplog, situation, message, name):
    """What is printed is what the table says, with … for any text."""
    with caplog.at_level(logging.WARNING, "wb_conserved"):
        try:
            SITUATIONS[name]()
            printed = [record.getMessage() for record in caplog.records]
            assert not message.startswith("error: ")
        except (InputError, ConvergenceError) as error:
            printed = [f"error: {error}"]
    assert any(printed_as(message, line) for line in printed), printed
