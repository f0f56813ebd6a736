"""Every published definition of the spin Hall current, in one run, against exact results."""

import numpy as np
import pytest
import wannierberri
from click.testing import CliRunner
from data_folder import DATA
from test_geometry import band_geometry, random_kpoints

import wb_conserved
from wb_conserved import load_system
from wb_conserved.calculators import SETS, SUMS, static
from wb_conserved.calculators.band_geometry import BandGeometry
from wb_conserved.cli import main
from wb_conserved.interpolation.batches import ProvidedBatch
from wb_conserved.models import bhz, heavy_holes, kane_mele, luttinger_holes, random_model
from wb_conserved.operators import SPIN
from wb_conserved.units import BOHR_MAGNETON_AREA, CONDUCTANCE

X, Y, Z = 0, 1, 2
UNIT = 1 / (8 * np.pi)
LEVI_CIVITA = np.array([[[(i - l) * (l - s) * (s - i) / 2 for s in range(3)] for l in range(3)] for i in range(3)])


def definitions(system, level, mesh, kBT, **options):
    """Tensors [i, l, s] of all definitions, in units of e (ħ = 1)."""
    options = {"degen_thresh": 1e-6} | options
    calculators = {name: SUMS[name].calculator([level], kBT=kBT, **options) for name in SETS["definitions"]}
    unit = -CONDUCTANCE * 1e8 ** (int(np.sum(system.periodic)) - 2)
    results = wb_conserved.run(system, mesh, calculators).results
    return {name: result.data[0] / unit for name, result in results.items()}


def of_kp(system, k):
    """Band geometry of a k·p model at one Cartesian k point."""
    reduced = np.atleast_2d(k) @ np.linalg.inv(system.recip_lattice)
    data_K = system.data_k_class(system, k_list=reduced, grid=wannierberri.Grid(system, NK=1, NKFFT=1))
    return BandGeometry(ProvidedBatch(data_K), SPIN, 1e-6, False, external_terms=False)


class TestHeavyHoles:
    """A. Wong and F. Mireles, Phys. Rev. B 81, 085304 (2010)."""

    @pytest.mark.parametrize(
        ("kind", "coupling", "kubo"), [("rashba", 0.02, -9.058), ("rashba", 0.05, -9.384), ("dresselhaus", 0.02, None)]
    )
    def test_published_values(self, kind, coupling, kubo):
        winding = 3 if kind == "rashba" else 1
        system = heavy_holes(coupling=coupling, kind=kind, half_width=2.2)
        found = {name: values[X, Y, Z] / UNIT for name, values in definitions(system, 1.0, [240, 240, 1], 0.02).items()}
        assert found["conserved"] == pytest.approx(-3 * winding, abs=2e-3)
        if kubo is not None:
            assert found["kubo"] == pytest.approx(kubo, abs=2e-3)
        else:
            assert found["kubo"] == pytest.approx(-3, abs=0.05)
        assert found["conventional"] == pytest.approx(3 * winding, rel=0.05)
        assert abs(found["berry"]) < 1e-9 and abs(found["proper"]) < 1e-9

    @pytest.mark.parametrize("kind", ["rashba", "dresselhaus"])
    def test_derivative_and_refusal(self, kind):
        system, k, step = heavy_holes(coupling=0.3, kind=kind), random_kpoints(4) - 0.5, 1e-5
        for a in range(3):
            shift = step * np.eye(3)[a]
            difference = (system.hamiltonian(k + shift) - system.hamiltonian(k - shift)) / (2 * step)
            np.testing.assert_allclose(system.derivative(k)[..., a], difference, atol=1e-9)
        with pytest.raises(wb_conserved.InputError, match="kind: expected one of rashba, dresselhaus; found 'linear'"):
            heavy_holes(kind="linear")


class TestLuttinger:
    """Spherical Luttinger holes of germanium: the closed forms that the model states."""

    gamma1, gamma, level = 13.38, 4.97, 0.01

    @property
    def fermi(self):
        """k_H and k_L, 1/Å."""
        return [np.sqrt(self.level / BOHR_MAGNETON_AREA / (self.gamma1 - sign * 2 * self.gamma)) for sign in (1, -1)]

    @property
    def exact(self):
        """In units of e/12π², 1/Å."""
        (heavy, light), r = self.fermi, self.gamma1 / self.gamma
        return {
            "berry": 3 * heavy - light, "proper": heavy - 3 * light, "conserved": 2 * (heavy - light),
            "conventional": (r + 2) * (heavy - light), "kubo": heavy + light - 2 * (r - 1) * (heavy - light),
        }  # fmt: skip

    def test_by_quadrature(self):
        """At k points on both Fermi spheres, integrals over radius and direction done: X/k² gives X k_F/2π², v/k on the Fermi
        surface k_F/2π²."""
        system = luttinger_holes(self.gamma1, self.gamma)
        direction = np.array([0.48, -0.6, 0.64])
        found = dict.fromkeys(self.exact, 0.0)
        for band, k in ((slice(0, 2), self.fermi[0]), (slice(2, 4), self.fermi[1])):
            g = of_kp(system, k * direction)
            assert g.energies[0, band] == pytest.approx([self.level] * 2, rel=1e-12)

            def part(name, g=g, band=band, k=k):
                tensor = getattr(g, name)[0, band].sum(axis=0)
                return 6 * k**3 * np.einsum("ils,ils->", tensor, LEVI_CIVITA) / 6

            speed = np.linalg.norm(g.mean_velocity[0, band][0])
            found["berry"] += part("berry_curvature_times_operator")
            found["proper"] += part("proper_curvature")
            found["conventional"] += part("operator_berry_curvature")
            found["conserved"] += part("berry_curvature_times_operator") + part("dipole_velocity") / (k * speed)
            found["kubo"] += part("kubo_sea") + part("kubo_surface") / (k * speed)
        for name, value in self.exact.items():
            assert found[name] == pytest.approx(value, rel=1e-9), name

    def test_on_a_mesh(self):
        """What is left out around k = 0, where all four bands meet, is of order 1/N: extrapolated."""
        system = luttinger_holes(self.gamma1, self.gamma, half_width=0.075)
        coarse, fine = (definitions(system, self.level, mesh, 0.0012) for mesh in (22, 44))
        for name, value in self.exact.items():
            found = 12 * np.pi**2 * (2 * fine[name] - coarse[name])
            assert found[X, Y, Z] == pytest.approx(value, abs=0.02 * self.exact["conventional"]), name
            np.testing.assert_allclose(found, found[X, Y, Z] * LEVI_CIVITA, atol=1e-9)

    def test_published_range(self):
        """σ_P in e/nm, against the axis of the published figure, ±1.5e-3 (J. H. Cullen et al., arXiv 2509.20436)."""
        published = 1.5e-3
        per_nm = 10 * self.exact["proper"] / (12 * np.pi**2)  # of holes at 10 meV
        assert -published < per_nm < 0
        assert per_nm == pytest.approx(-3.6e-4, rel=0.02)


class TestBrokenConservation:
    """Quantised where s_z is conserved; the correction is quadratic in what breaks that."""

    @pytest.mark.parametrize(
        ("make", "threshold", "sign"),
        [(lambda x: kane_mele(spin_orbit=0.3, rashba=x), 0.6, 1), (lambda x: bhz(mixing=x), 0.6, -1)],
        ids=["Kane-Mele", "BHZ"],
    )
    def test_quadratic(self, make, threshold, sign):
        strengths = [0.02, 0.04]
        clean, *broken = (definitions(make(x), 0.0, [30, 30, 1], 0.01, degen_thresh=threshold) for x in (0.0, *strengths))
        for name, exact in clean.items():
            assert 2 * np.pi * exact[X, Y, Z] == pytest.approx(sign, abs=1e-6), name
            change = [abs(values[name][X, Y, Z] - exact[X, Y, Z]) for values in broken]
            assert change[0] > 1e-6
            assert np.log2(change[1] / change[0]) == pytest.approx(2, abs=0.02), name


def test_filled_bands():
    """All bands filled: σ_B = −σ_P, neither of which vanishes, and σ_conv = σ_K = 0."""
    g = band_geometry(random_model(dimension=2, seed=5), random_kpoints() * [1, 1, 0], 1e-6)
    berry, proper = (getattr(g, name).sum(axis=1) for name in ("berry_curvature_times_operator", "proper_curvature"))
    assert np.abs(berry).max() > 1e-2
    np.testing.assert_allclose(berry, -proper, rtol=0, atol=1e-10 * np.abs(berry).max())
    found = definitions(random_model(dimension=2, seed=5), 100.0, [6, 6, 1], 0.1)
    scale = np.abs(found["berry"]).max()
    assert scale > 1e-3
    np.testing.assert_allclose(found["berry"], -found["proper"], atol=1e-9 * scale)
    for name in ("conventional", "kubo"):
        np.testing.assert_allclose(found[name], 0, atol=1e-9 * scale)


class TestOneRun:
    """All definitions of real data from one input file."""

    def test_command(self, tmp_path):
        (tmp_path / "in.toml").write_text(
            f"""
[system]
path = "{DATA / 'pt' / 'Pt'}"
spin_current = ["projected", "qiao", "ryoo"]
[grid]
mesh = 4
[fermi]
level = 18.0874
window = [-1.0, 1.0]
points = 21
[temperature]
kBT = 0.05
[multiplets]
threshold = 0.02
[quantities]
names = ["definitions"]
[output]
folder = "out"
"""
        )
        done = CliRunner().invoke(main, ["run", str(tmp_path / "in.toml")])
        assert done.exit_code == 0, done.output
        data = wb_conserved.results.existing_results(tmp_path / "out")
        assert "scan.png" in {path.name for path in data}
        table = {line.split()[0]: float(line.split()[-1]) for line in done.output.splitlines() if line.startswith("σ_")}
        assert list(table) == ["σ_K", "σ_in", "σ_conv", "σ_Qiao", "σ_Ryoo", "σ_B", "σ_P"]
        for kind, symbol in (("qiao", "σ_Qiao"), ("ryoo", "σ_Ryoo")):
            system = load_system(DATA / "pt" / "Pt", spin_current=kind)
            calculators = {
                "x": static.ConventionalSpinConductivity([18.0874], kBT=0.05, degen_thresh=0.02, spin_current=kind)
            }
            alone = wb_conserved.run(system, 4, calculators, use_irred_kpt=False, symmetrize=False).results["x"].data
            assert table[symbol] == pytest.approx(alone[0, X, Y, Z], rel=1e-4)
        assert len(set(table.values())) == 7

    def test_refused(self):
        with pytest.raises(wb_conserved.InputError, match="spin_current: expected each kind once"):
            load_system(DATA / "pt" / "Pt", spin_current=["qiao", "qiao"])
        with pytest.raises(wb_conserved.InputError, match="name: expected one that does not stand for several"):
            wb_conserved.calculators.register("definitions", static.BerrySpinConductivity)
