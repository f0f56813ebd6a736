"""Superconductors over temperature, tables of their bands, and what results say."""

import numpy as np
import pytest
from superconductors import CHIRAL_D, EVERY, calculate, chiral_d, square
from wannierberri.calculators.tabulate import TabulatorAll
from wannierberri.grid import Path

import wb_conserved
from wb_conserved import InputError
from wb_conserved.calculators import equilibrium, static, tabulate
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.quasiparticles import Gap, bogoliubov_system, pairing


class TestTemperature:
    """A gap that depends on temperature: a pass for each, joined."""

    temperatures = (0.05, 0.1, 0.25, 0.35)

    def test_joined(self):
        gap = CHIRAL_D.on(square(), "singlet").with_Tc(0.3)
        system = bogoliubov_system(square(0.4), gap, 0.0, basis="singlet", kBT=self.temperatures)
        names = [*EVERY, "specific_heat", "smallest_energy", "thermal_hall"]
        found = calculate(system, names, 12, self.temperatures)
        for t, kBT in enumerate(self.temperatures):
            alone = bogoliubov_system(square(0.4), gap, 0.0, basis="singlet", kBT=kBT)
            for name, values in calculate(alone, names, 12, kBT).items():
                np.testing.assert_allclose(found[name][t], values[0], atol=1e-13)
        assert not np.allclose(found["smallest_energy"][0], found["smallest_energy"][2])

    def test_checkpoints(self, tmp_path):
        gap = CHIRAL_D.on(square(), "singlet").with_Tc(0.3)
        system = bogoliubov_system(square(), gap, 0.0, basis="singlet", kBT=[0.1, 0.2])
        calculators = {"M": equilibrium.SpinOrbitalMagnetization(kBT=[0.1, 0.2], operator="charge", degen_thresh=1e-6)}
        first, second = (wb_conserved.run(system, 8, calculators, checkpoint=tmp_path / "c").results["M"] for _ in range(2))
        np.testing.assert_array_equal(first.data, second.data)
        assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["kBT-0.1", "kBT-0.2"]

    def test_other_temperatures_are_refused(self):
        gap = CHIRAL_D.on(square(), "singlet").with_Tc(0.3)
        with pytest.raises(InputError, match=r"kBT: expected temperatures \(eV\) for a gap that depends on temperature"):
            bogoliubov_system(square(), gap, 0.0, basis="singlet")
        system = bogoliubov_system(square(), gap, 0.0, basis="singlet", kBT=[0.1, 0.2])
        with pytest.raises(InputError, match=r"kBT: expected those of the system, \[0.1, 0.2\] eV; found \[0.1, 0.3\]"):
            calculate(system, EVERY[:1], 4, [0.1, 0.3])
        with pytest.raises(InputError, match="kBT: expected 0.1 eV, the temperature of the system"):
            calculate(system.at(0.1), EVERY[:1], 4, 0.2)
        with pytest.raises(InputError, match="adpt_num_iter: expected 0 for a gap that depends on temperature"):
            calculators = {"M": equilibrium.SpinOrbitalMagnetization(kBT=[0.1, 0.2], operator="charge")}
            wb_conserved.run(system, 4, calculators, adpt_num_iter=1)

    def test_normal_above_the_critical_temperature(self, caplog):
        gap = CHIRAL_D.on(square(), "singlet").with_Tc(0.3)
        system = bogoliubov_system(square(), gap, 0.0, basis="singlet", kBT=0.4)
        assert system.is_normal
        assert "kBT = 0.4 eV: above T_c (0.3 eV), normal state" in caplog.text

    def test_specific_heat_is_the_slope_of_the_entropy(self):
        """With the term of the gap that closes: C = T dS/dT."""
        gap = pairing("s", 0.3).on(square(), "singlet").with_Tc(0.3)
        kBT, step = 0.2, 1e-3

        def entropy(kBT):
            system = bogoliubov_system(square(), gap, 0.0, basis="singlet", kBT=kBT)
            kpoints = np.stack(np.unravel_index(np.arange(40**2), (40, 40, 1)), axis=1) / 40
            x = WannierInterpolator(system).band_energies(kpoints) / kBT
            f = 1 / (1 + np.exp(x))
            return -(f * np.log(f) + (1 - f) * np.log(1 - f)).sum(axis=1).mean()

        expected = kBT * (entropy(kBT + step) - entropy(kBT - step)) / (2 * step)
        system = bogoliubov_system(square(), gap, 0.0, basis="singlet", kBT=kBT)
        found = calculate(system, ["specific_heat"], 40, kBT)["specific_heat"][0]
        assert found == pytest.approx(expected, rel=1e-4)
        fixed = bogoliubov_system(square(), Gap(gap.at(kBT), gap.iRvec), 0.0, basis="singlet")
        assert calculate(fixed, ["specific_heat"], 40, kBT)["specific_heat"][0] < 0.9 * expected


class TestTables:
    """Bands of quasiparticles on paths and meshes."""

    def test_path(self):
        system = chiral_d(0.4)
        path = Path.from_nodes(system, nodes=[[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0]], labels=list("ΓXM"), dk=0.1)
        tabulators = {
            "ρ": tabulate.Expectation(operator="charge"), "d": tabulate.OperatorDipole(operator="charge"),
            "Ω": tabulate.BerryCurvature(), "m1": tabulate.InterbandMoment(operator="charge"),
            "m2": tabulate.CircuitMoment(operator="charge"), "m": tabulate.OrbitalMoment(operator="charge"),
        }  # fmt: skip
        run = wb_conserved.run(system, path, {"bands": TabulatorAll(tabulators, mode="path")})
        table = {name: result.data for name, result in run.results["bands"].results.items()}
        np.testing.assert_allclose(table["m1"] + table["m2"], table["m"], atol=1e-13)
        xi = (-2 * np.cos(2 * np.pi * run.results["bands"].kpoints[:, :2]).sum(axis=1) + 0.8) / table["Energy"].T
        assert np.abs(table["ρ"]).max() <= 1 + 1e-12 and table["Ω"].shape[2:] == (3,)
        assert xi.shape == (2, len(table["ρ"]))
        dataset = run.to_dataset()
        assert dataset["Ω"].attrs["units"] == "Å²"

    def test_several_temperatures_are_refused(self):
        gap = CHIRAL_D.on(square(), "singlet").with_Tc(0.3)
        system = bogoliubov_system(square(), gap, 0.0, basis="singlet", kBT=[0.1, 0.2])
        path = Path.from_nodes(system, nodes=[[0, 0, 0], [0.5, 0, 0]], labels=list("ΓX"), dk=0.5)
        with pytest.raises(InputError, match=r"take system.at\(kBT\) for tabulators"):
            wb_conserved.run(system, path, {"bands": TabulatorAll({"Ω": tabulate.BerryCurvature()}, mode="path")})

    def test_operator_of_the_curvature(self):
        with pytest.raises(InputError, match="operator: expected none, as BerryCurvature is of no observable"):
            tabulate.BerryCurvature(operator="charge")


def test_results_say_what_is_assumed():
    calculators = {"M": equilibrium.SpinOrbitalMagnetization(kBT=0.2, operator="charge", degen_thresh=1e-6)}
    dataset = wb_conserved.run(chiral_d(), 8, calculators).to_dataset()
    assert dataset.attrs["particles"] == "Bogoliubov quasiparticles, each band counted 1"
    assert "strongly type II" in dataset.attrs["assumptions"] and "Δ fixed" in dataset.attrs["assumptions"]
    assert dataset["M"].dims == ("kBT", "a")
    electrons = wb_conserved.run(square(), 4, {"σ": static.BerrySpinConductivity([0.0], operator="charge")})
    assert "particles" not in electrons.to_dataset().attrs
