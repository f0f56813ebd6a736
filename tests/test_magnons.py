"""Magnons: energies against the equations of motion, published numbers, Bose limits, the zero-point motion, neutrons."""

import pickle

import numpy as np
import pytest
import wannierberri
from magnets import equations_of_motion, random_magnet
from wannierberri.calculators.tabulate import TabulatorAll

import wb_conserved
from wb_conserved import InputError
from wb_conserved.calculators import CATALOGUE, SUMS, equilibrium, static, tabulate, thermal
from wb_conserved.calculators.band_geometry import BandGeometry
from wb_conserved.diagnostics.chern import chern_numbers
from wb_conserved.driver.checkpoint import CheckpointError
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.interpolation.batches import interpolated_batch
from wb_conserved.models import kane_mele
from wb_conserved.operators import IDENTITY, SPIN, matrix_operator
from wb_conserved.quasiparticles import (
    SpinModel,
    honeycomb_magnet,
    jarosite,
    structure_factor,
    triangular_antiferromagnet,
)
from wb_conserved.quasiparticles.spin_waves import spurious_torques
from wb_conserved.results.noise import format_noise
from wb_conserved.units import BOLTZMANN_EV, CONDUCTANCE, HBAR_EV_FS, periodic_measure

TEMPERATURES = [0.5, 1.0]
NERNST = BOLTZMANN_EV * CONDUCTANCE
"""From ħ = k_B = 1 to (ħ/|e|) A/K."""
KAPPA = np.pi / 6
"""From units of π²k_B²/3h to ħ = k_B = 1."""


def results(system, names, mesh=40, kBT=TEMPERATURES, **options):
    calculators = {name: SUMS[name].calculator(kBT=kBT, **{"degen_thresh": 1e-8} | options) for name in names}
    return wb_conserved.run(system, mesh, calculators).results


def shifted_mesh(size):
    x = (np.arange(size) + 0.5) / size
    return np.stack(np.meshgrid(x, x, [0.0], indexing="ij"), axis=-1).reshape(-1, 3)


def geometry(system, kpoints, observable=SPIN):
    return BandGeometry(interpolated_batch(WannierInterpolator(system), kpoints), observable, 1e-8, False, False)


class TestEnergies:
    @pytest.mark.parametrize("seed", range(3))
    def test_equations_of_motion(self, seed):
        """Spin waves are the small oscillations of classical spins: noncollinear, with everything that a model can have."""
        model = random_magnet(seed)
        assert np.linalg.norm(np.cross(*model.directions)) > 0.1
        kpoints = np.random.default_rng(seed).random((10, 3)) * [1, 1, 0]
        energies = WannierInterpolator(model.to_system()).band_energies(kpoints)
        for k, found in zip(kpoints, energies, strict=True):
            np.testing.assert_allclose(found, equations_of_motion(model, k), atol=1e-6)

    def test_honeycomb(self):
        """0.1 to 3.1 − 0.3√3, 3.1 + 0.3√3 to 6.1."""
        energies = WannierInterpolator(honeycomb_magnet().to_system()).band_energies(
            np.array([[0, 0, 0], [2 / 3, 1 / 3, 0]])
        )
        np.testing.assert_allclose(energies[:, 2:], [[0.1, 6.1], [3.1 - 0.3 * 3**0.5, 3.1 + 0.3 * 3**0.5]], atol=1e-12)

    def test_jarosite(self):
        """Lowest energy 1.71 meV, at Γ."""
        energies = 1e3 * WannierInterpolator(jarosite().to_system()).band_energies(
            np.array([[0, 0, 0], [0.25, 0.25, 0]])
        )
        assert energies[0, 3] == pytest.approx(1.71, abs=0.005)

    def test_turned_axes_change_nothing(self):
        """The same magnet with all spins, J, anisotropy and field turned."""
        model = random_magnet()
        turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
        turn *= np.sign(np.linalg.det(turn))
        bonds = [
            (int(i), int(j), tuple(R.tolist()), turn @ J @ turn.T)
            for i, j, R, J in zip(model.first, model.second, model.iRvec, model.exchange, strict=True)
        ]
        turned = SpinModel(
            model.cell, model.positions, model.spins, bonds, convention="half", directions=model.directions @ turn.T,
            anisotropy=turn @ model.anisotropy @ turn.T, field=turn @ model.field, periodic=(True, True, False),
        )  # fmt: skip
        kpoints = shifted_mesh(3)
        pair = [WannierInterpolator(one.to_system()).band_energies(kpoints) for one in (model, turned)]
        np.testing.assert_allclose(pair[0], pair[1], atol=1e-10)


class TestPublishedNumbers:
    @pytest.mark.parametrize(
        ("exchange", "kappa", "alpha"),
        [(-1.0, [-0.0285759, -0.134757], [0.0113607, 0.0478174]), (1.0, [0.0, 0.0], [-0.000551966, -0.00240959])],
    )
    def test_honeycomb(self, exchange, kappa, alpha):
        """Thermal Hall and spin Nernst conductivities; s_z is conserved, so that both definitions agree, and the sublattices of
        the antiferromagnet have no thermal Hall effect."""
        found = results(
            honeycomb_magnet(exchange).to_system(), ["thermal_hall", "nernst_conserved", "nernst_conventional"], 60
        )
        hall = found["thermal_hall"].data[:, 0, 1] * TEMPERATURES * KAPPA
        np.testing.assert_allclose(hall, kappa, rtol=5e-6, atol=1e-12)
        for name in ("nernst_conserved", "nernst_conventional"):
            np.testing.assert_allclose(found[name].data[:, 0, 1, 2] / NERNST, alpha, rtol=5e-6)
            np.testing.assert_allclose(found[name].data[:, 1, 0, 2] / NERNST, np.negative(alpha), rtol=5e-6)

    def test_chern_numbers(self):
        """Jarosite: signs change with the canting; the gap of 0.016 meV needs a dense mesh."""
        up, down = (
            chern_numbers(jarosite().with_directions(sign * jarosite().directions).to_system(), 200) for sign in (1, -1)
        )
        assert up.numbers == (3, -1, -2) and down.numbers == (-3, 1, 2)
        assert up.gaps[0] == pytest.approx(1.6e-5, abs=0.05e-5)
        assert str(up).startswith("Chern numbers band 0: +3; band 1: -1; band 2: -2 (gaps 1.6")

    def test_chern_numbers_of_others(self):
        assert chern_numbers(honeycomb_magnet().to_system(), 12).numbers == (1, -1)
        assert chern_numbers(honeycomb_magnet(antisymmetric=-0.1).to_system(), 12).numbers == (-1, 1)
        touching = chern_numbers(
            triangular_antiferromagnet(easy_plane=0.1).to_system(1e-3), (9, 9)
        )  # at Γ and on lines
        assert touching.bands == ((0, 1, 2),) and touching.numbers == (0,)
        electrons = chern_numbers(kane_mele(spin_orbit=0.1), 12)  # spin up and down, degenerate in pairs
        assert electrons.bands == ((0, 1), (2, 3)) and electrons.numbers == (0, 0)

    def test_the_sign_is_that_of_the_curvature(self):
        system, kpoints = honeycomb_magnet().to_system(), shifted_mesh(40)
        curvature = geometry(system, kpoints, IDENTITY).berry_curvature_times_operator[:, 2:, 1, 0, 0]  # Ω^{xy}
        cell = periodic_measure(system)[1]
        np.testing.assert_allclose(
            2 * np.pi * curvature.mean(axis=0) / cell, chern_numbers(system, 12).numbers, atol=1e-5
        )

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [(((1, 5),), "mesh: expected one or two integers > 1"), ((1.5,), "mesh: expected one or two integers > 1")],
    )
    def test_refused(self, arguments, message):
        system = honeycomb_magnet().to_system()
        with pytest.raises(InputError, match=message):
            chern_numbers(system, *arguments)
        with pytest.raises(InputError, match="plane: expected one across periodic directions"):
            chern_numbers(system, 8, plane=(0, 0.0))
        with pytest.raises(InputError, match="mesh: expected one that resolves the gaps, of bands that do not touch"):
            chern_numbers(honeycomb_magnet(antisymmetric=0.0).to_system(), (12, 13))  # Dirac points


class TestConservation:
    @pytest.mark.parametrize("zero_point", [False, True])
    def test_laws(self, zero_point):
        """The uniform current vanishes (XN 5), and the symmetric part of D + Q, to the exponential convergence of the mesh."""
        system = random_magnet().to_system(zero_point=zero_point)
        report = wb_conserved.conservation_report(system, 40, None, kBT=[0.5, 2.0], degen_thresh=1e-8)
        assert report.uniform_current.relative < 1e-9
        assert report.dipole.relative < 1e-6
        assert np.abs(report.uniform_current.first).max() > 1e-3
        (total,) = results(system, ["total_current"], 40).values()
        assert np.abs(total.data).max() < 1e-9 * np.abs(report.uniform_current.first).max()

    def test_mean_conserved_and_conventional_differ(self):
        """The noncollinear magnet: what the whole package is about."""
        found = results(random_magnet().to_system(), ["nernst_conserved", "nernst_conventional"], 24)
        conserved, conventional = (found[name].data for name in ("nernst_conserved", "nernst_conventional"))
        assert np.abs(conserved - conventional).max() > 0.2 * np.abs(conventional).max()


class TestStatistics:
    def test_half_of_all_bands(self):
        """Σ over positive norms with n + ½ and g + ½ε is ½Σ over all bands with n(ε̂) and g(ε̂): J, D, Q, M with the zero-point
        motion; the mesh holds −k for each k."""
        kBT, mesh, names = (
            0.7,
            12,
            ("equilibrium_current", "current_dipole", "torque_quadrupole", "orbital_magnetization"),
        )
        system = random_magnet().to_system(zero_point=True)
        kpoints = (
            np.stack(np.meshgrid(np.arange(mesh), np.arange(mesh), [0], indexing="ij"), axis=-1).reshape(-1, 3) / mesh
        )
        g = geometry(system, kpoints)
        e = g.energies
        occupation, potential = 1 / np.expm1(e / kBT), kBT * np.log(np.abs(np.expm1(-e / kBT)))
        for name in names:
            calculator = SUMS[name].calculator(kBT=kBT, degen_thresh=1e-8)
            weights = {"sea": occupation, "grand_potential": potential}
            every = sum(np.einsum("kn,kn...->...", weights[term.weight], term.values) for term in calculator.terms(g))
            expected = 0.5 * every / len(kpoints) * calculator.factor(system)
            found = results(system, [name], mesh, kBT)[name].data[0]
            np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max(), err_msg=name)
            without = results(random_magnet().to_system(), [name], mesh, kBT)[name].data[0]
            assert np.abs(found - without).max() > 1e-3 * np.abs(found).max()

    def test_responses_do_not_know_the_zero_point_motion(self):
        for name in ("nernst_conserved", "thermal_hall"):
            found = [
                results(random_magnet().to_system(zero_point=zero), [name], 8)[name].data for zero in (False, True)
            ]
            np.testing.assert_array_equal(*found)

    def test_high_temperature(self):
        """n → kT/ε − ½, c₂ → π²/3 − ε/kT, S → 1 − ln(ε/kT)."""
        system, kBT, mesh = honeycomb_magnet().to_system(), 1e4, 24
        g = geometry(
            system,
            np.stack(np.meshgrid(np.arange(mesh), np.arange(mesh), [0], indexing="ij"), -1).reshape(-1, 3) / mesh,
        )
        e, cell = g.energies[:, 2:], periodic_measure(system)[1]
        number = geometry(system, g.batch._kpoints, IDENTITY)
        found = results(system, ["thermal_hall", "nernst_conserved"], mesh, kBT)
        hall = (
            np.einsum("kn,kn->", np.pi**2 / 3 - e / kBT, number.berry_curvature_times_operator[:, 2:, 0, 1, 0])
            / len(e)
            / cell
        )
        assert found["thermal_hall"].data[0, 0, 1] * KAPPA == pytest.approx(hall, rel=1e-6)
        alpha = (
            np.einsum("kn,kn->", 1 - np.log(e / kBT), g.berry_curvature_times_operator[:, 2:, 0, 1, 2]) / len(e) / cell
        )
        assert found["nernst_conserved"].data[0, 0, 1, 2] / NERNST == pytest.approx(alpha, rel=1e-6)

    def test_drift(self):
        """Spin Seebeck effect of a ferromagnet, each magnon carrying −1: −k_B Σ∫ v_x² x (−∂n/∂x)/kT per relaxation time."""
        system, kBT, mesh = honeycomb_magnet().to_system(), 0.8, 20
        found = results(system, ["nernst_drift"], mesh, kBT)["nernst_drift"].data[0]
        g = geometry(
            system,
            np.stack(np.meshgrid(np.arange(mesh), np.arange(mesh), [0], indexing="ij"), -1).reshape(-1, 3) / mesh,
        )
        x, v = g.energies[:, 2:] / kBT, g.mean_velocity[:, 2:]
        weight = x * np.exp(x) / np.expm1(x) ** 2 / kBT
        expected = (
            -np.einsum("kn,kni,knl->il", weight, v, v) / len(x) / periodic_measure(system)[1] * NERNST / HBAR_EV_FS
        )
        np.testing.assert_allclose(found[:2, :2, 2], expected[:2, :2], rtol=1e-8, atol=1e-20)
        tenfold = results(system, ["nernst_drift"], mesh, kBT, relaxation_time=10.0)["nernst_drift"].data[0]
        np.testing.assert_allclose(tenfold, 10 * found)

    def test_specific_heat(self):
        """k_B Σ x² e^x/(e^x − 1)², → the number of modes."""
        assert results(honeycomb_magnet().to_system(), ["specific_heat"], 12, 1e3)[
            "specific_heat"
        ].data == pytest.approx([2], rel=1e-4)


class TestRuns:
    def test_both_runs_and_data_set(self, tmp_path):
        system = honeycomb_magnet().to_system(regulator=1e-3)
        names = ["nernst_conserved", "orbital_magnetization", "thermal_hall"]
        calculators = {name: SUMS[name].calculator(kBT=TEMPERATURES, degen_thresh=1e-8) for name in names}
        grid = wb_conserved.regular_grid(system, 6)
        ours, theirs = (
            wb_conserved.run(system, grid, calculators),
            wannierberri.run(system, grid, calculators, parallel=False, fout_name=str(tmp_path / "r")),
        )
        for name in names:
            np.testing.assert_allclose(ours.results[name].data, theirs.results[name].data, atol=1e-16, rtol=1e-10)
        dataset = ours.to_dataset()
        assert dataset["nernst_conserved"].dims == ("kBT", "i", "l", "s")
        assert "regulator 0.001 eV; zero-point motion left out" in dataset.attrs["assumptions"]
        assert dataset.attrs["particles"] == "magnons, each band counted 1"

    def test_calculators_of_wannierberri(self):
        """Energies are those of the magnons, not eigenvalues of H; others, which take states as orthonormal, are refused."""
        system = random_magnet().to_system()
        path = wannierberri.Path.from_nodes(system, nodes=[[0, 0, 0], [0.5, 0.2, 0]], labels=["Γ", "X"], length=20)
        table = TabulatorAll({"s": tabulate.Expectation(degen_thresh=1e-8)}, mode="path")
        expected = WannierInterpolator(system).band_energies(path.K_list)
        arguments = {"parallel": False, "data_k_class": system.data_k_class}
        for run, further in ((wb_conserved.run, {}), (wannierberri.run, arguments)):
            found = run(system, path, {"bands": table}, **further).results["bands"].results["Energy"].data
            np.testing.assert_allclose(found, expected, atol=1e-10)
        with pytest.raises(InputError, match="calculators: expected calculators of wb_conserved for bosons"):
            wb_conserved.run(system, 4, {"AHC": wannierberri.calculators.static.AHC(Efermi=np.array([1.0]))})

    def test_tabulators(self):
        """Every per-band quantity, on a path; the spin of magnons of a ferromagnet is −1."""
        system = honeycomb_magnet().to_system()
        path = wannierberri.Path.from_nodes(system, nodes=[[0, 0, 0], [2 / 3, 1 / 3, 0]], labels=["Γ", "K"], length=20)
        tabulated = [entry for entry in CATALOGUE.values() if entry.tabulated and entry.of_bosons]
        tables = {entry.name: entry.calculator(degen_thresh=1e-8) for entry in tabulated}
        found = wb_conserved.run(system, path, {"bands": TabulatorAll(tables, mode="path")}).to_dataset()
        np.testing.assert_allclose(found["band_expectation"].sel(s="z")[:, 2:], -1)
        conventional, conserved = (
            found[f"band_{name}"].sel(i="x", l="y", s="z")[:, 2:]
            for name in ("operator_berry_curvature", "berry_curvature_times_operator")
        )
        np.testing.assert_allclose(conventional, conserved, atol=1e-9)

    @pytest.mark.parametrize("name", SUMS)
    def test_every_quantity_works_or_says_why_not(self, name):
        system = honeycomb_magnet().to_system()
        if SUMS[name].calculator.force == "electric field":
            with pytest.raises(InputError, match="system: expected electrons for .*magnons carry no charge"):
                results(system, [name], 4)
            return
        if name in ("smallest_energy", "number_of_electrons", "density_of_states"):
            return  # of energies, with or without a level
        found = results(system, [name], 4)[name]
        assert found.data.shape[0] == len(TEMPERATURES) and np.isfinite(found.data).all()

    @pytest.mark.parametrize(
        ("calculator", "message"),
        [
            (lambda: thermal.ConservedSpinNernst([0.0], kBT=0.1), r"Efermi: expected none for magnons.*found \[0.0\]"),
            (lambda: equilibrium.EquilibriumSpinCurrent(kBT=0.0), r"kBT: expected a number > 0"),
            (
                lambda: equilibrium.EquilibriumSpinCurrent(kBT=0.1, operator="charge"),
                "operator: expected an observable of magnons.*'charge'",
            ),
            (
                lambda: thermal.ConservedSpinNernst(kBT=0.1, method="mott"),
                "expected a sum or method for magnons.*the Mott relation",
            ),
        ],
    )
    def test_refused(self, calculator, message):
        with pytest.raises(InputError, match=message):
            wb_conserved.run(honeycomb_magnet().to_system(), 4, {"x": calculator()})

    def test_electrons_still_need_a_level(self):
        with pytest.raises(InputError, match="Efermi: expected Fermi levels"):
            wb_conserved.run(kane_mele(), 4, {"x": equilibrium.EquilibriumSpinCurrent(kBT=0.1)})

    def test_accumulating_without_the_statistics_of_magnons(self):
        system, calculator = honeycomb_magnet().to_system(), static.BerrySpinConductivity(kBT=0.1)
        with pytest.raises(InputError, match=r"calculator: expected calculator.for_system\(system\) for magnons"):
            calculator.check_levels(system)

    def test_holes_are_no_partners(self):
        """A threshold above twice the lowest energy does not group a magnon with its hole, of mean energy 0."""
        system = honeycomb_magnet(exchange=1.0, anisotropy=1e-3).to_system()
        found = [results(system, ["nernst_conserved"], 4, degen_thresh=t)["nernst_conserved"].data for t in (1e-7, 1e-9)]
        np.testing.assert_allclose(*found)
        g = BandGeometry(interpolated_batch(WannierInterpolator(system), shifted_mesh(2)), SPIN, 100.0, False, False)
        assert g.multiplets.labels.tolist() == [[0, 0, 1, 1]] * 4

    def test_few_k_points_carry(self, caplog):
        """α^y_yx of jarosite on 40², where two bands nearly touch; σ_K is not recommended, as there is none."""
        calculators = {"α": thermal.ConservedSpinNernst(kBT=4e-3, degen_thresh=1e-7)}
        data = wb_conserved.run(jarosite().to_system(), 40, calculators).to_dataset()
        text = format_noise(data, ["yxy"])
        assert text.startswith("few k points carry: α_in yxy = ") and "of 1600 k points count" in text and "σ_K" not in text

    def test_rounding_is_no_noise(self, caplog):
        """The thermal Hall conductivity of the antiferromagnet vanishes, k by k."""
        results(honeycomb_magnet(exchange=1.0).to_system(), ["thermal_hall", "nernst_conserved"], 60)
        assert "few k points carry" not in caplog.text

    def test_threshold_of_electrons(self, caplog):
        """The default, 0.0001 eV, is above the gap of jarosite."""
        wb_conserved.run(jarosite().to_system(), 4, {"α": thermal.ConservedSpinNernst(kBT=4e-3)})
        assert "degen_thresh = 0.0001 eV: bands that close count as one level, and the highest energy is 0.01" in caplog.text
        assert "platinum" not in caplog.text

    def test_copies_and_checkpoints(self, tmp_path):
        """A system goes to other processes, and a run goes on from its checkpoint, with the same digits."""
        system = random_magnet().to_system(regulator=1e-3)
        copy = pickle.loads(pickle.dumps(system))  # noqa: S301  (of this test)
        calculators = {"α": thermal.ConservedSpinNernst(kBT=[0.5], degen_thresh=1e-7)}
        assert copy.particles.assumptions == system.particles.assumptions and copy.model.energy() == system.model.energy()
        first = wb_conserved.run(system, 6, calculators, checkpoint=tmp_path / "c").results["α"].data
        again = wb_conserved.run(copy, 6, calculators, checkpoint=tmp_path / "c").results["α"].data
        np.testing.assert_array_equal(first, again)
        with pytest.raises(CheckpointError):
            wb_conserved.run(random_magnet().to_system(regulator=2e-3), 6, calculators, checkpoint=tmp_path / "c")

    def test_matrix_between_sites(self):
        """b†_A b_A − b†_B b_B from a matrix of two sites."""
        own = matrix_operator(np.diag([1.0, -1.0]), odd_under_time_reversal=False)
        system = honeycomb_magnet(exchange=1.0).to_system()
        found = results(system, ["nernst_conserved"], 20, operator=own)["nernst_conserved"].data
        spin = results(system, ["nernst_conserved"], 20)["nernst_conserved"].data[..., 2]
        np.testing.assert_allclose(found, -spin, atol=1e-9 * np.abs(spin).max())

    def test_goldstone_mode(self, caplog):
        """Said with k and the mode; refused where the mesh meets it; a regulator lets it through and is stated."""
        model = honeycomb_magnet(anisotropy=0.0, antisymmetric=0.0)
        system = model.to_system()
        assert "a mode without energy at k = (0, 0, 0)" in caplog.text and "a regulator" in caplog.text
        with pytest.raises(InputError, match="positive definite matrix.*regulator"):
            results(system, ["nernst_conserved"], 4)
        caplog.clear()
        results(model.to_system(regulator=1e-3), ["nernst_conserved"], 4)
        assert "a mode without energy" not in caplog.text


class TestCaveat:
    """Noncollinear magnets: the harmonic spin has a torque that the spin has not."""

    @pytest.mark.parametrize("turn", [0.0, 0.2, 0.456, np.pi / 6])
    def test_triangular_antiferromagnet(self, turn, caplog):
        """|[ηH, ηs^x]| up to 9/4 JS cos φ, φ from the x axis to the nearest of six axes along the moments: 2.02 at 0.456."""
        model = triangular_antiferromagnet()
        rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        model = model.with_directions(model.directions @ rotation.T)
        found = spurious_torques(model)
        assert set(found) == {"x", "y"}  # the component across the plane has no harmonic part
        assert found["x"] == pytest.approx(2.25 * np.cos(turn), rel=1e-9)
        system = model.to_system(regulator=1e-3)
        assert "is spurious in this noncollinear state" in caplog.text
        assert f"up to {max(found.values()):.4g} eV" in system.particles.assumptions
        result = wb_conserved.run(system, 4, {"α": thermal.ConservedSpinNernst(kBT=1.0, degen_thresh=1e-6)})
        assert "is spurious" in result.to_dataset().attrs["assumptions"]

    def test_no_warning(self):
        """Collinear magnets; and magnets that do not conserve the spin in the first place."""
        for model in (honeycomb_magnet(), honeycomb_magnet(exchange=1.0), jarosite(), random_magnet()):
            assert not spurious_torques(model)
            assert "spurious" not in model.to_system().particles.assumptions


class TestNeutrons:
    def test_ferromagnet(self):
        """S^{xx} = S^{yy} = S/2 per site, S^{xy} = ±iS/2, at any q; in the acoustic or optical mode at Γ and in other zones."""
        found = structure_factor(honeycomb_magnet().to_system(), [[0.21, 0.4, 0], [0, 0, 0], [1, 0, 0]])
        np.testing.assert_allclose(found.weights.sum(axis=1)[:, [0, 1], [0, 1]], 1.0, atol=1e-12)  # two sites, S = 1
        np.testing.assert_allclose(np.abs(found.weights.sum(axis=1)[:, 0, 1]), 1.0, atol=1e-12)
        np.testing.assert_allclose(found.weights[:, :2], 0)  # no magnons to take up
        np.testing.assert_allclose(found.weights[1, 2:, 0, 0].real, [1, 0], atol=1e-12)  # in phase
        np.testing.assert_allclose(found.weights[2, 2:, 0, 0].real, [0.25, 0.75], atol=1e-12)  # |1 + e^{2πi/3}|²/4

    def test_antiferromagnetic_chain(self):
        """S^{xx} = ½S √((1 − cos q)/(1 + cos q)) per site (P. W. Anderson)."""
        chain = SpinModel(np.eye(3), [[0, 0, 0]], 1.5, [(0, 0, (1, 0, 0), 1.0)], convention="bonds",
                          directions=[[0, 0, 1]], periodic=(True, False, False))  # fmt: skip
        double = chain.supercell([2, 1, 1], wave_vector=(0.5, 0, 0), axis=(1, 0, 0)).to_system(regulator=1e-9)
        q = np.array([[0.1, 0, 0], [0.37, 0, 0], [0.8, 0, 0]])
        found = structure_factor(double, q, cell=chain.cell).weights.sum(axis=1) / 2
        expected = 0.75 * np.sqrt((1 - np.cos(2 * np.pi * q[:, 0])) / (1 + np.cos(2 * np.pi * q[:, 0])))
        np.testing.assert_allclose(found[:, 0, 0].real, expected, rtol=1e-6)

    def test_detailed_balance(self):
        """S(−q, −ω) = e^{−ω/kT} S(q, ω), and sums of the transverse spin that rise with temperature as 1 + 2n."""
        system, q, kBT = random_magnet().to_system(), np.array([[0.2, 0.3, 0]]), 0.9
        plus, minus = structure_factor(system, q, kBT), structure_factor(system, -q, kBT)
        np.testing.assert_allclose(minus.energies[:, ::-1], -plus.energies, atol=1e-12)
        expected = plus.unpolarised * np.exp(-plus.energies / kBT)
        np.testing.assert_allclose(minus.unpolarised[:, ::-1], expected, rtol=1e-9)
        assert np.all(plus.unpolarised > 0)

    def test_spectrum(self):
        found = structure_factor(honeycomb_magnet().to_system(), [[0.2, 0.1, 0]])
        axis = np.linspace(-1, 8, 2000)
        spectrum = found.spectrum(axis, 0.1)
        assert np.trapezoid(spectrum[0], axis) == pytest.approx(found.unpolarised.sum(), rel=1e-6)
        peak = axis[spectrum[0].argmax()]
        assert np.abs(found.energies[0] - peak).min() < 0.01
        above = axis[spectrum[0] > 0.5 * spectrum[0].max()]
        assert above[-1] - above[0] == pytest.approx(0.1, abs=0.01)

    def test_refused(self):
        with pytest.raises(InputError, match="system: expected magnons"):
            structure_factor(kane_mele(), [[0, 0, 0]])
        with pytest.raises(InputError, match="wave_vectors: expected finite numbers"):
            structure_factor(honeycomb_magnet().to_system(), [[0, 0]])
        with pytest.raises(InputError, match="width: expected a number > 0"):
            structure_factor(honeycomb_magnet().to_system(), [[0, 0, 0]]).spectrum([0.0], 0.0)


def test_expectation_of_tabulator_is_minus_one_for_identity_frame():
    """Negative norms are the holes: ε̂(k) = −ε(−k), and s of them +s(−k) in X̂."""
    system, kpoints = random_magnet().to_system(), shifted_mesh(3)
    g, opposite = geometry(system, kpoints), geometry(system, -kpoints)
    np.testing.assert_allclose(g.energies[:, :2], -opposite.energies[:, :1:-1], atol=1e-12)
    np.testing.assert_allclose(g.expectation[:, :2], -opposite.expectation[:, :1:-1], atol=1e-12)
    assert tabulate.Expectation().symbol == "s"
