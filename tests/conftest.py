"""Systems shared by the tests: real Wannier90 output from data/, loaded once."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side; before NumPy is loaded

import pytest
from data_folder import DATA

import wb_conserved


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


@pytest.fixture(params=["compiled", "NumPy"])
def kernels(request, monkeypatch):
    """Twice: with the compiled kernels, and without."""
    monkeypatch.setenv("WB_CONSERVED_COMPILED", "1" if request.param == "compiled" else "0")
