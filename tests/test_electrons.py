"""The Fermi level of a number of electrons: exact answers, bisection over the bands of the mesh, what is refused."""

import copy

import numpy as np
import pytest
import wannierberri
from scipy.optimize import brentq
from scipy.special import expit, log_expit, logsumexp

import wb_conserved
from wb_conserved import InputError
from wb_conserved.calculators import SUMS, DensityOfStates, Electrons, NumberOfElectrons, static
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.models import bhz, lattice_system, random_model, rashba_lattice
from wb_conserved.units import periodic_measure

TEMPERATURES = [0.05, 0.2, 0.02]


def bands(system, mesh):
    """Energies (k, n) of a whole mesh."""
    axes = [np.arange(n) / n for n in mesh]
    kpoints = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return WannierInterpolator(system).band_energies(kpoints)


def bisection(energies, number, kBT):
    """μ from the energies of the mesh themselves."""

    def excess(mu):
        return expit((mu - energies) / kBT).sum() / len(energies) - number

    return brentq(excess, energies.min() - 60 * kBT, energies.max() + 60 * kBT, xtol=1e-14)


def levels(system, mesh, electrons, kBT, **options):
    """μ at each temperature, from a run."""
    dataset = wb_conserved.run(system, mesh, {"N": NumberOfElectrons(electrons, kBT=kBT)}, **options).to_dataset()
    assert dataset["mu"].dims == ("kBT",)
    assert dataset["mu"].attrs["units"] == "eV"
    return dataset["mu"].values


class TestTemperatures:
    """kBT > 0."""

    @pytest.mark.parametrize("number", [0.01, 0.5, 1.0, 1.7, 3.99])
    def test_equals_bisection_over_the_mesh(self, number):
        system, mesh = random_model(num_orbitals=2, seed=5), (4, 5, 3)
        energies = bands(system, mesh)
        found = levels(system, mesh, Electrons(number), TEMPERATURES)
        expected = [bisection(energies, number, kBT) for kBT in TEMPERATURES]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)

    @pytest.mark.parametrize("kernels", ["0", "1"])
    def test_pairs_of_bands_count_at_their_own_energies(self, kernels, monkeypatch):
        """Whatever the multiplet threshold of the calculator."""
        monkeypatch.setenv("WB_CONSERVED_COMPILED", kernels)
        system = rashba_lattice(alpha=0.2, zeeman=0.1)
        calculator = NumberOfElectrons(Electrons(0.6), kBT=[0.03], degen_thresh=1.0)
        dataset = wb_conserved.run(system, (8, 8, 1), {"N": calculator}).to_dataset()
        assert abs(dataset["mu"].item() - bisection(bands(system, (8, 8, 1)), 0.6, 0.03)) < 1e-9
        assert abs(dataset["N"].item() - 0.6) < 1e-9

    def test_far_outside_the_bands(self):
        """Few electrons at a high temperature, beside a low one."""
        system, kBT = bhz(), [0.001, 2.0]
        found = levels(system, (4, 4, 1), Electrons(1e-6), kBT)
        energies = bands(system, (4, 4, 1))
        assert found[1] < energies.min() - 10 * kBT[1]
        np.testing.assert_allclose(found, [bisection(energies, 1e-6, value) for value in kBT], rtol=0, atol=1e-8)

    def test_half_filled_symmetric_bands(self):
        """Exact: bands at ±ε(k) keep μ = 0 at every temperature."""
        found = levels(bhz(), (6, 6, 1), Electrons(2), [0.01, 0.1, 1.0])
        np.testing.assert_allclose(found, 0.0, atol=3e-9)  # carriers at the first temperature: exp(-100)

    @pytest.mark.parametrize("kBT", [0.2, 0.05, 0.02, 0.005])
    def test_pure_insulator(self, kBT):
        """As many electrons as holes, however few; exact: from the logarithms of both."""
        gap = {(0, 0, 0): np.diag([0.0, 3.0, 3.4]), (1, 0, 0): np.diag([-0.2, 0.1, 0.1]), (0, 1, 0): np.diag([0.1, 0.1, 0.3])}
        system, mesh = lattice_system(np.eye(3), gap), (6, 6, 1)
        energies = bands(system, mesh)
        below, above = energies[energies < 1.5], energies[energies > 1.5]

        def logarithm(mu):
            electrons, holes = log_expit((mu - above) / kBT), log_expit((below - mu) / kBT)
            return logsumexp(electrons) - logsumexp(holes)

        expected = brentq(logarithm, -1, 4, xtol=1e-14)
        if kBT > 0.02:
            assert abs(expected - 0.5 * (below.max() + above.min())) > 0.3 * kBT  # not the middle
        assert abs(levels(system, mesh, Electrons(1), kBT)[0] - expected) < 1e-6 * kBT

    def test_one_level(self):
        """Exact: f(ε − μ) = n, μ = ε − kT ln(1/n − 1)."""
        system = lattice_system(np.eye(3), {(0, 0, 0): np.array([[0.7]])})
        found = levels(system, 2, Electrons(0.2), TEMPERATURES)
        np.testing.assert_allclose(found, 0.7 - np.array(TEMPERATURES) * np.log(1 / 0.2 - 1), rtol=0, atol=1e-9)

    def test_irreducible_mesh(self):
        system = rashba_lattice(alpha=0.4)
        system.set_pointgroup(["C4z", "Mx", "TimeReversal"])
        reduced = levels(system, (12, 12, 1), Electrons(0.4), TEMPERATURES)
        full = levels(system, (12, 12, 1), Electrons(0.4), TEMPERATURES, use_irred_kpt=False, symmetrize=False)
        np.testing.assert_allclose(reduced, full, rtol=0, atol=1e-11)
        expected = [bisection(bands(system, (12, 12, 1)), 0.4, kBT) for kBT in TEMPERATURES]
        np.testing.assert_allclose(reduced, expected, rtol=0, atol=1e-9)


class TestZeroTemperature:
    """kBT = 0."""

    def test_middle_of_the_gap(self):
        system, mesh = bhz(mass=1.5), (6, 6, 1)
        energies = bands(system, mesh)
        middle = 0.5 * (energies[:, 1].max() + energies[:, 2].min())
        step = (np.ptp(energies) + 4) / 2**18  # of the spectrum, about
        assert abs(levels(system, mesh, Electrons(2), 0.0)[0] - middle) < step

    def test_at_the_last_electron(self):
        system, mesh = random_model(num_orbitals=2, seed=5), (4, 5, 3)
        energies = np.sort(bands(system, mesh).ravel())
        found = levels(system, mesh, Electrons(1.51), 0.0)[0]
        last = energies[int(np.ceil(1.51 * 60)) - 1]  # of 60 k points
        assert abs(found - last) < 1e-3


class TestCarriers:
    """Electrons more than those below a level."""

    @pytest.mark.parametrize("carriers", [0.05, -0.1])
    def test_per_cell(self, carriers):
        system, mesh = bhz(mass=1.5), (8, 8, 1)
        found = levels(system, mesh, Electrons(level=0.0, carriers=carriers), TEMPERATURES)
        expected = [bisection(bands(system, mesh), 2 + carriers, kBT) for kBT in TEMPERATURES]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)

    @pytest.mark.parametrize("system", ["sheet", "crystal"])
    def test_per_cubic_or_square_centimetre(self, system):
        """Of a sheet cm⁻²: a cell of 4 Å × 4 Å and 10¹³ cm⁻² make 0.016 electrons."""
        sheet = system == "sheet"
        system = bhz(mass=1.5, lattice_constant=4.0) if sheet else random_model(num_orbitals=2, seed=5)
        mesh, density = ((8, 8, 1), 1e13) if sheet else ((4, 4, 4), 1e21)
        dimension, measure = periodic_measure(system)
        number = density * (measure * 1e-8**dimension)
        if sheet:
            assert number == pytest.approx(0.016)
        energies = bands(system, mesh)
        below = (energies <= 0.05).sum() / len(energies)
        electrons = Electrons(level=0.05, carriers=density, per="cm3")
        np.testing.assert_allclose(
            levels(system, mesh, electrons, [0.05]), [bisection(energies, below + number, 0.05)], rtol=0, atol=1e-9
        )

    def test_all_bands_below_the_level_at_the_first_k_point(self):
        """From which the run learns sizes: no reason to refuse carriers."""
        hopping = -1.0 * np.eye(2)
        system = lattice_system(np.eye(3), {(0, 0, 0): np.zeros((2, 2)), (1, 0, 0): hopping, (0, 1, 0): hopping})
        assert bands(system, (1, 1, 1)).max() == pytest.approx(-4)
        found = levels(system, (6, 6, 1), Electrons(level=0.5, carriers=0.1), [0.1])
        energies = bands(system, (6, 6, 1))
        below = (energies <= 0.5).sum() / len(energies)
        np.testing.assert_allclose(found, [bisection(energies, below + 0.1, 0.1)], rtol=0, atol=1e-9)


class TestResults:
    """Other quantities at these levels."""

    @pytest.mark.parametrize("name", SUMS)
    def test_equal_those_at_given_levels(self, name):
        system, mesh = random_model(num_orbitals=2, seed=5), (4, 4, 3)
        kind = SUMS[name].calculator
        run = wb_conserved.run(system, mesh, {"counted": kind(Electrons(1.3), kBT=TEMPERATURES)})
        data, mu = run.results["counted"].data, run.to_dataset()["mu"].values
        for i, kBT in enumerate(TEMPERATURES):
            given = wb_conserved.run(system, mesh, {"given": kind([mu[i]], kBT=kBT)}).results["given"].data[0]
            np.testing.assert_allclose(data[i], given, rtol=0, atol=1e-8 * np.abs(given).max())

    def test_number_of_electrons_on_real_data(self, platinum):
        """On the irreducible mesh, beside a quantity whose multiplets are wide."""
        system = copy.copy(platinum)
        system.set_pointgroup(["C4z", "C4x", "Inversion", "TimeReversal"])
        options = {"kBT": [0.01, 0.03], "degen_thresh": 0.5}
        calculators = {
            "N": NumberOfElectrons(Electrons(10), **options),
            "σ": static.BerrySpinConductivity(Electrons(10), **options),
        }
        dataset = wb_conserved.run(system, 6, calculators).to_dataset()
        np.testing.assert_allclose(dataset["N"], 10, rtol=0, atol=1e-8)
        assert dataset["σ"].dims == ("kBT", "i", "l", "s")

    def test_refined_mesh_keeps_the_level_of_the_mesh_before(self):
        system, options = random_model(num_orbitals=2, seed=5), {"kBT": [0.1]}
        calculators = {"σ": static.KuboConservedSpinConductivity(Electrons(1.3), **options)}
        refined = wb_conserved.run(system, 4, calculators, adpt_num_iter=2).to_dataset()
        assert refined["mu"].item() == wb_conserved.run(system, 4, calculators).to_dataset()["mu"].item()
        assert "σ_error" in refined

    def test_density_of_states_is_the_slope_of_the_number(self):
        system, step = random_model(num_orbitals=2, seed=5), 1e-3
        calculators = {
            "N": NumberOfElectrons([0.3 - step, 0.3 + step], kBT=0.2),
            "DOS": DensityOfStates([0.3], kBT=0.2),
        }
        found = wb_conserved.run(system, 4, calculators).results
        slope = np.diff(found["N"].data) / (2 * step)
        np.testing.assert_allclose(found["DOS"].data, slope, rtol=1e-5)


class TestRefused:
    """What makes no sense, with the argument named."""

    @pytest.mark.parametrize("number", [4.0, 4.5, 1000])
    @pytest.mark.parametrize("kBT", [0.0, 0.1])
    def test_too_many_electrons(self, number, kBT):
        calculators = {"N": NumberOfElectrons(Electrons(number), kBT=kBT)}
        message = rf"electrons: expected a number between 0 and the 4 states of a cell; found {number:g}"
        with pytest.raises(InputError, match=message):
            wb_conserved.run(random_model(num_orbitals=2, seed=5), 3, calculators)

    @pytest.mark.parametrize("carriers", [-3.0, 3.0])
    def test_carriers_that_do_not_fit(self, carriers):
        calculators = {"N": NumberOfElectrons(Electrons(level=0.0, carriers=carriers), kBT=0.1)}
        with pytest.raises(InputError, match=r"electrons: expected a number between 0 and the 4 states of a cell"):
            wb_conserved.run(bhz(), (4, 4, 1), calculators)

    @pytest.mark.parametrize(
        "arguments",
        [
            {}, {"number": 1, "level": 0.0}, {"number": 1, "level": 0.0, "carriers": 0.1}, {"level": 0.0},
            {"carriers": 0.1}, {"number": 0}, {"number": -1}, {"number": np.nan}, {"level": np.inf, "carriers": 0.1},
        ],
    )  # fmt: skip
    def test_numbers(self, arguments):
        with pytest.raises(InputError, match="electrons: expected"):
            Electrons(**arguments)

    def test_what_carriers_are_counted_for(self):
        with pytest.raises(InputError, match="per: expected one of cell, cm3; found 'm3'"):
            Electrons(level=0.0, carriers=1.0, per="m3")

    def test_tetrahedra(self):
        with pytest.raises(InputError, match=r"tetra: expected False.*; found True with electrons: 1 per cell"):
            NumberOfElectrons(Electrons(1), tetra=True)

    def test_fermi_surface_without_a_width(self):
        with pytest.raises(InputError, match=r"fermi_surface_width: expected a number > 0 .*; found none, with electrons: 1"):
            DensityOfStates(Electrons(1))
        assert DensityOfStates(Electrons(1), fermi_surface_width=0.1).fermi_surface_width == 0.1

    def test_run_of_wannierberri(self, tmp_path):
        """It has no passes before."""
        system = random_model(num_orbitals=2, seed=5)
        grid, calculators = wb_conserved.regular_grid(system, 3), {"N": NumberOfElectrons(Electrons(1), kBT=0.1)}
        with pytest.raises(InputError, match=r"Efermi: expected Fermi levels outside wb_conserved\.run.*; found 1 per cell"):
            wannierberri.run(system, grid, calculators, parallel=False, fout_name=str(tmp_path / "r"))
