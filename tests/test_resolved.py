"""Results by band and k point, by parts of the cell, and by the strength of the spin-orbit coupling."""

import numpy as np
import pytest
import wannierberri
import xarray
from click.testing import CliRunner
from data_folder import DATA
from wannierberri.calculators.tabulate import TabulatorAll

import wb_conserved
from wb_conserved import InputError
from wb_conserved.calculators import SUMS
from wb_conserved.calculators.density import ConductivityDensity
from wb_conserved.cli import main
from wb_conserved.diagnostics import spin_orbit_scan
from wb_conserved.models import kane_mele, random_model
from wb_conserved.operators import exchange_hamiltonian, spin_orbit_hamiltonian, with_spin_orbit_strength
from wb_conserved.results import plot_density, plot_plane, plot_strengths
from wb_conserved.units import CONDUCTANCE

X, Y, Z = 0, 1, 2


class TestDensity:
    """Density of a conductivity over bands and k points."""

    @pytest.mark.parametrize("quantity", ["kubo", "conserved", "conventional", "proper", "streda", "drift"])
    @pytest.mark.parametrize("kBT", [0.0, 0.2])
    def test_sum_is_the_conductivity(self, quantity, kBT):
        system = random_model()
        options = {"fermi_surface_width": 0.3} if kBT == 0 and "surface" in SUMS[quantity].calculator.occupations else {}
        shared = {"kBT": kBT, "degen_thresh": 1e-6}
        density = ConductivityDensity(quantity=SUMS[quantity].calculator, Efermi=0.3, options=options, **shared)
        calculator = SUMS[quantity].calculator([0.3], **shared, **options)
        found = wb_conserved.run(
            system, 4, {"table": TabulatorAll({"σ": density}, mode="grid"), "σ": calculator},
            use_irred_kpt=False, symmetrize=False,
        ).results  # fmt: skip
        total = found["table"].results["σ"].data.sum(axis=1).mean(axis=0) * calculator.factor(system)
        scale = np.abs(found["σ"].data).max()
        assert scale > 1
        np.testing.assert_allclose(total, found["σ"].data[0], rtol=0, atol=1e-8 * scale)

    def test_symmetry(self, iron_physics):
        """A mesh reduced by symmetry shows the same as the whole one."""
        density = ConductivityDensity(Efermi=17.4, kBT=0.1, degen_thresh=1e-3)
        tables = [
            wb_conserved.run(iron_physics, 4, {"t": TabulatorAll({"σ": density}, mode="grid")}, use_irred_kpt=use).results["t"]
            for use in (False, True)
        ]
        whole, reduced = (table.results["σ"].data.sum(axis=1) for table in tables)
        np.testing.assert_allclose(tables[0].kpoints, tables[1].kpoints, atol=1e-12)
        assert np.abs(whole).max() > 1
        np.testing.assert_allclose(reduced, whole, rtol=0, atol=2e-2 * np.abs(whole).max())

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"quantity": SUMS["number_of_electrons"].calculator}, "quantity: expected the class .*; found Num"),
            ({"quantity": SUMS["kubo_dynamic"].calculator}, "quantity: expected the class of a static conductivity"),
            ({"quantity": "kubo"}, "quantity: expected the class of a static conductivity; found 'kubo'"),
            ({"Efermi": [0.0, 1.0]}, "Efermi: expected one Fermi level and one temperature"),
            ({"kBT": [0.1]}, "Efermi: expected one Fermi level and one temperature"),
            ({"kBT": 0.0}, "fermi_surface_width: expected a number > 0"),
        ],
    )
    def test_refused(self, arguments, message):
        with pytest.raises(InputError, match=message):
            ConductivityDensity(**arguments)

    def test_pictures(self, tmp_path):
        pytest.importorskip("matplotlib")
        system = random_model()
        options = {"Efermi": 0.3, "kBT": 0.1, "degen_thresh": 1e-6}
        tabulators = {name: ConductivityDensity(quantity=SUMS[name].calculator, **options) for name in ("kubo", "conventional")}
        nodes = [[0, 0, 0], [0.5, 0, 0], None, [0, 0, 0.5], [0, 0, 0]]
        path = wannierberri.Path.from_nodes(system, nodes=nodes, labels=["G", "X", "Z", "G"], length=30)
        table = wb_conserved.run(system, path, {"t": TabulatorAll(tabulators, mode="path")}).results["t"]
        figure = plot_density(table, path, ["kubo", "conventional"], "xyz", file=tmp_path / "path.png")
        line = figure.axes[0].lines[0]
        first = len(line.get_ydata())
        np.testing.assert_allclose(line.get_ydata(), table.results["kubo"].data[:first, :, X, Y, Z].sum(axis=1))
        table = wb_conserved.run(system, [4, 5, 1], {"t": TabulatorAll(tabulators, mode="grid")}).results["t"]
        figure = plot_plane(table, "kubo", "xyz", file=tmp_path / "plane.png")
        image = figure.axes[0].images[0].get_array()
        assert image.shape == (5, 4)
        (place,) = (i for i, k in enumerate(table.kpoints) if np.allclose(np.asarray(k) % 1, [0.25, 0.4, 0]))
        assert image[2, 1] == pytest.approx(table.results["kubo"].data[place, :, X, Y, Z].sum())
        for name in ("path.png", "plane.png"):
            assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
        with pytest.raises(ValueError, match="table: expected the k points of a mesh"):
            plot_plane(wb_conserved.run(system, 2, {"t": TabulatorAll(tabulators, mode="grid")}).results["t"], "kubo")


class TestSpinOrbit:
    """The coupling as a term of its own."""

    def test_of_a_model(self):
        """Kane and Mele: what their λ_SO and λ_R multiply."""
        with_coupling, without = kane_mele(spin_orbit=0.3, rashba=0.2, staggered=0.1), kane_mele(spin_orbit=0.0, staggered=0.1)
        coupling = spin_orbit_hamiltonian(with_coupling).matrix.matrix[..., 0]
        index = {tuple(R): i for i, R in enumerate(without.rvec.iRvec.tolist())}
        for R, matrix, part in zip(with_coupling.rvec.iRvec, with_coupling.get_R_mat("Ham"), coupling, strict=True):
            plain = without.get_R_mat("Ham")[index[tuple(R)]] if tuple(R) in index else 0
            np.testing.assert_allclose(matrix - plain, part, atol=1e-14)
        np.testing.assert_allclose(spin_orbit_hamiltonian(without).matrix.matrix, 0, atol=1e-14)
        np.testing.assert_allclose(exchange_hamiltonian(with_coupling).matrix.matrix, 0, atol=1e-14)

    def test_platinum(self, platinum):
        """d functions: ξ L·s, ξ about 0.5 eV; none without, all with it, and what is handed in stays as it is."""
        before = platinum.get_R_mat("Ham").copy()
        coupling = spin_orbit_hamiltonian(platinum).matrix.matrix[platinum.rvec.iR0][:, :, 0]
        d_functions = [i for i, label in enumerate(platinum.function_labels) if label.is_of("d")]
        levels = np.linalg.eigvalsh(coupling[np.ix_(d_functions, d_functions)])
        assert levels.max() - levels.min() == pytest.approx(2.5 * 0.5, rel=0.3)  # ξ (1 + 3/2)
        np.testing.assert_array_equal(with_spin_orbit_strength(platinum, 1.0).get_R_mat("Ham"), before)
        none = with_spin_orbit_strength(platinum, 0.0)
        assert np.abs(spin_orbit_hamiltonian(none).matrix.matrix).max() < 2e-3
        np.testing.assert_array_equal(platinum.get_R_mat("Ham"), before)
        with pytest.raises(InputError, match="strength: expected a finite number"):
            with_spin_orbit_strength(platinum, np.nan)

    def test_scan(self, platinum, tmp_path):
        """No spin Hall effect without coupling; the last one is the run itself."""
        pytest.importorskip("matplotlib")
        calculators = {
            name: SUMS[name].calculator([17.8, 18.0874], kBT=0.1, degen_thresh=0.05) for name in ("kubo", "conventional")
        }
        data = spin_orbit_scan(platinum, 4, calculators, [0.0, 0.5, 1.0])
        assert data["kubo"].dims == ("spin_orbit_strength", "Efermi", "i", "l", "s")
        alone = wb_conserved.run(platinum, 4, calculators).results
        for name in calculators:
            scale = np.abs(alone[name].data).max()
            np.testing.assert_allclose(data[name][-1], alone[name].data, atol=1e-9 * scale)
            assert np.abs(data[name][0]).max() < 0.02 * scale < np.abs(data[name][1]).max()
        plot_strengths(data, tmp_path / "λ.png", 18.0874, ["xyz"])
        assert (tmp_path / "λ.png").read_bytes().startswith(b"\x89PNG")
        with pytest.raises(InputError, match="strengths: expected different numbers"):
            spin_orbit_scan(platinum, 4, calculators, [0.5, 0.5])


class TestCommand:
    """Parts of the cell and strength of the coupling in input files."""

    def run(self, tmp_path, name, system="", quantities="", code=0):
        folder = DATA / {"Te": "te", "Pt": "pt"}[name] / name
        (tmp_path / "in.toml").write_text(
            f"""
[system]
path = "{folder}"
{system}
[grid]
mesh = 3
[fermi]
level = {6.1 if name == "Te" else 18.0874}
[temperature]
kBT = 0.1
[multiplets]
threshold = 0.02
[quantities]
names = ["kubo", "edelstein"]
{quantities}
[output]
folder = "out"
overwrite = true
plot = false
"""
        )
        done = CliRunner().invoke(main, ["run", str(tmp_path / "in.toml")])
        assert done.exit_code == code, done.output
        if code:
            return done.output
        with xarray.open_dataset(tmp_path / "out" / "result.nc") as data:
            return data.load()

    def test_atoms(self, tmp_path):
        data = self.run(tmp_path, "Te", quantities='parts = "atoms"')
        for name in ("kubo", "edelstein"):
            parts = [data[f"{name}_Te_{number}"] for number in (1, 2, 3)]
            scale = float(abs(data[name]).max())
            assert min(float(abs(part).max()) for part in parts) > 0.05 * scale > 0
            np.testing.assert_allclose(sum(part.values for part in parts), data[name].values, atol=1e-9 * scale)

    def test_lists(self, tmp_path):
        data = self.run(tmp_path, "Te", quantities="parts.one = [0, 1, 2]\nparts.all = ['Te']")
        np.testing.assert_allclose(data["kubo_all"], data["kubo"], atol=1e-9 * float(abs(data["kubo"]).max()))
        assert float(abs(data["kubo_one"] - data["kubo"]).max()) > 1
        assert data["kubo_one"].attrs["operator"] == "spin on one"
        for parts, message in (
            ("parts.one = [99]", "members: expected functions from 0 to 23"),
            ("parts.one = ['Pt']", "members: expected labels of atoms, Te"),
            ("parts.one = []", "[quantities] parts"),
            ("parts.'a b' = [1]", "[quantities] parts"),
        ):
            assert message in self.run(tmp_path, "Te", quantities=parts, code=2)

    def test_strength(self, tmp_path):
        full, none = (self.run(tmp_path, "Pt", system=text) for text in ("", "spin_orbit_strength = 0.0"))
        assert float(abs(none["kubo"]).max()) < 0.15 * float(abs(full["kubo"]).max())


def test_units_of_densities():
    density = ConductivityDensity(quantity=SUMS["conventional"].calculator)
    assert density.long_name == "density of conventional spin conductivity"
    assert CONDUCTANCE == pytest.approx(2.434135e-4, rel=1e-6)
