"""Arguments of the calculators: what is refused, and what the result says."""

import numpy as np
import pytest
from wannierberri.smoother import FermiDiracSmoother

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.models import random_model, rashba_gas

SCAN = np.linspace(-1, 1, 11)
ALL = [
    static.ConventionalSpinConductivity,
    static.ConservedSpinConductivity,
    static.BerrySpinConductivity,
    static.DipoleScatteringSpinConductivity,
    static.KuboConservedSpinConductivity,
]
WITH_SURFACE = [ALL[1], ALL[3], ALL[4]]


@pytest.mark.parametrize("calculator", ALL)
def test_smoother_and_temperature_exclude_each_other(calculator):
    with pytest.raises(ValueError, match="smoother: expected none with kBT"):
        calculator(SCAN, kBT=0.1, smoother=FermiDiracSmoother(SCAN, 300))


@pytest.mark.parametrize("calculator", ALL)
@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(operator="charge?"), "operator: expected one of"),
        (dict(kBT=-0.1), "kBT: expected"),
        (dict(degen_thresh=-1), "degen_thresh: expected"),
        (dict(kwargs_formula=dict(external=False)), "kwargs_formula: expected only 'external_terms'"),
        (dict(kwargs_formula=dict(external_terms="no")), "external_terms"),
        (dict(Efermi=[0.0, np.nan], kBT=0.1), "Efermi: expected"),
    ],
)
def test_bad_arguments_are_named(calculator, arguments, message):
    arguments = {"Efermi": SCAN} | arguments
    with pytest.raises(ValueError, match=message):
        calculator(**arguments)


@pytest.mark.parametrize("calculator", WITH_SURFACE)
@pytest.mark.parametrize("scan", [[0.0], [0.0, 0.1, 0.5], [0.2, 0.1, 0.0]])
def test_surface_terms_at_zero_temperature_need_a_width(calculator, scan):
    with pytest.raises(ValueError, match="fermi_surface_width: .* needs a width"):
        calculator(scan)
    assert calculator(scan, fermi_surface_width=0.05).fermi_surface_width == 0.05


@pytest.mark.parametrize("calculator", WITH_SURFACE)
def test_the_width_is_said_in_the_result(calculator):
    system = random_model(num_orbitals=1)
    result = wb_conserved.run(
        system, 2, {"default": calculator(SCAN), "given": calculator(SCAN, fermi_surface_width=0.3)}
    )
    assert "0.2 eV (spacing of the scan)" in result.results["default"].comment
    assert "0.3 eV (given)" in result.results["given"].comment
    attributes = result.to_dataset()["given"].attrs
    assert attributes["fermi_surface_width_eV"] == 0.3
    assert attributes["multiplet_threshold_eV"] == 1e-4


def test_a_width_without_use_is_refused():
    with pytest.raises(ValueError, match="no Fermi-surface term"):
        static.ConventionalSpinConductivity(SCAN, fermi_surface_width=0.1)
    with pytest.raises(ValueError, match="kBT = 0.1 eV sets the width"):
        static.KuboConservedSpinConductivity(SCAN, kBT=0.1, fermi_surface_width=0.1)


def test_terms_of_the_conserved_conductivity_add_up():
    system = random_model(seed=4)
    calculators = {
        terms: static.ConservedSpinConductivity(SCAN, terms=terms, kBT=0.1) for terms in ("all", "berry", "dipole")
    }
    calculators["B"] = static.BerrySpinConductivity(SCAN, kBT=0.1)
    calculators["dp"] = static.DipoleScatteringSpinConductivity(SCAN, kBT=0.1)
    results = wb_conserved.run(system, 4, calculators).results
    scale = np.abs(results["all"].data).max()
    np.testing.assert_allclose(results["berry"].data + results["dipole"].data, results["all"].data, atol=1e-10 * scale)
    np.testing.assert_allclose(results["berry"].data, results["B"].data, atol=1e-12 * scale)
    np.testing.assert_allclose(results["dipole"].data, -results["dp"].data, atol=1e-12 * scale)
    with pytest.raises(ValueError, match="terms: expected 'all', 'berry' or 'dipole'; found 'both'"):
        static.ConservedSpinConductivity(SCAN, terms="both")


def test_missing_matrices_are_named():
    system = random_model()
    system.clear_R_mat("SS")
    with pytest.raises(ValueError, match="expected the matrix 'SS' of the operator spin, found none"):
        wb_conserved.run(system, 2, {"x": static.ConventionalSpinConductivity(SCAN)})
    system.force_internal_terms_only = False
    with pytest.raises(ValueError, match="expected the position matrix 'AA'; found none"):
        wb_conserved.run(system, 2, {"x": static.ConventionalSpinConductivity(SCAN, operator="identity")})


def test_units_follow_the_dimension_and_the_operator():
    spin, identity = (
        static.ConventionalSpinConductivity(SCAN),
        static.ConventionalSpinConductivity(SCAN, operator="identity"),
    )
    assert spin.unit(3) == "(ħ/|e|) S/cm"
    assert spin.unit(2) == "(ħ/|e|) S"
    assert identity.unit(3) == "(1/|e|) S/cm"
    assert "unit (ħ/|e|) S\n" in wb_conserved.run(rashba_gas(), [4, 4, 1], {"x": spin}).results["x"].comment + "\n"
