"""Real data against WannierBerri's own calculators on the same grid."""

import numpy as np
import pytest
import wannierberri
from wannierberri.calculators import static as wannierberri_static

import wb_conserved
from wb_conserved.calculators.static import (
    BerrySpinConductivity,
    ConservedSpinConductivity,
    ConventionalSpinConductivity,
    KuboConservedSpinConductivity,
)

SIEMENS_PER_METRE = 100  # of one S/cm


def run_wannierberri(system, mesh, calculators, folder):
    grid = wb_conserved.regular_grid(system, mesh)
    return wannierberri.run(system, grid, calculators, parallel=False, fout_name=str(folder / "result")).results


@pytest.mark.parametrize("external_terms", [True, False])
@pytest.mark.parametrize("name, level", [("platinum", 18.087), ("tellurium", 6.079)])
def test_conventional_equals_static_shc(name, level, external_terms, request, tmp_path, validation):
    """Every component and Fermi level, through both drivers."""
    system = request.getfixturevalue(name)
    scan = np.linspace(level - 2, level + 2, 33)
    shc = wannierberri_static.SHC(
        Efermi=scan, kwargs_formula=dict(spin_current_type="simple", external_terms=external_terms), degen_thresh=1e-3
    )
    ours = ConventionalSpinConductivity(scan, degen_thresh=1e-3, kwargs_formula=dict(external_terms=external_terms))
    results = run_wannierberri(system, 4, {"SHC": shc, "ours": ours}, tmp_path)
    expected = results["SHC"].data / SIEMENS_PER_METRE
    scale = np.abs(expected).max()
    assert scale > 100
    np.testing.assert_allclose(results["ours"].data, expected, atol=1e-6 * scale)
    alone = wb_conserved.run(system, 4, {"ours": ours}).results["ours"].data
    np.testing.assert_allclose(alone, expected, atol=1e-6 * scale)
    middle, terms = len(scan) // 2, "all terms" if external_terms else "internal terms"
    for label, (i, l, s) in {"xyz": (0, 1, 2), "yxz": (1, 0, 2), "zxy": (2, 0, 1)}.items():
        quantity = f"σ_conv^{label} of {name}, {level} eV, 4³, {terms}"
        numbers = expected[middle, i, l, s], alone[middle, i, l, s]
        validation(quantity, *numbers, "WannierBerri, static.SHC", kind="code", within=1e-6 * scale, unit="(ħ/|e|) S/cm")


def as_tensor(axial):
    """ε_ilc X_c of X[Efermi, c]."""
    levi_civita = np.zeros((3, 3, 3))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        levi_civita[i, j, k], levi_civita[j, i, k] = 1, -1
    return np.einsum("ilc,fc->fil", levi_civita, axial)


@pytest.mark.parametrize("external_terms", [True, False])
def test_identity_gives_the_anomalous_hall_conductivity_of_iron(iron, external_terms, tmp_path, validation):
    """WannierBerri's AHC in S/m is −100 times the current of particles in (1/|e|) S/cm."""
    scan = np.linspace(15.4, 19.4, 33)
    options = dict(external_terms=external_terms)
    arguments = dict(operator="identity", kwargs_formula=options)
    calculators = {
        "AHC": wannierberri_static.AHC(Efermi=scan, kwargs_formula=options),
        "conserved": ConservedSpinConductivity(scan, **arguments),
        "berry": BerrySpinConductivity(scan, **arguments),
        "conventional": ConventionalSpinConductivity(scan, **arguments),
        "kubo": KuboConservedSpinConductivity(scan, **arguments),
    }
    results = run_wannierberri(iron, 5, calculators, tmp_path)
    expected = as_tensor(results["AHC"].data) / -SIEMENS_PER_METRE
    scale = np.abs(expected).max()
    assert scale > 100
    for name in ("conserved", "berry"):
        assert results[name].data.shape == (33, 3, 3)
        np.testing.assert_allclose(results[name].data, expected, atol=1e-6 * scale, err_msg=name)
    quantity = f"σ_xy of iron (σ_B, s = 1), 17.4 eV, 5³, {'all terms' if external_terms else 'internal terms'}"
    numbers = expected[16, 0, 1], results["berry"].data[16, 0, 1]
    validation(quantity, *numbers, "WannierBerri, static.AHC", kind="code", within=1e-6 * scale, unit="(1/|e|) S/cm")
    for name in ("conventional", "kubo"):  # purely interband: no curvature of the Wannier space
        difference = np.abs(results[name].data - expected).max()
        assert difference > 1e-4 * scale if external_terms else difference < 1e-6 * scale, name


def test_temperature_equals_direct_weighting_on_tellurium(tellurium):
    """Multiplets weighted one by one with f at their mean energy, for a coarse and a single scan."""
    from scipy.special import expit
    from test_geometry import band_geometry

    mesh, kBT = 3, 0.1
    axis = np.arange(mesh) / mesh
    kpoints = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    g = band_geometry(tellurium, kpoints, threshold=1e-4)
    from wb_conserved.units import conductivity_factor

    factor = conductivity_factor(tellurium) / len(kpoints)
    for scan in (np.array([6.079]), np.array([5.0, 6.0, 8.0]), np.linspace(5, 7, 201)):
        x = (g.multiplets.energies[None] - scan[:, None, None]) / kBT
        surface = expit(x) * expit(-x) / kBT
        direct = {
            "conserved": np.einsum("fkn,kn...->f...", expit(-x), g.berry_curvature_times_operator)
            + np.einsum("fkn,kn...->f...", surface, g.dipole_velocity),
            "kubo": np.einsum("fkn,kn...->f...", expit(-x), g.kubo_sea)
            + np.einsum("fkn,kn...->f...", surface, g.kubo_surface),
        }
        arguments = dict(kBT=kBT, degen_thresh=1e-4, kwargs_formula=dict(external_terms=False))
        calculators = {
            "conserved": ConservedSpinConductivity(scan, **arguments),
            "kubo": KuboConservedSpinConductivity(scan, **arguments),
        }
        results = wb_conserved.run(tellurium, mesh, calculators).results
        for name, values in direct.items():
            expected = factor * values
            np.testing.assert_allclose(results[name].data, expected, atol=1e-6 * np.abs(expected).max(), err_msg=name)


def test_platinum_figures_of_the_theory_sheet(platinum, validation):
    """20³ mesh, E_F 18.1 eV, kT 0.05 eV: σ_conv 2156, σ_K 1531 whatever the multiplet threshold.

    Stored numbers, from an independent implementation of the theory; DFT was run again, hence 1 %.
    """
    calculators = {}
    for threshold in (1e-4, 0.05):
        arguments = dict(kBT=0.05, degen_thresh=threshold)
        calculators[f"conventional {threshold}"] = ConventionalSpinConductivity(18.1, **arguments)
        calculators[f"kubo {threshold}"] = KuboConservedSpinConductivity(18.1, **arguments)
    results = wb_conserved.run(platinum, 20, calculators).results
    for threshold in (1e-4, 0.05):
        for name, symbol, expected in (("conventional", "σ_conv", 2156), ("kubo", "σ_K", 1531)):
            quantity = f"{symbol}^{{xy,z}} of platinum, 18.1 eV, kT = 0.05 eV, 20³, threshold {threshold:g} eV"
            found, source = results[f"{name} {threshold}"].data[0, 0, 1, 2], "independent implementation of the equations"
            validation(quantity, expected, found, source, kind="code", within=0.01 * expected, unit="(ħ/|e|) S/cm")
    found = results["conventional 0.05"].data[0, 0, 1, 2]
    source = "G. Y. Guo et al., PRL 100, 096401: about 2000 at low temperature"
    validation(
        "σ_conv^{xy,z} of platinum, kT = 0.05 eV, 20³", 2000, found, source, kind="published", within=200, unit="(ħ/|e|) S/cm"
    )
