"""Tabulated results as variables of a data set, and in the file."""

import numpy as np
import pytest
import xarray
from wannierberri.calculators.tabulate import Energy, TabulatorAll, Velocity
from wannierberri.grid import Path

import wb_conserved
from wb_conserved.calculators import static, tabulate
from wb_conserved.models import random_model
from wb_conserved.results import write_results

FEW = {"degen_thresh": 0.01}


def tabulators(mode="grid", **more):
    return TabulatorAll({"Energy": Energy(), "dipole": tabulate.OperatorDipole(**FEW)} | more, mode=mode)


def test_on_a_path(tmp_path):
    system = random_model(4, seed=1)
    path = Path.from_nodes(system, nodes=[[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0]], labels=["G", "X", "M"], length=20)
    found = wb_conserved.run(system, path, {"bands": tabulators("path", velocity=Velocity())})
    dataset = found.to_dataset()
    number = len(path.K_list)
    assert dataset["Energy"].dims == ("k", "band")
    assert dataset["dipole"].dims == ("k", "band", "i", "s")
    assert dataset["velocity"].dims == ("k", "band", "a1")
    assert dataset["Energy"].shape == (number, system.num_wann)
    assert dataset["Energy"].units == "eV"
    assert dataset["dipole"].attrs["symbol"] == tabulate.OperatorDipole.symbol
    np.testing.assert_allclose(dataset["kpoint"], path.K_list % 1)
    np.testing.assert_allclose(dataset["distance"], path.getKline())
    assert dataset["distance"].attrs["labels"].startswith("0 G, ")
    np.testing.assert_array_equal(dataset["dipole"], found.results["bands"].results["dipole"].data)
    written, citations = write_results(dataset, tmp_path)  # no table of so many rows
    assert (written.name, citations.name) == ("result.nc", "cite.bib")
    with xarray.open_dataset(written) as read:
        xarray.testing.assert_equal(read, dataset)
        assert read.attrs["quantities"].split() == ["Energy", "dipole", "velocity"]


def test_together_with_sums_and_some_bands(tmp_path):
    system = random_model(4, seed=1)
    calculators = {
        "σ": static.ConventionalSpinConductivity([0.0], kBT=0.1, **FEW),
        "bands": TabulatorAll({"Energy": Energy(), "s": tabulate.Expectation(operator="spin", **FEW)}, ibands=[1, 2]),
    }
    found = wb_conserved.run(system, (2, 2, 3), calculators)
    dataset = found.to_dataset()
    assert dataset["bands_s"].dims == ("k", "band", "s")  # as there is an axis s
    assert dataset["band"].values.tolist() == [1, 2]
    assert dataset.sizes["k"] == 12
    assert "not_included" not in dataset.attrs
    assert {path.name for path in write_results(dataset, tmp_path)} == {
        "result.nc", "result.csv", "result_wide.csv", "result.toml", "cite.bib",
    }  # fmt: skip
    alone = wb_conserved.run(system, (2, 2, 3), {"bands": tabulators()}).to_dataset()
    np.testing.assert_allclose(alone["Energy"].sel(band=[1, 2]), dataset["Energy"])


@pytest.mark.parametrize("name", ["one", "two"])
def test_several_have_axes_of_their_own(name):
    system = random_model(4, seed=1)
    dataset = wb_conserved.run(system, (2, 2, 2), {"one": tabulators(), "two": TabulatorAll({}, ibands=[0])}).to_dataset()
    assert dataset[f"{name}_Energy"].dims == (f"k_{name}", f"band_{name}")
