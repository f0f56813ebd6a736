"""Quantities with impurities as others: concentrations as an axis, the origin, undefined means, widths, tables and pictures."""

import numpy as np
import pytest
import wannierberri
import xarray
from shells import rashba, states_at
from test_disorder_lattice import chiral_lattice, shell_spin

import wb_conserved
from wb_conserved import InputError, models
from wb_conserved.calculators import CATALOGUE, IMPURITIES, WITH_IMPURITIES, Electrons, static
from wb_conserved.calculators.impurities import OriginDependence
from wb_conserved.diagnostics.mesh_series import format_convergence
from wb_conserved.disorder import ADDED, Disorder, EnergyAxis, Impurity, impurity_calculators, impurity_response
from wb_conserved.models import lattice_system
from wb_conserved.models.kp import PAULI
from wb_conserved.occupations import Scan
from wb_conserved.results import (
    format_findings,
    format_table,
    plot_concentrations,
    plot_parts,
    plot_scan,
    write_results,
)
from wb_conserved.results.groups import distinct, groups
from wb_conserved.units import CONDUCTANCE

MESH = (6, 5, 1)
OPTIONS = {"width": 0.8, "degen_thresh": 1e-6, "extra_rate": 0.05}
SERIAL = {"use_irred_kpt": False, "symmetrize": False}
CONCENTRATIONS = [0.02, 0.005, 0.1]


@pytest.fixture(scope="module")
def system():
    return models.random_model(2, dimension=2, seed=4)


def impurity(concentration, potential=0.5):
    generator = np.random.default_rng(1)
    W = generator.normal(size=(2, 2)) + 1j * generator.normal(size=(2, 2))
    return Impurity(W + W.conj().T + potential * np.eye(2), concentration, orbitals=[1, 2])


def close(one, other, tolerance, name=""):
    np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * np.abs(other).max(), err_msg=name)


class TestConcentrations:
    """Several in one call."""

    @pytest.mark.parametrize("options", [{}, {"degen_thresh": 0.3, "extra_rate": 0.0}, {"scattering": "born"}])
    def test_each_is_that_of_its_own_response(self, system, options):
        options = OPTIONS | options
        several = impurity_response(system, MESH, impurity(CONCENTRATIONS), [0.0, 0.5], **options)
        for number, concentration in enumerate(CONCENTRATIONS):
            alone = impurity_response(system, MESH, impurity(concentration), [0.0, 0.5], **options).results
            for name, result in alone.items():
                data = several.results[name].data
                assert data.ndim == result.data.ndim + (name in IMPURITIES)
                close(data[:, number] if name in IMPURITIES else data, result.data, 1e-12, name)

    @pytest.mark.parametrize("scattering", ["born", "third", "t-matrix"])
    def test_powers_of_the_concentration(self, system, scattering, monkeypatch):
        """Of one that is solved, where nothing else enters; the same as each for itself."""
        options = OPTIONS | {"extra_rate": 0.0, "scattering": scattering}
        weak = Impurity(0.1 * impurity(0.1).potential, CONCENTRATIONS, orbitals=[1, 2])  # third order: rates stay positive
        scaled = impurity_response(system, MESH, weak, [0.5], **options).results
        monkeypatch.setattr("wb_conserved.disorder.settings._UNSPLIT", 0.0)
        solved = impurity_response(system, MESH, weak, [0.5], **options).results
        for name in IMPURITIES:
            close(scaled[name].data, solved[name].data, 1e-9, name)
        close(scaled["impurity_drift"].data[:, 1], 4 * scaled["impurity_drift"].data[:, 0], 1e-13)
        lifetime = scaled["impurity_lifetime"].data[0]
        np.testing.assert_allclose(lifetime[1:], lifetime[0] * np.array([4, 0.2]))
        close(scaled["impurity_side_jump"].data[:, 1], scaled["impurity_side_jump"].data[:, 0], 1e-13)

    @pytest.mark.parametrize(
        ("options", "solved"),
        [({"extra_rate": 0.0}, 1), ({}, 3), ({"extra_rate": 0.0, "degen_thresh": 0.1}, 3),
         ({"extra_rate": 0.0, "degen_Kramers": True}, 3)],
    )  # fmt: skip
    def test_what_is_solved_once(self, system, options, solved):
        """Only where everything is proportional to a power of the concentration."""
        from wb_conserved.driver.passes import passes_of

        calculators = impurity_calculators(impurity(CONCENTRATIONS), [0.5], **OPTIONS | options)
        stages = passes_of(system, calculators)
        assert [len(stage) for stage in stages] == [solved] * 3 + [len(WITH_IMPURITIES)]

    def test_of_one_kind_among_others(self, system):
        other = Impurity(0.7, 0.01, orbitals=[0, 3])
        several = impurity_response(system, MESH, [other, impurity(CONCENTRATIONS)], [0.5], **OPTIONS).results
        alone = impurity_response(system, MESH, [other, impurity(0.1)], [0.5], **OPTIONS).results
        for name in IMPURITIES:
            close(several[name].data[:, 2], alone[name].data, 1e-12, name)
        with pytest.raises(InputError, match="^concentration: expected several for one of the impurities"):
            Disorder([Impurity(1.0, [0.1, 0.2]), Impurity(1.0, [0.1, 0.2])])
        with pytest.raises(InputError, match=r"^concentration: expected fractions .* less than 1; found \[0.6, 0.5\]"):
            Disorder([Impurity(1.0, [0.1, 0.6]), Impurity(1.0, 0.5)])

    def test_data_set(self, system):
        found = impurity_response(system, MESH, impurity(CONCENTRATIONS), [0.0, 0.5], kBT=[0.3, 0.4], **OPTIONS)
        dataset = found.to_dataset()
        assert dataset["impurity_total"].dims == ("Efermi", "kBT", "concentration", "i", "l", "s")
        assert dataset["impurity_lifetime"].dims == ("Efermi", "kBT", "concentration")
        assert dataset["conserved"].dims == ("Efermi", "kBT", "i", "l", "s")
        assert dataset["concentration"].values.tolist() == CONCENTRATIONS
        assert dataset["concentration"].attrs == {"units": "1", "long_name": "fraction of cells with the impurity"}
        names = dataset["impurity_total"].attrs["sum_of"].split()
        assert names == ["berry", *(f"impurity_{part}" for part in ADDED)]
        close(sum(dataset[name] for name in names).transpose(*dataset["impurity_total"].dims), dataset["impurity_total"], 1e-13)


class TestQuantities:
    """Entries of the catalogue."""

    def test_need_impurities(self, system):
        for name, entry in IMPURITIES.items():
            assert entry.needs_impurities and CATALOGUE[name] is entry
            with pytest.raises(InputError, match="^disorder: expected what scatters"):
                wb_conserved.run(system, 2, {name: entry.calculator([0.0], kBT=0.5)})

    def test_only_in_our_run(self, system, tmp_path):
        calculators = impurity_calculators(impurity(0.1), [0.0], kBT=0.5, names=["impurity_drift"])
        grid = wb_conserved.regular_grid(system, (2, 2, 1))
        with pytest.raises(TypeError, match="ImpurityDrift: expected wb_conserved.run"):
            wannierberri.run(system, grid, calculators, parallel=False, fout_name=str(tmp_path / "r"))

    def test_full_mesh(self, platinum):
        import copy

        system = copy.copy(platinum)
        system.set_pointgroup(["Inversion"])
        calculators = impurity_calculators(Impurity(1.0, 0.1, orbitals=[0]), [18.0], kBT=0.5, names=["impurity_drift"])
        with pytest.raises(ValueError, match="the full k mesh without symmetrisation for impurities, which need not have"):
            wb_conserved.run(system, 2, calculators, check_symmetry=False)

    def test_a_mesh_that_is_refined(self, system):
        calculators = impurity_calculators(impurity(0.1), [0.0], **OPTIONS)
        with pytest.raises(InputError, match="^adpt_num_iter: expected 0 with impurities"):
            wb_conserved.run(system, MESH, calculators, adpt_num_iter=1)

    def test_states_that_a_sample_leaves_unscattered(self):
        """Refused, but not where the sums are those of a sample, from which a run is estimated."""
        (system, rings), space = rashba(1.0), {"degen_thresh": 1e-6, "degen_Kramers": False}
        (solver,) = Disorder(Impurity(0.5, 0.01)).solvers(system, Scan(np.array([1.0]), 0.2), 0.1, space)
        second = solver.requirements(system)["before"]
        (first,) = second.requirements(system).values()
        points = rings[0][0]
        here, there = states_at(system, points[:1]), states_at(system, 1.3 * points[:1])
        found = {"before": first.finalize(first.accumulate(here), system)}
        second.with_results(found, provisional=True).accumulate(there)
        with pytest.raises(InputError, match="^extra_rate: "):
            second.with_results(found).accumulate(there)

    def test_all_components(self):
        """Of the solution of one equation."""
        with pytest.raises(InputError, match="compute_components: expected none for what impurities make"):
            IMPURITIES["impurity_drift"].calculator([1.0], kBT=0.1, compute_components=["xyz"])

    def test_means_over_no_states(self):
        """Nothing, rather than a number, where the level is in a gap; currents vanish."""
        levels, along_y = [0.0, 3.0], -0.4 * PAULI[2] - 0.3j * PAULI[1]
        H = {(0, 0, 0): 3.0 * PAULI[2], (1, 0, 0): -0.5 * PAULI[2] - 0.3j * PAULI[0], (0, 1, 0): along_y}
        system = lattice_system(np.diag([1.0, 1.0, 9.0]), H, np.moveaxis(PAULI, 0, -1), periodic=(True, True, False))
        found = impurity_response(system, [12, 12, 1], Impurity(0.4, 0.05), levels, width=0.3, degen_thresh=1e-6)
        for name in ("impurity_lifetime", "impurity_mean_free_path", "impurity_resistivity"):
            assert np.isnan(found.results[name].data[0]) and found.results[name].data[1] > 0
        angle = found.results["hall_angle"].data
        assert np.isnan(angle[0, :2, :2]).all() and np.isfinite(angle[1, :2, :2]).all() and not angle[:, :, 2].any()
        for part in ADDED:
            assert not found.results[f"impurity_{part}"].data[0].any()
        assert "nan" in format_table(found.to_dataset(), 0.0)

    def test_sheet_resistance(self, system):
        """Ω for each percent in two dimensions."""
        found = impurity_response(system, MESH, impurity(0.02), [0.5], **OPTIONS)
        sigma = found.results["impurity_charge"].data[0, :2, :2]
        expected = np.trace(np.linalg.inv(0.5 * (sigma + sigma.T))) / 2 / 2.0
        assert found.results["impurity_resistivity"].data[0] == pytest.approx(expected, rel=1e-10)
        assert found.to_dataset()["impurity_resistivity"].attrs["units"] == "Ω per percent"

    def test_width_of_the_fermi_surface(self, system):
        """It is that of the shells at zero temperature."""
        disorder = Disorder(impurity(0.02), extra_rate=0.05)
        kind = CATALOGUE["impurity_total"].calculator
        given = kind([0.5], disorder=disorder, fermi_surface_width=0.8, degen_thresh=1e-6)
        found = wb_conserved.run(system, MESH, {"σ": given}, **SERIAL).results["σ"].data
        expected = impurity_response(system, MESH, impurity(0.02), [0.5], **OPTIONS).results["impurity_total"].data
        np.testing.assert_array_equal(found, expected)
        assert kind([0.0, 0.1, 0.2], disorder=disorder).shell_width == pytest.approx(0.1)
        assert kind([0.0], kBT=[0.3, 0.1], disorder=disorder).shell_width == pytest.approx(0.05)
        with pytest.raises(InputError, match="^width: expected a number > 0 .eV. with tetrahedra"):
            kind([0.0], disorder=disorder, tetra=True)


class TestOrigin:
    """e∫f ∂_l s per Å: what the side jump gains where the impurity's origin is moved, see test_disorder_lattice."""

    def origin(self, system, mesh, levels, **options):
        calculator = OriginDependence(levels, degen_thresh=1e-6, **options)
        return wb_conserved.run(system, mesh, {"x": calculator}, **SERIAL).results["x"].data

    def test_is_the_spin_of_the_shell(self):
        """In the units of the side jump."""
        system, mesh, axis = chiral_lattice(), [24, 24, 1], EnergyAxis(-2.5, 0.5, 4)
        found = impurity_response(system, mesh, Impurity(0.5, 0.01), axis.energies, width=0.5, degen_thresh=1e-6)
        area = np.linalg.norm(np.cross(*system.real_lattice[:2]))
        boxes = self.origin(system, mesh, [-1.0], kBT=0.3)[0]
        wide = EnergyAxis(-8.0, 0.05, 281)
        weights = wide.surface_weights(np.array([-1.0]), 0.3)[0]
        expected = -CONDUCTANCE / area * 1e8**0 * np.tensordot(weights, shell_spin(system, mesh, wide), axes=1)
        close(boxes, expected, 2e-3)
        assert np.abs(expected).max() > 1e-3 * CONDUCTANCE
        dataset = found.to_dataset()
        assert dataset["impurity_origin"].dims == ("Efermi", "l", "s")
        assert dataset["impurity_origin"].attrs["units"] == "(ħ/|e|) S / Å"
        (line,) = [line for line in format_table(dataset, -1.0).splitlines() if line.startswith("∂σ_sj ")]
        assert "change of σ_sj along i per Å that the impurity's origin moves along i" in line

    def test_moves_the_side_jump(self, monkeypatch):
        """By r_0^i times it, in Born order."""
        from wb_conserved.disorder import settings

        system, mesh, shift = chiral_lattice(), [24, 24, 1], np.array([0.3, -0.7, 0.0])
        options = {"width": 0.1, "degen_thresh": 1e-6, "scattering": "born", "kBT": 0.3}
        here = impurity_response(system, mesh, Impurity(0.5, 0.01), [-1.0], **options).results
        problem = settings._Template.problem

        def moved(self, scan, fractions):
            from dataclasses import replace

            found = problem(self, scan, fractions)
            return replace(found, origins=found.origins + shift)

        monkeypatch.setattr(settings._Template, "problem", moved)
        there = impurity_response(system, mesh, Impurity(0.5, 0.01), [-1.0], **options).results
        difference = there["impurity_side_jump"].data - here["impurity_side_jump"].data  # level i l s
        expected = shift[:, None, None] * here["impurity_origin"].data[:, None]
        assert np.abs(expected).max() > 0.01 * np.abs(here["impurity_side_jump"].data).max()
        close(difference, expected, 5e-3)  # shells have a width
        close(there["impurity_total"].data - here["impurity_total"].data, difference, 1e-9)

    def test_vanishes_with_inversion(self, platinum):
        found = self.origin(platinum, 4, [18.0], kBT=0.3)
        drift = wb_conserved.run(platinum, 4, {"x": static.DriftSpinConductivity([18.0], kBT=0.3, operator="identity")})
        assert np.abs(found).max() < 1e-9 * np.abs(drift.results["x"].data).max()

    def test_vanishes_where_spin_is_conserved(self):
        """Bands of each spin without inversion: the integral over a period."""
        along_x, along_y = -np.eye(2) + 0.3j * PAULI[2], -0.8 * np.eye(2) + 0.2j * PAULI[2]
        H = {(0, 0, 0): 0.37 * PAULI[2], (1, 0, 0): along_x, (0, 1, 0): along_y, (1, 1, 0): 0.1j * np.eye(2)}
        system = lattice_system(np.diag([1.0, 1.0, 9.0]), H, np.moveaxis(PAULI, 0, -1), periodic=(True, True, False))
        found = self.origin(system, [60, 60, 1], [-0.7], kBT=0.6)
        chiral = self.origin(chiral_lattice(), [60, 60, 1], [-0.7], kBT=0.6)
        assert np.abs(found).max() < 1e-6 * np.abs(chiral).max()


class TestWidths:
    """Series of widths."""

    def test_series(self, system):
        widths = [0.8, 0.6, 0.4]
        calculators = impurity_calculators(impurity([0.02, 0.1]), [0.5], **OPTIONS)
        series = wb_conserved.width_convergence(system, MESH, calculators, widths, **SERIAL)
        assert set(series.values) == set(IMPURITIES)
        for number, width in enumerate(widths):
            alone = impurity_response(system, MESH, impurity([0.02, 0.1]), [0.5], **OPTIONS | {"width": width}).results
            for name in IMPURITIES:
                np.testing.assert_array_equal(series.values[name][number], alone[name].data, err_msg=name)
        dataset = series.to_dataset()
        assert dataset["impurity_total"].dims == ("width", "Efermi", "concentration", "i", "l", "s")
        lines = format_convergence(dataset, 0.5, ["xyz"]).splitlines()
        assert sum(line.startswith("width/eV ") for line in lines) == 2 * 7  # concentrations, groups
        assert {line.split("  ")[0] for line in lines} >= {"width → 0", "± error", "value from", "c = 2 %", "c = 10 %"}

    def test_with_a_number_of_electrons(self, system):
        calculators = impurity_calculators(impurity(0.1), Electrons(1.3), kBT=[0.5, 0.6], **OPTIONS)
        series = wb_conserved.width_convergence(system, MESH, calculators, [0.8, 0.6, 0.4], **SERIAL)
        alone = impurity_response(system, MESH, impurity(0.1), Electrons(1.3), kBT=[0.5, 0.6], **OPTIONS | {"width": 0.4})
        assert series.runs[-1].calculators["impurity_total"].parameters()["shell_width_eV"] == 0.4
        for name in IMPURITIES:
            np.testing.assert_array_equal(series.values[name][-1], alone.results[name].data, err_msg=name)
        mu = alone.to_dataset()["mu"].values
        for place, kBT in enumerate([0.5, 0.6]):
            given = impurity_response(system, MESH, impurity(0.1), mu[place], kBT=kBT, **OPTIONS | {"width": 0.4}).results
            for name in IMPURITIES:
                close(alone.results[name].data[place], given[name].data[0], 1e-6, name)

    def test_a_law_in_the_width(self):
        """Square lattice: a smooth density of states has errors ∝ width², which the series finds."""
        hoppings = {(0, 0, 0): [[0.0]], (1, 0, 0): [[-1.0]], (0, 1, 0): [[-1.0]]}
        system = lattice_system(np.diag([1.0, 1.0, 10.0]), hoppings, periodic=(True, True, False))
        calculators = impurity_calculators(
            Impurity(0.6, 0.05), [-1.5], names=["impurity_charge"], width=1.0, kBT=0.1, scattering="born", operator="identity",
            degen_thresh=1e-6,
        )  # fmt: skip
        found = wb_conserved.width_convergence(system, [150, 150, 1], calculators, [0.5, 0.4, 0.3], **SERIAL)
        narrow = impurity_response(
            system, [300, 300, 1], Impurity(0.6, 0.05), [-1.5], width=0.05, kBT=0.1, scattering="born", operator="identity",
            degen_thresh=1e-6,
        ).results["impurity_charge"].data[0, 0, 0]  # fmt: skip
        place = (0, 0, 0)
        assert found.follows_law["impurity_charge"][place]
        distance = abs(found.extrapolated["impurity_charge"][place] - narrow)
        assert distance < found.error["impurity_charge"][place]
        assert distance < 0.3 * abs(found.values["impurity_charge"][-1][place] - narrow)

    @pytest.mark.parametrize("widths", [[0.3, 0.2], [0.1, 0.2, 0.3], [0.3, 0.2, 0.0], 0.1, ["a", "b", "c"]])
    def test_refused(self, system, widths):
        calculators = impurity_calculators(impurity(0.1), [0.5], **OPTIONS)
        with pytest.raises(InputError, match="^widths: expected a list of at least three numbers > 0"):
            wb_conserved.width_convergence(system, MESH, calculators, widths)

    def test_of_others(self, system):
        with pytest.raises(InputError, match="^widths: expected calculators with energy shells, those of impurities; found σ"):
            wb_conserved.width_convergence(system, MESH, {"σ": static.BerrySpinConductivity([0.0])}, [0.3, 0.2, 0.1])


def test_mesh_series(system):
    """With the calculators of a response."""
    calculators = impurity_calculators(impurity(0.1), [0.5], **OPTIONS)
    series = wb_conserved.convergence(system, [4, 5, 6], calculators, **SERIAL)
    alone = impurity_response(system, 6, impurity(0.1), [0.5], **OPTIONS)
    assert set(series.values) == set(WITH_IMPURITIES)
    np.testing.assert_array_equal(series.values["impurity_total"][-1], alone.results["impurity_total"].data)


@pytest.fixture(scope="module")
def dataset():
    """Several levels and concentrations."""
    W = Impurity(0.5 * np.eye(2) + 0.2 * PAULI[0], CONCENTRATIONS)
    levels = np.linspace(-3, -1, 5)
    return impurity_response(chiral_lattice(), [12, 12, 1], W, levels, width=0.4, degen_thresh=1e-6).to_dataset()


class TestPictures:
    """Parts and totals, on their own and in files."""

    @pytest.fixture(autouse=True)
    def _matplotlib(self):
        pytest.importorskip("matplotlib")

    def test_files(self, dataset, tmp_path):
        written = write_results(dataset, tmp_path, level=-2.0, pictures=True)
        names = [path.name for path in written]
        texts = ["result.nc", "result.csv", "result_wide.csv", "result.toml", "cite.bib"]
        assert names == [*texts, "scan.png", "parts.png", "concentrations.png"]
        with xarray.open_dataset(tmp_path / "result.nc") as read:
            xarray.testing.assert_equal(read, dataset)

    def test_curves(self, dataset, monkeypatch, tmp_path):
        """In each panel of a family the total, its parts and the clean response; nothing of them among the others."""
        drawn, figure = [], []
        from matplotlib.figure import Figure

        monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figure.append(self))

        def labels():
            (last,) = figure
            figure.clear()
            texts = [[line.get_label() for line in axes.get_lines() if line.get_label()[0] != "_"] for axes in last.axes]
            drawn.append([panel for panel in texts if panel])
            return drawn[-1]

        plot_parts(dataset, tmp_path / "a.png", -2.0, ["xyz", "xxx"])
        parts = labels()
        assert [len(panel) for panel in parts] == [7, 7]  # named once for both components
        assert parts[0][0].startswith(r"$\sigma_{\mathrm{total}}$") and parts[0][-1].startswith(r"$\sigma_{\mathrm{B}}$")
        plot_scan(dataset, tmp_path / "a.png", -2.0, None)
        others = [text for panel in labels() for text in panel]
        assert not any("total}" in text or "∂" in text for text in others) and len(others) == 4 + 5
        plot_concentrations(dataset, tmp_path / "a.png", -2.0, None)
        found = next(axes for axes in figure[0].axes if r"|$\sigma^{\,z}_{xy}$|" in axes.get_ylabel())
        assert found.get_xscale() == found.get_yscale() == "log"
        line = found.get_lines()[0]
        np.testing.assert_allclose(line.get_xdata(), 100 * np.sort(CONCENTRATIONS))
        values = dataset["impurity_total"].sel(Efermi=-2.0, i="x", l="y", s="z").sortby("concentration")
        np.testing.assert_allclose(line.get_ydata(), np.abs(values))
        signs = []
        for full, empty in zip(found.get_lines()[::2], found.get_lines()[1::2], strict=True):  # of each quantity
            assert empty.get_markerfacecolor() == "white"
            negative = np.isfinite(empty.get_ydata())
            np.testing.assert_array_equal(empty.get_ydata()[negative], full.get_ydata()[negative])
            signs.append(negative.all())
        shown = dataset.sel(Efermi=-2.0, i="x", l="y", s="z").isel(concentration=0)
        names = [name for name in IMPURITIES if dataset[name].attrs.get("family", "").startswith("conserved")]
        assert signs == [float(shown[name]) < 0 for name in [*names, "berry"]] and any(signs) and not all(signs)

    def test_components_that_differ(self, dataset):
        first = dataset.isel(concentration=0, drop=True)
        families = [group for group in groups(first) if group.family]
        found = distinct(first, families)
        assert len(families) == 2 and found[0] == families[0].shown and len(set(found)) == len(found) == 3
        turned = first.copy(data={name: -variable.values for name, variable in first.data_vars.items()})
        assert distinct(turned, families) == found
        equal = first.copy(data={name: np.zeros(variable.shape) for name, variable in first.data_vars.items()})
        equal["impurity_total"][:, 0, 1, 2], equal["impurity_total"][:, 1, 0, 2] = 1.0, -1.0  # antisymmetric
        assert distinct(equal, [group for group in groups(equal) if group.family]) == ["xyz"]

    def test_findings(self, dataset):
        lines = format_findings(dataset).splitlines()
        assert len(lines) == 1 + len(Disorder.limits)
        assert lines[0].startswith("residuals particles ") and "optical theorem" in lines[0]
        assert format_findings(xarray.Dataset(dataset.data_vars)) == ""
