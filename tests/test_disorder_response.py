"""`impurity_response`: sums of its parts, bits on any number of ranks and after interruptions, bad input."""

import sys

import numpy as np
import pytest
from processes import MPIRUN, needs_mpirun, start

from wb_conserved import InputError, models
from wb_conserved.disorder import ADDED, PARTS, Impurity, impurity_response, passes

MESH = (6, 5, 1)
OPTIONS = {"width": 0.8, "degen_thresh": 1e-6, "extra_rate": 0.05}


@pytest.fixture(scope="module")
def system():
    return models.random_model(2, dimension=2, seed=4)


def matrix(seed=1, size=2):
    generator = np.random.default_rng(seed)
    W = generator.normal(size=(size, size)) + 1j * generator.normal(size=(size, size))
    return W + W.conj().T


IMPURITIES = [Impurity(matrix(), 0.02, orbitals=[1, 2]), Impurity(0.7, 0.01, orbitals=[0, 1, 2])]


def test_totals_are_sums(system):
    found = impurity_response(system, MESH, IMPURITIES, [0.0, 0.5], **OPTIONS)
    data = {name: result.data for name, result in found.results.items()}
    added = [f"impurity_{part}" for part in ADDED]
    assert set(data) >= {*PARTS, "impurity_charge", "impurity_lifetime", "impurity_mean_free_path"}
    total = data["conserved"] + data["dipole"] + sum(data[name] for name in added)
    np.testing.assert_allclose(data["impurity_total"], total, rtol=1e-13)
    conventional = data["conventional"] + sum(data[name.replace("impurity_", "impurity_conventional_")] for name in added)
    np.testing.assert_allclose(data["impurity_conventional_total"], conventional, rtol=1e-13)
    assert found.residuals["optical_theorem"] < 1e-12
    assert found.residuals["particles"] < 1e-12
    for name in added:
        assert np.abs(data[name]).max() > 0


def test_charge_is_the_drift_of_the_identity(system):
    """But for the sign of a current of particles, with its antisymmetric part."""
    found = impurity_response(system, MESH, IMPURITIES, [0.0, 0.5], operator="identity", **OPTIONS).results
    charge = found["impurity_charge"].data
    np.testing.assert_allclose(charge, -found["impurity_drift"].data, atol=1e-12 * np.abs(charge).max())
    assert np.abs(charge - charge.swapaxes(-1, -2)).max() > 1e-3 * np.abs(charge).max()


def test_rates_of_kinds_add(system):
    """Half the concentration twice is the concentration; other functions in another order make no difference."""
    W = matrix(2, 4)
    order = [2, 0, 3, 1]
    whole = impurity_response(system, MESH, Impurity(W, 0.02), [0.5], **OPTIONS).results
    halves = [Impurity(W, 0.01), Impurity(W[np.ix_(order, order)], 0.01, orbitals=order)]
    parts = impurity_response(system, MESH, halves, [0.5], **OPTIONS).results
    for name, result in whole.items():
        scale = np.abs(result.data).max()
        np.testing.assert_allclose(parts[name].data, result.data, atol=1e-9 * scale, err_msg=name)


def test_temperatures(system):
    """Several in one call, each as alone on the same energies."""
    options = OPTIONS | {"width": 0.2}
    together = impurity_response(system, MESH, IMPURITIES, [0.0, 0.5], kBT=[0.3, 0.4], **options).results
    alone = impurity_response(system, MESH, IMPURITIES, [0.5], kBT=0.3, **options).results
    for name in ("impurity_total", "impurity_charge", "impurity_gaussian_skew"):
        assert together[name].data.shape[:2] == (2, 2)
        scale = np.abs(alone[name].data).max()
        np.testing.assert_allclose(together[name].data[1, 0], alone[name].data[0], atol=1e-6 * scale, err_msg=name)


def bits(result):
    return b"".join(result.results[name].data.tobytes() for name in sorted(result.results))


class StoppedError(Exception):
    """Raised in the middle of a run."""


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6, 0.95])
def test_interrupted(system, tmp_path, monkeypatch, share):
    """In each of the passes, and once more from the finished folder."""
    monkeypatch.setattr("wb_conserved.interpolation.bloch._ELEMENTS_PER_MATRIX", 4 * 4 * 4)
    calls, limit, geometries = [0], [10**6], passes.ImpurityPass.geometries

    def counted(self, states):
        calls[0] += 1
        if calls[0] > limit[0]:
            raise StoppedError
        return geometries(self, states)

    monkeypatch.setattr(passes.ImpurityPass, "geometries", counted)
    reference = bits(impurity_response(system, MESH, IMPURITIES, [0.0, 0.5], **OPTIONS))
    assert calls[0] > 15
    calls[0], limit[0] = 0, int(share * calls[0])
    with pytest.raises(StoppedError):
        impurity_response(system, MESH, IMPURITIES, [0.0, 0.5], checkpoint=tmp_path, **OPTIONS)
    limit[0] = 10**6
    for _ in range(2):
        found = impurity_response(system, MESH, IMPURITIES, [0.0, 0.5], checkpoint=tmp_path, **OPTIONS)
        assert bits(found) == reference


SCRIPT = """
import sys

import numpy as np

from wb_conserved import models
from wb_conserved.disorder import Impurity, impurity_response
from wb_conserved.interpolation import bloch
from wb_conserved.parallel import world

folder, output = sys.argv[1:]
bloch._ELEMENTS_PER_MATRIX = 4 * 4 * 4
comm = world()
impurities = [Impurity(np.array([[0.3, 0.2j], [-0.2j, -0.8]]), 0.02, orbitals=[1, 2]), Impurity(0.7, 0.01, orbitals=[0, 1, 2])]
found = impurity_response(
    models.random_model(2, dimension=2, seed=4), (6, 5, 1), impurities, [0.0, 0.5], kBT=[0.5, 0.6], width=0.8,
    degen_thresh=1e-6, extra_rate=0.05, comm=comm, checkpoint=None if folder == "none" else folder,
)
if comm.rank == 0:
    with open(output, "wb") as file:
        for name in sorted(found.results):
            file.write(found.results[name].data.tobytes())
        file.write(np.array(list(found.residuals.values())).tobytes())
"""


@needs_mpirun
def test_same_bytes_on_any_number_of_ranks(tmp_path):
    """All passes; and from the checkpoint of another number of ranks."""
    path, found = tmp_path / "script.py", {}
    path.write_text(SCRIPT, encoding="utf-8")
    for ranks, folder in ((None, "none"), (2, tmp_path / "kept"), (3, "none"), (1, tmp_path / "kept")):
        launcher = [] if ranks is None else [*MPIRUN, "-n", ranks]
        done = start([*launcher, sys.executable, path, folder, tmp_path / "result"])
        assert done.returncode == 0, done.stderr
        found[ranks, str(folder)] = (tmp_path / "result").read_bytes()
    assert len(set(found.values())) == 1
    assert len(next(iter(found.values()))) > 8 * 10 * 4 * 27


class TestRefused:
    """Each with the name of the argument."""

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            ({"potential": [[0.0, 1.0], [0.5, 0.0]], "concentration": 0.1}, "potential"),
            ({"potential": [[0.0, 1.0]], "concentration": 0.1}, "potential"),
            ({"potential": np.nan, "concentration": 0.1}, "potential"),
            ({"potential": 1.0, "concentration": 0.0}, "concentration"),
            ({"potential": 1.0, "concentration": 1.0}, "concentration"),
            ({"potential": 1.0, "concentration": -0.1}, "concentration"),
            ({"potential": 1.0, "concentration": np.nan}, "concentration"),
            ({"potential": 1.0, "concentration": 0.1, "axis": "w"}, "axis"),
            ({"potential": 1.0, "concentration": 0.1, "axis": [0, 0, 0]}, "axis"),
        ],
    )
    def test_impurity(self, arguments, name):
        with pytest.raises(InputError, match=f"^{name}: "):
            Impurity(**arguments)

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            ({"potential": 1.0, "orbitals": [4]}, "orbitals"),
            ({"potential": 1.0, "orbitals": [-1]}, "orbitals"),
            ({"potential": 1.0, "orbitals": [1, 1]}, "orbitals"),
            ({"potential": 1.0, "orbitals": ["d"]}, "orbitals"),
            ({"potential": np.eye(3), "orbitals": [0, 1]}, "potential"),
            ({"potential": 0.0}, "potential"),
            ({"potential": 1.0, "atoms": [0]}, "system"),
            ({"potential": 1.0, "exchange": 0.1}, "system"),
            ({"potential": 1.0, "atoms": [0], "orbitals": [1]}, "orbitals"),
        ],
    )
    def test_functions(self, system, arguments, name):
        with pytest.raises(InputError, match=f"^{name}: "):
            impurity_response(system, MESH, Impurity(concentration=0.1, **arguments), [0.0], **OPTIONS)

    @pytest.mark.parametrize(
        ("options", "name"),
        [
            ({"width": None}, "width"),
            ({"width": 0.0}, "width"),
            ({"width": -1.0}, "width"),
            ({"extra_rate": -0.1}, "extra_rate"),
            ({"scattering": "second"}, "scattering"),
            ({"width": 1e-9}, "large"),
        ],
    )
    def test_options(self, system, options, name):
        with pytest.raises(InputError, match=f"^{name}: "):
            impurity_response(system, MESH, Impurity(1.0, 0.1, orbitals=[0]), [0.0], **OPTIONS | options)

    def test_states_that_nothing_scatters(self):
        """One function does not scatter both states of a pair."""
        system = models.random_model(2, dimension=2, kramers=True, seed=3)
        with pytest.raises(InputError, match=r"^extra_rate: .*without scattering"):
            impurity_response(system, MESH, Impurity(1.0, 0.1, orbitals=[0]), [0.0], **OPTIONS | {"extra_rate": 0.0})

    def test_concentrations_that_fill_the_crystal(self, system):
        with pytest.raises(InputError, match="^concentration: "):
            impurity_response(system, MESH, [Impurity(1.0, 0.6), Impurity(2.0, 0.5)], [0.0], **OPTIONS)
        with pytest.raises(InputError, match="^impurities: "):
            impurity_response(system, MESH, [], [0.0], **OPTIONS)

    def test_large_tensors(self, system, monkeypatch):
        """Unless they are asked for."""
        monkeypatch.setattr("wb_conserved.disorder.settings.LARGEST", 1000)
        with pytest.raises(InputError, match="large=True"):
            impurity_response(system, MESH, IMPURITIES, [0.0], **OPTIONS)
        assert impurity_response(system, MESH, IMPURITIES, [0.0], large=True, **OPTIONS).results["impurity_total"]


def test_hall_angle(system):
    """Of spin twice the ratio, of a number the ratio."""
    for operator, factor in (("spin", 2.0), ("identity", 1.0)):
        found = impurity_response(system, MESH, IMPURITIES, [0.5], operator=operator, **OPTIONS)
        total, charge = (found.results[f"impurity_{name}"].data for name in ("total", "charge"))
        expected = factor * total[0, 0, 1] / charge[0, 1, 1]
        np.testing.assert_allclose(found.hall_angle()[0, 0, 1], expected, rtol=1e-12)
