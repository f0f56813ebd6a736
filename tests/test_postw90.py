"""Platinum against postw90.x, an independent code, where it is installed."""

import lzma
import shutil
import subprocess

import numpy as np
import pytest
from data_folder import DATA
from processes import LIMIT

import wb_conserved
from wb_conserved.calculators.static import ConventionalSpinConductivity

MESH = 13
POSTW90 = shutil.which("postw90.x")


@pytest.mark.postw90
@pytest.mark.skipif(POSTW90 is None, reason="postw90.x is not installed (Debian and Ubuntu: package wannier90)")
def test_conventional_spin_hall_conductivity(platinum, tmp_path, validation):
    """σ^z_xy over a Fermi scan, same mesh, no smearing: 3 % of its maximum.

    postw90 approximates the spin current as J. Qiao et al., Phys. Rev. B 98, 214402 (2018); ours is ½{v, s} in the
    space of the Wannier functions, and the two differ by that much.  The sign is the same.
    """
    for suffix in ("chk", "eig", "mmn", "spn"):
        with lzma.open(DATA / "pt" / f"Pt.{suffix}.xz") as packed:
            (tmp_path / f"Pt.{suffix}").write_bytes(packed.read())
    text = (DATA / "pt" / "Pt.win").read_text()
    scan = np.linspace(17.1, 18.5, 15)
    (tmp_path / "Pt.win").write_text(
        text
        + f"""
berry = true
berry_task = shc
berry_kmesh = {MESH}
shc_freq_scan = false
shc_alpha = 1
shc_beta = 2
shc_gamma = 3
fermi_energy_min = {scan[0]}
fermi_energy_max = {scan[-1]}
fermi_energy_step = {scan[1] - scan[0]:.6f}
kubo_adpt_smr = false
kubo_smr_fixed_en_width = 0
"""
    )
    subprocess.run([POSTW90, "Pt"], cwd=tmp_path, check=True, capture_output=True, timeout=LIMIT)
    table = np.loadtxt(tmp_path / "Pt-shc-fermiscan.dat", comments="#")
    levels, theirs = table[:, 1], table[:, 2]
    np.testing.assert_allclose(levels, scan, atol=1e-5)
    ours = wb_conserved.run(platinum, MESH, {"x": ConventionalSpinConductivity(levels)}).results["x"].data[:, 0, 1, 2]
    scale = np.abs(theirs).max()
    assert scale > 1000
    assert np.abs(ours - theirs).max() < 0.03 * scale
    for level in (4, 10):
        quantity = f"σ_conv^{{xy,z}} of platinum, {levels[level]:.1f} eV, {MESH}³"
        numbers, source = (theirs[level], ours[level]), "postw90.x, spin current of Qiao et al."
        validation(quantity, *numbers, source, kind="code", within=0.03 * scale, unit="(ħ/|e|) S/cm")
    assert np.corrcoef(ours, theirs)[0, 1] > 0.999
