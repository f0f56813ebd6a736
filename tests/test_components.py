"""Some components only, and tensors in other axes."""

import copy
import re

import numpy as np
import pytest
import wannierberri
import xarray
from click.testing import CliRunner
from data_folder import DATA
from scipy.spatial.transform import Rotation

import wb_conserved
from wb_conserved import InputError
from wb_conserved.calculators import SUMS, Electrons, static
from wb_conserved.cli import main
from wb_conserved.models import random_model
from wb_conserved.operators import matrix_operator
from wb_conserved.results import format_csv, format_table, rotate

OPTIONS = {"kBT": 0.2, "degen_thresh": 1e-3}
LEVI_CIVITA = np.array([[[(i - l) * (l - s) * (s - i) / 2 for s in range(3)] for l in range(3)] for i in range(3)])
TENSORS = [name for name, entry in SUMS.items() if entry.axes]


def component(name):
    return {1: "y", 2: "yz", 3: "xyz", 4: "xyzx"}[len(SUMS[name].example().cartesian_axes)]


def place(text):
    return (..., *("xyz".index(letter) for letter in text))


class TestSelected:
    """`compute_components`."""

    @pytest.mark.parametrize("name", TENSORS)
    def test_without_symmetry_that_alone(self, name):
        system, wanted = random_model(), component(name)
        whole, part = (
            wb_conserved.run(system, 3, {"x": SUMS[name].calculator([-0.5, 0.3], **OPTIONS, compute_components=which)})
            for which in (None, [wanted])
        )
        whole, part = whole.results["x"].data, part.results["x"].data
        scale = np.abs(whole).max()
        np.testing.assert_allclose(part[place(wanted)], whole[place(wanted)], rtol=0, atol=1e-12 * scale)
        known = ~np.isnan(part)
        assert known.sum() == part[place(wanted)].size and part.shape == whole.shape

    @pytest.mark.parametrize("wanted", ["xyz", "xxx", "zzz"])
    def test_with_a_group_those_that_it_links(self, wanted, tellurium):
        """C3z mixes x and y; full and reduced mesh agree, and so does the scatter of k points."""
        system = copy.copy(tellurium)
        system.set_pointgroup(["C3z", "TimeReversal"])
        results = {}
        for which in (None, (wanted,)):
            calculators = {"x": static.ConventionalSpinConductivity([6.1], **OPTIONS, compute_components=which)}
            results[which] = wb_conserved.run(system, 3, calculators, check_symmetry=False)
        whole, part = (result.results["x"].data for result in results.values())
        known = ~np.isnan(part)
        assert known[place(wanted)].all() and not known.all()
        assert known.sum() == {"xyz": 4, "xxx": 8, "zzz": 1}[wanted]  # what rotations about z make of it
        np.testing.assert_allclose(part[known], whole[known], rtol=0, atol=1e-9 * np.abs(whole).max())
        scatters = [result.scatters["x"].scatter[known[0]] for result in results.values()]
        np.testing.assert_allclose(*scatters, rtol=1e-9, atol=1e-9)

    def test_electrons_tetrahedra_and_a_scalar(self):
        system = random_model()
        own = matrix_operator(np.diag([1.0, 0, 0, 0, 0, 0]), odd_under_time_reversal=False)
        kind = static.KuboConservedSpinConductivity
        for options in (
            {"Efermi": Electrons(2.5), "kBT": [0.1, 0.2], "degen_thresh": 1e-3},
            {"Efermi": [0.3], "tetra": True, "degen_thresh": 1e-3},
        ):
            whole, part = (
                wb_conserved.run(system, 4, {"x": kind(**options, operator=own, compute_components=which)}).results["x"].data
                for which in (None, ["xy", "zz"])
            )
            for text in ("xy", "zz"):
                np.testing.assert_allclose(part[place(text)], whole[place(text)], atol=1e-12 * np.abs(whole).max())
            assert np.isnan(part).sum() == 7 * whole[..., 0, 0].size

    def test_tables(self):
        calculators = {"kubo": static.KuboConservedSpinConductivity([0.3], **OPTIONS, compute_components=["yzz"])}
        data = wb_conserved.run(random_model(), 3, calculators).to_dataset()
        assert data["kubo"].attrs["compute_components"] == "yzz"
        table = format_table(data, 0.3)
        assert f"{float(data['kubo'].sel(Efermi=0.3, i='y', l='z', s='z')):.5g}" in table and " yzz" in table
        assert format_csv(data).count("nan") == 26

    def test_memory(self):
        """The sums of a long scan are as many times smaller as there are fewer components."""
        from wb_conserved.interpolation import WannierInterpolator
        from wb_conserved.interpolation.batches import BlochStates

        system, levels = random_model(), np.linspace(-2, 2, 101)
        states = BlochStates(system, np.random.default_rng(0).random((8, 3)), None, interpolator=WannierInterpolator(system))
        sizes = []
        for which in (None, ["xyz"]):
            calculator = static.KuboConservedSpinConductivity(levels, **OPTIONS, compute_components=which)
            sizes.append(calculator.accumulate(states)["spectra"].size)
        assert sizes[0] == 27 * sizes[1]

    @pytest.mark.parametrize("wanted", [[], ["xy"], ["xyzz"], ["xyq"], ["xyz", "xyz"], [3]])
    def test_refused(self, wanted):
        with pytest.raises(InputError, match="compute_components: expected different components, x, y or z for"):
            static.BerrySpinConductivity([0.3], **OPTIONS, compute_components=wanted)

    def test_refused_elsewhere(self, tmp_path):
        with pytest.raises(InputError, match="compute_components: expected none, as N has no components"):
            SUMS["number_of_electrons"].calculator([0.3], kBT=0.1, compute_components=["x"])
        calculator = static.BerrySpinConductivity([0.3], **OPTIONS, compute_components=["xyz"])
        grid = wb_conserved.regular_grid(random_model(), 2)
        with pytest.raises(InputError, match="compute_components: expected wb_conserved.run"):
            wannierberri.run(random_model(), grid, {"x": calculator}, parallel=False, fout_name=str(tmp_path / "r"))


class TestRotate:
    """Other axes."""

    frame = Rotation.from_euler("zyx", [0.3, -0.7, 1.1]).as_matrix()

    def dataset(self, system, **options):
        names = ["kubo", "equilibrium_current", "orbital_magnetization", "number_of_electrons"]
        calculators = {name: SUMS[name].calculator([0.3], kBT=0.2) for name in names}
        return wb_conserved.run(system, [5, 5, 5], calculators, **options).to_dataset()

    def test_a_rotated_crystal(self):
        """Results of the crystal in new axes are those of the crystal turned the other way."""
        system = random_model()
        turned = copy.deepcopy(system)
        R = self.frame
        turned.real_lattice = system.real_lattice @ R.T
        turned.set_wannier_centers(wannier_centers_cart=system.wannier_centers_cart @ R.T)
        turned.set_R_mat("SS", system.get_R_mat("SS") @ R.T, reset=True)
        found, expected = rotate(self.dataset(system), R), self.dataset(turned)
        for name in expected.data_vars:
            scale = float(abs(expected[name]).max())
            np.testing.assert_allclose(found[name].values, expected[name].values, rtol=0, atol=1e-9 * scale, err_msg=name)
        plain = self.dataset(system)
        assert float(abs(plain["kubo"] - expected["kubo"]).max()) > 0.1 * float(abs(plain["kubo"]).max())
        np.testing.assert_allclose(found.attrs["new_axes"], R.ravel())

    def test_components_that_are_missing(self):
        calculators = {"kubo": static.KuboConservedSpinConductivity([0.3], **OPTIONS, compute_components=["xyz"])}
        data = wb_conserved.run(random_model(), 3, calculators).to_dataset()
        cyclic = [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
        turned = rotate(data, cyclic)["kubo"]
        assert int(turned.notnull().sum()) == 1
        assert float(turned.sel(i="z", l="x", s="y").item()) == float(data["kubo"].sel(i="x", l="y", s="z").item())
        assert int(rotate(data, self.frame)["kubo"].notnull().sum()) == 0

    @pytest.mark.parametrize("axes", [np.eye(3)[::-1], np.ones((3, 3)), np.eye(2), "film", [[1, 0, 0], [0, 1, 0], [0, 0, 0]]])
    def test_refused(self, axes):
        with pytest.raises(InputError, match="rotate: expected three directions"):
            rotate(xarray.Dataset(), axes)


def test_command(tmp_path):
    (tmp_path / "in.toml").write_text(
        f"""
[system]
path = "{DATA / 'pt' / 'Pt'}"
symmetry = ["C4z", "C4x", "Inversion", "TimeReversal"]
[grid]
mesh = 4
[fermi]
level = 18.0874
[temperature]
kBT = 0.1
[multiplets]
threshold = 0.02
[quantities]
names = ["kubo", "density_of_states", "edelstein"]
[output]
folder = "out"
rotate = [[1, -1, 0], [1, 1, -2], [1, 1, 1]] # a (111) film
components = ["xyz"]
"""
    )
    done = CliRunner().invoke(main, ["run", str(tmp_path / "in.toml")])
    assert done.exit_code == 0, done.output
    with xarray.open_dataset(tmp_path / "out" / "result.nc") as data:
        sigma = data["kubo"][0].values  # cubic: σ ε_ils in any axes
        np.testing.assert_allclose(sigma, sigma[0, 1, 2] * LEVI_CIVITA, atol=1e-6 * abs(sigma[0, 1, 2]))
        assert f"{sigma[0, 1, 2]:.5g}" in done.output
        assert np.allclose(np.reshape(data.attrs["new_axes"], (3, 3))[2], np.ones(3) / np.sqrt(3))
    text = (tmp_path / "in.toml").read_text().replace('"out"', '"other"')
    (tmp_path / "in.toml").write_text(text.replace("[1, 1, -2]", "[1, 1, 2]"))
    done = CliRunner().invoke(main, ["run", str(tmp_path / "in.toml")])
    assert done.exit_code == 2 and "[output] rotate: expected three directions [x, y, z] at right angles" in done.output
    selected = text.replace("[output]", 'compute_components = ["xyz"]\n[output]')
    (tmp_path / "in.toml").write_text(selected)
    done = CliRunner().invoke(main, ["run", str(tmp_path / "in.toml")])
    assert done.exit_code == 2 and "[output] rotate: expected none with [quantities] compute_components" in done.output
    (tmp_path / "in.toml").write_text(re.sub(r"(?m)^rotate.*$", "", selected).replace('["xyz"]\n"""', '["xyz", "xxx"]\n"""'))
    done = CliRunner().invoke(main, ["run", str(tmp_path / "in.toml")])
    assert done.exit_code == 0, done.output
    with xarray.open_dataset(tmp_path / "other" / "result.nc") as data:
        found = data["kubo"][0].values
        assert np.isnan(found).sum() == 21  # the six components of ε_ils are linked
        np.testing.assert_allclose(found[0, 1, 2], sigma[0, 1, 2], rtol=1e-9)
