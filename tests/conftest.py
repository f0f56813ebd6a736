"""Systems shared by the tests: real Wannier90 output from data/, loaded once."""

from pathlib import Path

import pytest

import wb_conserved

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="session")
def platinum():
    """fcc Pt, 18 Wannier functions, every band a Kramers pair."""
    return wb_conserved.load_system(DATA / "pt" / "Pt")


@pytest.fixture(scope="session")
def tellurium():
    """Trigonal Te, 24 Wannier functions, no inversion."""
    return wb_conserved.load_system(DATA / "te" / "Te")


@pytest.fixture(scope="session")
def iron():
    """bcc Fe, 18 Wannier functions, magnetic."""
    return wb_conserved.load_system(DATA / "fe" / "Fe")
