"""Frequency and broadening: static limits, WannierBerri, postw90, identities."""

import lzma
import shutil
import subprocess

import numpy as np
import pytest
import wannierberri
from click.testing import CliRunner
from data_folder import DATA
from processes import LIMIT
from reference import groups_of
from test_geometry import band_geometry, random_kpoints
from wannierberri.calculators import dynamic as wannierberri_dynamic

import wb_conserved
from wb_conserved import InputError, geometry
from wb_conserved.calculators import static
from wb_conserved.calculators.dynamic import (
    DynamicConventionalSpinConductivity as Conventional,
)
from wb_conserved.calculators.dynamic import (
    DynamicKuboConservedSpinConductivity as Kubo,
)
from wb_conserved.cli import main
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.models import random_model

OPTIONS = {"Efermi": [-0.5, 0.3], "kBT": 0.2, "degen_thresh": 1e-6}


def run(system, mesh, calculators, **options):
    return {name: result.data for name, result in wb_conserved.run(system, mesh, calculators, **options).results.items()}


class TestLimits:
    """ω → 0 and η → 0."""

    @pytest.mark.parametrize("threshold", [1e-6, 0.8])
    def test_static(self, threshold):
        system, options = random_model(kramers=threshold == 1e-6), OPTIONS | {"degen_thresh": threshold}
        kinds = {"conv": static.ConventionalSpinConductivity, "K": static.KuboConservedSpinConductivity}
        calculators = {name: kind(**options) for name, kind in kinds.items()}
        for name, kind in (("conv", Conventional), ("K", Kubo)):
            calculators[f"{name} 0"] = kind(**options, omega=[0.0], eta=0.0)
            calculators[f"{name} small"] = kind(**options, omega=[3e-7], eta=2e-7)
            calculators[f"{name} odd"] = kind(**options, omega=[0.0], eta=0.0, reversal="odd")
        found = run(system, 4, calculators)
        for name in ("conv", "K"):
            scale = np.abs(found[name]).max()
            assert found[f"{name} 0"].dtype == complex and found[f"{name} 0"].shape == (2, 1, 3, 3, 3)
            for limit in ("0", "small"):
                np.testing.assert_allclose(found[f"{name} {limit}"][:, 0], found[name], rtol=0, atol=1e-8 * scale)
            np.testing.assert_array_equal(found[f"{name} odd"], 0)

    def test_high_frequency_and_broadening(self):
        """Both fall off as 1/w²."""
        for kind in (Conventional, Kubo):
            found = run(random_model(), 3, {"σ": kind(**OPTIONS, omega=[3e3, 6e3], eta=0.0)})["σ"]
            np.testing.assert_allclose(found[:, 0], 4 * found[:, 1], rtol=0, atol=1e-4 * np.abs(found).max())


class TestIdentity:
    """For s = 1 both currents are that of the charge."""

    @pytest.mark.parametrize("reversal", ["even", "odd"])
    def test_conserved_is_conventional(self, reversal):
        options = OPTIONS | {"omega": [0.0, 0.7, 2.0], "eta": 0.1, "operator": "identity", "reversal": reversal}
        found = run(random_model(), 4, {"conv": Conventional(**options), "K": Kubo(**options)})
        scale = np.abs(found["conv"]).max()
        assert scale > 1
        np.testing.assert_allclose(found["K"], found["conv"], rtol=0, atol=1e-9 * scale)

    def test_optical_conductivity(self, iron, tmp_path):
        """Both parts together are WannierBerri's ``OpticalConductivity`` over the charge −1 of an electron."""
        omega, eta, level = np.linspace(0.0, 4.0, 5), 0.1, np.array([17.4])
        options = {"Efermi": level, "kBT": 0.05, "degen_thresh": 1e-4, "omega": omega, "eta": eta, "operator": "identity"}
        calculators = {part: Conventional(**options, reversal=part) for part in ("even", "odd")}
        calculators["theirs"] = wannierberri_dynamic.OpticalConductivity(
            Efermi=level, omega=omega, kBT=0.05, smr_fixed_width=eta, degen_thresh=1e-4
        )
        grid = wb_conserved.regular_grid(iron, 3)
        found = wannierberri.run(iron, grid, calculators, parallel=False, fout_name=str(tmp_path / "r")).results
        theirs = found["theirs"].data / 100
        ours = -(found["even"].data + found["odd"].data)
        assert np.abs(found["odd"].data.real).max() > 100 and np.abs(found["even"].data).max() > 10
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8 * np.abs(theirs).max())


class TestOtherCodes:
    """WannierBerri and postw90."""

    @pytest.mark.parametrize("current", ["projected", "qiao"])
    def test_dynamic_shc(self, current, tmp_path):
        system = wb_conserved.load_system(DATA / "pt" / "Pt", spin_current=current)
        omega, eta, levels = np.linspace(0.0, 6.0, 7), 0.1, np.array([17.5, 18.1])
        calculators = {
            "ours": Conventional(levels, kBT=0.05, degen_thresh=1e-4, omega=omega, eta=eta, spin_current=current),
            "theirs": wannierberri_dynamic.SHC(
                Efermi=levels, omega=omega, kBT=0.05, smr_fixed_width=eta, degen_thresh=1e-4,
                SHC_type="simple" if current == "projected" else current,
            ),
        }  # fmt: skip
        grid = wb_conserved.regular_grid(system, 3)
        found = wannierberri.run(system, grid, calculators, parallel=False, fout_name=str(tmp_path / "r")).results
        theirs = found["theirs"].data / 100
        scale = np.abs(theirs).max()
        assert scale > 100 and np.abs(theirs.imag).max() > 0.1 * scale
        np.testing.assert_allclose(found["ours"].data, theirs, rtol=0, atol=1e-8 * scale)

    @pytest.mark.postw90
    @pytest.mark.skipif(shutil.which("postw90.x") is None, reason="postw90.x is not installed (package wannier90)")
    def test_postw90(self, tmp_path):
        """σ^z_xy over frequencies with a fixed width, Qiao's current as there."""
        mesh, eta, level = 6, 0.1, 18.0874
        for suffix in ("chk", "eig", "mmn", "spn"):
            with lzma.open(DATA / "pt" / f"Pt.{suffix}.xz") as packed:
                (tmp_path / f"Pt.{suffix}").write_bytes(packed.read())
        settings = f"""
berry = true
berry_task = shc
berry_kmesh = {mesh}
shc_freq_scan = true
shc_alpha = 1
shc_beta = 2
shc_gamma = 3
fermi_energy = {level}
kubo_freq_min = 0.0
kubo_freq_max = 6.0
kubo_freq_step = 0.5
kubo_adpt_smr = false
kubo_smr_fixed_en_width = {eta}
kubo_eigval_max = 1000.0
"""  # which leaves out bands far above the frozen window otherwise
        (tmp_path / "Pt.win").write_text((DATA / "pt" / "Pt.win").read_text() + settings)
        subprocess.run(["postw90.x", "Pt"], cwd=tmp_path, check=True, capture_output=True, timeout=LIMIT)
        table = np.loadtxt(tmp_path / "Pt-shc-freqscan.dat", comments="#")
        omega, theirs = table[:, 1], table[:, 2] + 1j * table[:, 3]
        system = wb_conserved.load_system(DATA / "pt" / "Pt", spin_current="qiao")
        calculators = {"σ": Conventional([level], degen_thresh=1e-4, omega=omega, eta=eta, spin_current="qiao")}
        ours = run(system, mesh, calculators)["σ"][0, :, 0, 1, 2]
        scale = np.abs(theirs).max()
        assert scale > 1000
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=5e-5 * scale)


class TestFiniteQ:
    """σ_K(ω) against its definition, differentiated numerically, multiplet by multiplet."""

    @pytest.mark.parametrize("kramers", [False, True])
    @pytest.mark.parametrize("part", ["even", "odd"])
    def test_derivative(self, kramers, part):
        system = random_model(kramers=kramers)
        interpolator, to_reduced = WannierInterpolator(system), np.linalg.inv(system.recip_lattice)
        centers, w = system.wannier_centers_cart, 0.9 + 0.3j

        def states(k):
            phases, phase = interpolator.phases(k[None] @ to_reduced), np.exp(1j * centers @ k)
            H = phase.conj()[:, None] * interpolator(phases, "Ham")[0] * phase
            dH = phase.conj()[:, None, None] * interpolator(phases, "∂Ham")[0] * phase
            return *np.linalg.eigh(H), np.moveaxis(dH, 1, 0)

        k, spins = np.array([0.31, -0.52, 1.13]), 0.5 * system.get_R_mat("SS")[system.rvec.iR0]
        g = band_geometry(system, (k @ to_reduced)[None])
        groups = groups_of(g.energies[0], 1e-6)
        label = np.repeat(range(len(groups)), [len(M) for M in groups])
        same = label[:, None] == label[None, :]

        def fermi(energy):
            return 1 / (1 + np.exp((energy - 0.4) / 0.7))

        def response(q, i, which):
            shift = 0.5 * q * np.eye(3)[i]
            (e_minus, minus, dH_minus), (e_plus, plus, dH_plus) = states(k - shift), states(k + shift)
            low, high = (np.array([np.mean(e[same[n]]) for n in range(len(e))]) for e in (e_minus, e_plus))
            s = np.einsum("pn,pqs,qm->snm", minus.conj(), spins, plus)
            v = np.einsum("pm,lpq,qn->lmn", plus.conj(), 0.5 * (dH_minus + dH_plus), minus)
            f_low, f_high = fermi(low) * (label == which), fermi(high) * (label == which)
            weight = np.where(same, 0, (f_low[:, None] - f_high) / (low[:, None] - high + w))
            # the part that is even under time reversal takes i s v → −s v conjugated, with n and m exchanged
            product = np.einsum("snm,lmn->lsnm", s, v)
            return np.einsum("nm,lsnm->ls", weight, product), np.einsum("nm,lsnm->ls", weight, product.conj())

        factors = geometry.frequency_factors(g.multiplets.energies, g.multiplets.same, np.array([w]), part)
        sea, surface = geometry.dynamic_kubo(g.velocity, g.operator, g.connection, g.mean_velocity, factors, part)
        step = 1e-3
        for which, M in enumerate(groups):
            f = fermi(g.multiplets.energies[0, M[0]])
            slope = -f * (1 - f) / 0.7
            for i in range(3):
                ahead, behind = (response(sign * step, i, which) for sign in (1, -1))
                straight, turned = ((a - b) / (2 * step) for a, b in zip(ahead, behind, strict=True))
                expected = 1j * 0.5 * (straight - turned if part == "even" else straight + turned)
                found = f * sea[0, M, 0, i].sum(axis=0) - slope * surface[0, M, 0, i].sum(axis=0)
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)
        assert np.abs(sea).max() > 1e-2 and np.abs(surface).max() > 1e-3


def test_parts_behave_oppositely_under_time_reversal(iron_physics):
    """The full mesh equals the reduced one, with the group of the magnet."""
    options = {"Efermi": [17.4], "kBT": 0.1, "degen_thresh": 1e-3, "omega": [0.0, 1.0], "eta": 0.1}
    calculators = {
        (kind.__name__, part): kind(**options, reversal=part) for kind in (Conventional, Kubo) for part in ("even", "odd")
    }
    grid = wannierberri.Grid(iron_physics, NKdiv=4, NKFFT=2)
    full = wb_conserved.run(iron_physics, grid, calculators, use_irred_kpt=False, symmetrize=False)
    reduced = wb_conserved.run(iron_physics, grid, calculators)
    assert reduced.number_of_k_points < full.number_of_k_points
    for key in calculators:
        here, there = full.results[key].data, reduced.results[key].data
        assert np.abs(here).max() > 1
        np.testing.assert_allclose(here, there, rtol=0, atol=1e-2 * np.abs(here).max(), err_msg=str(key))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"omega": [[1.0]]}, "omega: expected a number or several, finite"),
        ({"omega": []}, "omega: expected a number or several"),
        ({"omega": np.nan}, "omega: expected a number or several"),
        ({"eta": -1.0}, "eta: expected a number >= 0"),
        ({"eta": "wide"}, "eta: expected a number >= 0"),
        ({"reversal": "both"}, "reversal: expected 'even' or 'odd'; found 'both'"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Conventional(**OPTIONS, **arguments)


def test_frequency_factors_vanish_inside_multiplets():
    g = band_geometry(random_model(kramers=True), random_kpoints())
    for part in ("even", "odd"):
        for factor in geometry.frequency_factors(g.energies, g.multiplets.same, np.array([0.3 + 0.1j]), part):
            inside = np.moveaxis(factor, 2, -1)[g.multiplets.same]
            assert np.all(inside == 0) and np.all(np.isfinite(factor))


class TestCommand:
    """Input file, table, files and picture."""

    text = f"""
[system]
path = "{DATA / 'pt' / 'Pt'}"
[grid]
mesh = 3
[fermi]
level = 18.0874
[temperature]
kBT = [0.1, 0.2]
[multiplets]
threshold = 0.02
compare = [0.05]
[quantities]
names = ["kubo", "kubo_dynamic", "conventional_dynamic"]
options.kubo_dynamic.omega = [0.0, 1.0, 2.5]
options.conventional_dynamic.omega = [0.0, 1.0, 2.5]
options.conventional_dynamic.eta = 0.2
[output]
folder = "out"
[convergence]
meshes = [2, 3, 4]
"""

    def test_run(self, tmp_path):
        import xarray

        (tmp_path / "in.toml").write_text(self.text)
        done = CliRunner().invoke(main, ["run", str(tmp_path / "in.toml")])
        assert done.exit_code == 0, done.output
        assert {"spectrum.png", "temperatures.png", "scan.png"} <= {path.name for path in (tmp_path / "out").iterdir()}
        rows = [line.split() for line in done.output.splitlines() if line.startswith("2.5 ")]
        with xarray.open_dataset(tmp_path / "out" / "result.nc") as data:
            sigma = data["conventional_dynamic"]
            assert sigma.dims == ("Efermi", "kBT", "omega", "part", "i", "l", "s")
            assert sigma.attrs["broadening_eV"] == 0.2 and sigma["omega"].attrs["units"] == "eV"
            for row, kBT in zip(rows, (0.1, 0.2), strict=True):
                here = sigma.sel(Efermi=18.0874, kBT=kBT, omega=2.5, i="x", l="y", s="z").values
                np.testing.assert_allclose([float(text) for text in row[-2:]], here, rtol=1e-4)

    def test_components_of_fewer_axes_and_parts(self, tmp_path):
        """A component that only quantities without frequencies have does not keep the others from their picture; parts of the
        cell are told apart."""
        pytest.importorskip("matplotlib")
        text = self.text.replace('"kubo", ', '"edelstein", ').replace("compare = [0.05]", "")
        text = text.replace("[output]", 'parts.first = [0, 1]\n[output]\ncomponents = ["xy", "xyz"]')
        (tmp_path / "in.toml").write_text(text)
        done = CliRunner().invoke(main, ["run", str(tmp_path / "in.toml")])
        assert done.exit_code == 0 and "spectrum.png" in done.output, done.output
        for heading in ("χ_first ", "  Re σ_K(ω) xyz  ", "  Re σ_K,first(ω) xyz  ", "  Im σ_conv,first(ω) xyz\n"):
            assert heading in done.output, done.output

    def test_refused_in_a_series_of_meshes_and_refined(self, tmp_path):
        (tmp_path / "in.toml").write_text(self.text)
        done = CliRunner().invoke(main, ["convergence", str(tmp_path / "in.toml")])
        assert done.exit_code == 2 and "quantities without an axis of frequencies" in done.output
        (tmp_path / "in.toml").write_text(self.text.replace("mesh = 3", "mesh = 4\nadpt_num_iter = 1"))
        done = CliRunner().invoke(main, ["run", str(tmp_path / "in.toml")])
        assert done.exit_code == 2 and "[grid] adpt_num_iter: expected 0 with frequencies" in done.output
        (tmp_path / "in.toml").write_text(self.text.replace("eta = 0.2", "eta = -0.2"))
        done = CliRunner().invoke(main, ["run", str(tmp_path / "in.toml")])
        assert done.exit_code == 2 and "options.conventional_dynamic.eta: expected a number >= 0 (eV)" in done.output
