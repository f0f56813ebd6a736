"""Equilibrium densities and thermal response: conservation laws, Mott relation, exact relations, WannierBerri."""

import inspect
import io

import numpy as np
import pytest
import wannierberri
from test_exact import gapped_model
from wannierberri.calculators import static as wannierberri_static

import wb_conserved
from wb_conserved.calculators import Electrons, equilibrium, static, thermal
from wb_conserved.calculators.base import keywords
from wb_conserved.models import random_model, rashba_gas
from wb_conserved.units import BOLTZMANN_EV, CONDUCTANCE, conductivity_factor


def run(system, mesh, calculators):
    return {name: result.data for name, result in wb_conserved.run(system, mesh, calculators).results.items()}


@pytest.mark.parametrize("kramers", [False, True])
def test_conservation_laws_hold_on_random_models(kramers):
    """XN 5 and sym(D + Q) = 0, once the mesh is converged; without inversion symmetry both terms are finite."""
    system = random_model(num_orbitals=2, dimension=2, kramers=kramers, seed=9)
    # well separated bands: near crossings would need a dense mesh
    H = system.get_R_mat("Ham") * 0.2
    H[system.rvec.iR0] += np.diag([-1.5, -1.5, 1.5, 1.5] if kramers else [-3.0, -1.0, 1.0, 3.0])
    system.set_R_mat("Ham", H, reset=True)
    if kramers:  # the spin of a Kramers pair vanishes: any other observable
        generator = np.random.default_rng(1)
        matrix = generator.normal(size=(4, 4, 3)) + 1j * generator.normal(size=(4, 4, 3))
        system.set_R_mat("SS", matrix + matrix.conj().swapaxes(0, 1), R=[0, 0, 0], reset=True)
    text = io.StringIO()
    report = wb_conserved.conservation_report(system, [100, 100, 1], [-0.5, 0.8], kBT=0.6, degen_thresh=1e-6, file=text)
    for law in (report.uniform_current, report.dipole):
        assert np.abs(law.first).max() > 1e-3
        assert law.relative < 1e-6
    printed = text.getvalue()
    assert "XN 5" in printed and "mesh 100×100×1" in printed and "threshold 1e-06 eV" in printed


def test_a_spin_that_depends_on_k_leaves_a_residual():
    """The report is not blind: hopping in the spin matrix, as in a truncated Wannier basis, breaks both laws."""
    system = random_model(num_orbitals=2, dimension=2, seed=9)
    spin = system.get_R_mat("SS").copy()
    spin[system.rvec.iR([1, 0, 0])] += 0.1
    spin[system.rvec.iR([-1, 0, 0])] += 0.1
    system.set_R_mat("SS", spin, reset=True)
    report = wb_conserved.conservation_report(system, [48, 48, 1], [0.3], kBT=0.6, file=io.StringIO())
    assert report.uniform_current.relative > 1e-3
    assert report.dipole.relative > 1e-3


@pytest.mark.parametrize("operator", ["spin", "identity"])
def test_conservation_report_at_several_temperatures(operator):
    """Whatever axes stand before those of the tensors."""
    system, levels = random_model(num_orbitals=2, dimension=2, seed=9), [0.3, 0.5]
    options = {"file": io.StringIO(), "operator": operator}
    several = wb_conserved.conservation_report(system, [8, 8, 1], levels, kBT=[0.6, 0.9], **options)
    for i, kBT in enumerate([0.6, 0.9]):
        alone = wb_conserved.conservation_report(system, [8, 8, 1], levels, kBT=kBT, **options)
        for law in ("uniform_current", "dipole"):
            for part in ("first", "second", "residual"):
                expected = getattr(getattr(alone, law), part)
                found = getattr(getattr(several, law), part)[:, i]
                np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * np.abs(expected).max() + 1e-12)
    counted = wb_conserved.conservation_report(system, [8, 8, 1], Electrons(1.5), kBT=[0.6, 0.9], **options)
    assert counted.dipole.first.shape == several.dipole.first.shape[1:]


@pytest.mark.parametrize("arguments", [{}, {"kBT": 0.3}, {"degen_Kramers": True, "operator": "identity"}])
def test_conservation_report_has_the_defaults_of_the_calculators(arguments):
    """Of every argument: the same sums, and the same refusals."""
    system, levels = random_model(num_orbitals=2, dimension=2, seed=9), [0.3, 0.5]
    report = wb_conserved.conservation_report(system, [8, 8, 1], levels, file=io.StringIO(), **arguments)
    calculators = {
        "J": equilibrium.EquilibriumSpinCurrent(levels, **arguments),
        "D": equilibrium.TorqueDipole(levels, **arguments),
    }
    results = wb_conserved.run(system, [8, 8, 1], calculators).results
    np.testing.assert_array_equal(report.uniform_current.first, results["J"].data)
    np.testing.assert_array_equal(report.uniform_current.second, results["D"].data)
    calculator = calculators["J"]
    assert f"kBT {calculator.kBT:g} eV, multiplet threshold {calculator.degen_thresh} eV" in report.conditions
    named = set(inspect.signature(wb_conserved.conservation_report).parameters)
    assert not named & set(keywords(equilibrium.EquilibriumSpinCurrent)) - {"Efermi"}
    with pytest.raises(TypeError, match="found kbt; did you mean kBT"):
        wb_conserved.conservation_report(system, 2, levels, kbt=0.1)


def test_conservation_report_on_real_data(tellurium, capsys):
    """Tellurium has no inversion: the conventional spin current flows in equilibrium.  Stored order of magnitude."""
    report = wb_conserved.conservation_report(tellurium, 4, 6.079, kBT=0.1, degen_thresh=1e-3)
    assert np.abs(report.uniform_current.first).max() > 1e-6
    assert 0 < report.uniform_current.relative < 1
    assert "truncated basis" in capsys.readouterr().out


def test_hall_conductivity_of_s_is_the_slope_of_its_magnetization(validation):
    """XN 12 in a gap: σ_H^s = −e ∫ f Ωs = e ∂M^s/∂μ, with σ_in^{ils} = e ∫ f Ωs^{li}, Ωs^{li} = ε_lia Ω_a s."""
    system, mesh, step = gapped_model(), [40, 40, 1], 0.05
    levels = [-step, 0.0, step]
    calculators = {
        "M": equilibrium.SpinOrbitalMagnetization(levels, kBT=0.005),
        "σ": static.ConservedSpinConductivity(levels, kBT=0.005),
    }
    data = run(system, mesh, calculators)
    area = abs(np.linalg.det(system.real_lattice[:2, :2]))
    slope = (data["M"][2] - data["M"][0]) / (2 * step) / area
    sigma = data["σ"][1] / -CONDUCTANCE  # units of e
    assert np.abs(sigma[0, 1]).max() > 1e-4
    for s, label in enumerate("xyz"):
        quantity, source = f"σ_in^{{xy,{label}}} in a gap against ∂M^s/∂μ", "C. Xiao and Q. Niu, PRB 104, L241411, eq. 12"
        validation(quantity, slope[2][s], sigma[0, 1, s], source, within=1e-6 * abs(slope[2][s]), unit="e")
    np.testing.assert_allclose(sigma[0, 1], slope[2], rtol=1e-6)  # −∫ f Ω_z s = ∂M_z/∂μ and Ωs^{yx} = −Ω_z s


def test_magnetization_for_a_conserved_spin_is_a_sum_over_sectors():
    """[H, s_z] = 0: M^{s_z} = Σ over spin sectors of s × orbital magnetization / e."""
    from test_exact import conserving_model

    system = conserving_model()
    sectors = []
    for part in (slice(0, 2), slice(2, 4)):
        from wb_conserved.models import lattice_system

        hoppings = {}
        for R, H in zip(system.rvec.iRvec, system.get_R_mat("Ham"), strict=True):
            if tuple(-R) not in hoppings or not R.any():
                hoppings[tuple(int(x) for x in R)] = H[part, part]
        sector = lattice_system(system.real_lattice, hoppings)
        result = run(sector, 8, {"M": equilibrium.SpinOrbitalMagnetization([0.3], kBT=0.3, operator="identity")})
        sectors.append(result["M"][0] * -3.80998211616)  # back to eV Å²
    M = run(system, 8, {"M": equilibrium.SpinOrbitalMagnetization([0.3], kBT=0.3)})["M"][0, :, 2]
    assert np.abs(M).max() > 1e-3
    np.testing.assert_allclose(M, 0.5 * (sectors[0] - sectors[1]), atol=1e-7)


def test_magnetization_of_the_identity_is_wannierberri_morb(iron, tmp_path, validation):
    """Without external terms, on the same grid."""
    scan = np.linspace(16, 18.5, 11)
    options = dict(external_terms=False)
    calculators = {
        "theirs": wannierberri_static.Morb(Efermi=scan, kwargs_formula=options),
        "ours": equilibrium.SpinOrbitalMagnetization(scan, operator="identity", kwargs_formula=options),
    }
    grid = wb_conserved.regular_grid(iron, 4)
    results = wannierberri.run(iron, grid, calculators, parallel=False, fout_name=str(tmp_path / "r")).results
    scale = np.abs(results["theirs"].data).max()
    assert scale > 1e-3
    np.testing.assert_allclose(results["ours"].data, results["theirs"].data, atol=1e-6 * scale)
    numbers = results["theirs"].data[5, 2], results["ours"].data[5, 2]
    quantity = "orbital magnetization of iron along z (M^s, s = 1), 17.25 eV, 4³"
    validation(quantity, *numbers, "WannierBerri, static.Morb", kind="code", within=1e-6 * scale, unit="μ_B per cell")


def test_drift_of_the_identity_is_the_ohmic_conductivity(iron, tmp_path, validation):
    """Box of the same width: WannierBerri's Fermi-surface Ohmic conductivity, at 1 fs, in S/m."""
    scan = np.linspace(16, 18, 21)
    calculators = {
        "theirs": wannierberri_static.Ohmic_FermiSurf(Efermi=scan),
        "ours": static.DriftSpinConductivity(scan, operator="identity"),
        "2 fs": static.DriftSpinConductivity(scan, operator="identity", relaxation_time=2.0),
    }
    grid = wb_conserved.regular_grid(iron, 4)
    results = wannierberri.run(iron, grid, calculators, parallel=False, fout_name=str(tmp_path / "r")).results
    expected = results["theirs"].data / -100
    scale = np.abs(expected).max()
    assert scale > 10
    np.testing.assert_allclose(results["ours"].data, expected, atol=1e-6 * scale)
    largest = np.abs(expected[:, 0, 0]).argmax()
    numbers = expected[largest, 0, 0], results["ours"].data[largest, 0, 0]
    quantity = f"σ_xx of iron per fs (drift, s = 1), {scan[largest]:.1f} eV, 4³"
    source = "WannierBerri, static.Ohmic_FermiSurf"
    validation(quantity, *numbers, source, kind="code", within=1e-6 * scale, unit="(1/|e|) S/cm / fs")
    np.testing.assert_allclose(results["2 fs"].data, 2 * expected, atol=2e-6 * scale)
    assert calculators["ours"].unit(3) == "(1/|e|) S/cm / fs"


def test_drift_current_of_spin_is_conventional_plus_torque_dipole():
    """tr_M(v s) = tr_M J + d^τ, integrated with the shifted occupation."""
    from test_geometry import band_geometry, random_kpoints

    g = band_geometry(random_model(seed=6), random_kpoints())
    total = g.diagonal_current + g.torque_dipole
    np.testing.assert_allclose(
        g.conserved_current_velocity, total[:, :, :, None, :] * g.mean_velocity[:, :, None, :, None], atol=1e-10
    )


@pytest.mark.parametrize(
    "nernst, conductivity",
    [
        (thermal.ConservedSpinNernst, static.ConservedSpinConductivity),
        (thermal.ConventionalSpinNernst, static.ConventionalSpinConductivity),
        (thermal.KuboConservedSpinNernst, static.KuboConservedSpinConductivity),
    ],
)
def test_mott_relation(nernst, conductivity):
    """Entropy weighting, the Mott convolution, and −∂/∂T ∫ of the grand potential (dσ-integral) agree."""
    system, mesh, kBT = random_model(num_orbitals=2, dimension=2, seed=7), [24, 24, 1], 0.3
    levels = [-0.4, 0.5]
    calculators = {method: nernst(levels, kBT=kBT, method=method) for method in ("entropy", "mott")}
    data = run(system, mesh, calculators)
    scale = np.abs(data["entropy"]).max()
    assert scale > 0
    np.testing.assert_allclose(data["mott"], data["entropy"], atol=5e-3 * scale)
    # Sommerfeld: α ≈ −(π²/3) k_B (kT) ∂σ/∂μ / |e| is the leading term; here exactly, by integrating σ(μ') at finite T:
    # ∂σ_T/∂T = −e ∂α/∂μ (Maxwell relation of −∂g/∂T and f = −∂g/∂μ)
    step = 1e-3
    sigma = [run(system, mesh, {"σ": conductivity([0.5], kBT=kBT + h)})["σ"][0] for h in (-step, step)]
    slope_temperature = (sigma[1] - sigma[0]) / (2 * step) * BOLTZMANN_EV
    alpha = run(system, mesh, {"α": nernst([0.5 - step, 0.5 + step], kBT=kBT)})["α"]
    slope_level = (alpha[1] - alpha[0]) / (2 * step)
    np.testing.assert_allclose(-slope_level, slope_temperature, atol=1e-4 * np.abs(slope_temperature).max())


def test_nernst_of_the_rashba_gas_vanishes_where_its_conductivity_is_constant():
    """Both bands occupied: σ_in = −e/8π whatever μ, so that α_in = 0 well above the crossing; just below it is not."""
    calculators = {"α": thermal.ConservedSpinNernst([1.0, -0.02], kBT=0.03)}
    alpha = run(rashba_gas(half_width=2.5), [400, 400, 1], calculators)["α"][:, 0, 1, 2]
    unit = BOLTZMANN_EV * CONDUCTANCE / (8 * np.pi)
    assert abs(alpha[0]) < 1e-3 * unit
    assert abs(alpha[1]) > 0.1 * unit


def test_nernst_arguments_are_checked():
    with pytest.raises(ValueError, match="kBT: expected a number > 0"):
        thermal.ConservedSpinNernst([0.0], kBT=0.0)
    with pytest.raises(ValueError, match="method: expected 'entropy' or 'mott'; found 'Mott'"):
        thermal.ConservedSpinNernst([0.0], kBT=0.1, method="Mott")
    with pytest.raises(ValueError, match="relaxation_time: expected a number > 0"):
        static.DriftSpinConductivity([0.0], kBT=0.1, relaxation_time=0.0)
    alpha = thermal.ConservedSpinNernst([0.0], kBT=0.1)
    assert [alpha.unit(3), alpha.unit(2)] == ["(ħ/|e|) A/(cm K)", "(ħ/|e|) A/K"]


def test_equilibrium_units():
    current = equilibrium.EquilibriumSpinCurrent([0.0])
    assert [current.unit(3), current.unit(2)] == ["eV Å^-2", "eV Å^-1"]
    assert [equilibrium.SpinCurrentDipole([0.0]).unit(3), equilibrium.TorqueQuadrupole([0.0]).unit(2)] == [
        "eV Å^-1",
        "eV",
    ]
    assert conductivity_factor(random_model()) < 0
