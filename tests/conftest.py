"""Systems shared by the tests: real Wannier90 output from data/, loaded once."""

import hashlib
import importlib.util
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side; before NumPy is loaded


def _folder_of_kernels():
    """Cache of machine code for these sources: Numba's own looks at the file of a kernel alone, not at what it calls."""
    folder = Path(importlib.util.find_spec("wb_conserved").submodule_search_locations[0]) / "compiled"
    sources = b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))
    return Path(__file__).parents[1] / ".pytest_cache" / f"kernels-{hashlib.blake2b(sources, digest_size=8).hexdigest()}"


os.environ.setdefault("NUMBA_CACHE_DIR", str(_folder_of_kernels()))

import pytest
from data_folder import DATA
from validation import Writer, remember, validation

import wb_conserved

__all__ = ["validation"]  # a fixture


def pytest_addoption(parser):
    """Long tests are for .ci/full."""
    parser.addoption("--long", action="store_true", help="run the tests marked long too")
    parser.addoption("--write-validation", action="store_true", help="write the rows of docs/validation.csv of these tests")


def pytest_configure(config):
    """Rows of validation are collected where they are to be written."""
    if config.getoption("--write-validation"):
        config.pluginmanager.register(Writer(config))


@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_runtest_makereport(item, call):
    """Tell the fixture `validation` of a test that failed before its end."""
    report = yield
    if call.when == "call":
        item.validation_failed = report.failed
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Long tests are skipped unless asked for."""
    remember(config, items)
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long: run with --long"))


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
    """bcc Fe, 18 Wannier functions, magnetic; the difficult example, without the symmetry of its crystal."""
    return wb_conserved.load_system(DATA / "fe" / "Fe")


@pytest.fixture(scope="session")
def iron_physics():
    """The same crystal on a denser mesh, with its magnetic point group."""
    return wb_conserved.load_system(DATA / "fe_physics")


@pytest.fixture(params=["compiled", "NumPy"])
def kernels(request, monkeypatch):
    """Twice: with the compiled kernels, and without."""
    monkeypatch.setenv("WB_CONSERVED_COMPILED", "1" if request.param == "compiled" else "0")
