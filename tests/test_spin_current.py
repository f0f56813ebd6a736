"""Spin currents of Qiao and Ryoo: against WannierBerri's on the same grid."""

import numpy as np
import pytest
import wannierberri
from data_folder import DATA
from wannierberri.calculators import static as wannierberri_static

import wb_conserved
from wb_conserved import InputError, load_system
from wb_conserved.calculators.static import ConventionalSpinConductivity


@pytest.mark.parametrize("spin_current", ["qiao", "ryoo"])
def test_conventional_conductivity_equals_static_shc(spin_current, tmp_path, caplog, validation):
    system = load_system(DATA / "pt" / "Pt", spin_current=spin_current)
    assert ("no .sHu file" in caplog.text) == ("truncated" in caplog.text) == (spin_current == "ryoo")
    scan = np.linspace(16, 20, 17)
    calculators = {
        "theirs": wannierberri_static.SHC(
            Efermi=scan, kwargs_formula=dict(spin_current_type=spin_current), degen_thresh=1e-3
        ),
        "ours": ConventionalSpinConductivity(scan, spin_current=spin_current, degen_thresh=1e-3),
        "projected": ConventionalSpinConductivity(scan, degen_thresh=1e-3),
    }
    grid = wb_conserved.regular_grid(system, 4)
    results = wannierberri.run(system, grid, calculators, parallel=False, fout_name=str(tmp_path / "r")).results
    expected = results["theirs"].data / 100
    scale = np.abs(expected).max()
    assert scale > 100
    np.testing.assert_allclose(results["ours"].data, expected, atol=1e-6 * scale)
    quantity = f"σ_conv^{{xy,z}} of platinum, spin current of {spin_current.capitalize()}, 18 eV, 4³"
    numbers = expected[8, 0, 1, 2], results["ours"].data[8, 0, 1, 2]
    validation(quantity, *numbers, "WannierBerri, static.SHC", kind="code", within=1e-6 * scale, unit="(ħ/|e|) S/cm")
    # the three are different currents, within a few percent of each other
    difference = np.abs(results["projected"].data - expected).max()
    assert 1e-4 * scale < difference < 0.2 * scale
    attributes = wb_conserved.run(system, 1, {"ours": calculators["ours"]}).to_dataset().attrs
    truncated = attributes.get("truncated_sums_over_bands_in_place_of", "")
    assert truncated == ("sIu sHu" if spin_current == "ryoo" else "")


def test_arguments_are_checked(platinum):
    with pytest.raises(ValueError, match="spin_current: expected one of projected, qiao, ryoo; found 'Qiao'"):
        ConventionalSpinConductivity([0.0], spin_current="Qiao")
    with pytest.raises(ValueError, match="spin_current: expected 'projected' for an operator other than spin"):
        ConventionalSpinConductivity([0.0], spin_current="qiao", operator="identity")
    with pytest.raises(ValueError, match="external_terms=False"):
        ConventionalSpinConductivity([0.0], spin_current="ryoo", kwargs_formula=dict(external_terms=False))
    with pytest.raises(ValueError, match=r"expected the matrices SR, SH, SHR of spin_current='qiao'; found none"):
        wb_conserved.run(platinum, 2, {"x": ConventionalSpinConductivity([18.0], spin_current="qiao")})
    with pytest.raises(InputError, match="spin_current: expected one of projected, qiao, ryoo; found 'both'"):
        load_system(DATA / "pt" / "Pt", spin_current="both")
    with pytest.raises(InputError, match="spin_current: expected 'projected' where there are no .chk"):
        load_system(DATA / "pt" / "Pt_tb.dat.xz", spin_order="interlaced", spin_current="qiao")
