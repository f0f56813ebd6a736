"""Input files: what is accepted, and that every error names file and key."""

from pathlib import Path

import numpy as np
import pytest

from wb_conserved import InputError
from wb_conserved.cli.config import Config, make_calculators
from wb_conserved.cli.job import comparison, make_system
from wb_conserved.cli.reading import read_config
from wb_conserved.errors import ConfigError
from wb_conserved.units import BOLTZMANN_EV

DATA = Path(__file__).parents[1] / "data"

GOOD = """
[system]
path = "Pt"
[grid]
mesh = 8
[fermi]
level = 18.0
window = [-1.0, 1.0]
points = 21
[temperature]
kBT = 0.05
[multiplets]
threshold = 0.01
[output]
folder = "results"
"""

SCAN = "level = 18.0\nwindow = [-1.0, 1.0]\npoints = 21"
OPTION = "[quantities] options."


def named(*words):
    """Section of some quantities; a word with "=" is an option of the first one."""
    names = [word for word in words if "=" not in word]
    options = "".join(f"options.{names[0]}.{word}\n" for word in words if "=" in word)
    return f"[quantities]\nnames = {names}\n{options}[output]"


def write(folder, *changes, text=GOOD):
    """Input file with parts of the good one replaced."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "input.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_good_file_and_its_defaults(tmp_path):
    config, text = read_config(write(tmp_path))
    assert text == GOOD
    assert config.quantities.names == ["kubo", "conserved", "conventional"]
    assert config.output.components is None  # each quantity shows its own
    assert config.output.overwrite is False
    assert len(config.fermi.scan()) == 21
    assert Config.model_validate(config.model_dump()) == config


def test_kelvin(tmp_path):
    config, _ = read_config(write(tmp_path, ("kBT = 0.05", "kelvin = 300")))
    assert config.temperature.energy == pytest.approx(0.025852, rel=1e-4)
    assert BOLTZMANN_EV == pytest.approx(8.617333e-5, rel=1e-6)


@pytest.mark.parametrize(
    ("scan", "length"),
    [
        ("window = [-1.0, 1.0]\npoints = 21", 21),  # the level is a point of the window already
        ("window = [-1.0, 1.0]\npoints = 20", 21),
        ("window = [-1.0, 0.5]", 202),
        ("levels = [17.0, 19.0, 17.0]", 3),
        ("levels = [17.0, 18.0, 19.0]", 3),
        ("", 1),
    ],
)
def test_level_is_on_the_scan(tmp_path, scan, length):
    config, _ = read_config(write(tmp_path, ("window = [-1.0, 1.0]\npoints = 21", scan)))
    levels = config.fermi.scan()
    assert len(levels) == length
    assert np.all(np.diff(levels) > 1e-6)
    assert 18.0 in levels  # exactly


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ('path = "Pt"', "", "[system] path", "found nothing"),
        ('path = "Pt"', "path = 3", "[system] path", "found 3"),
        ('path = "Pt"', 'path = "Pt"\nspin_order = "up"', "[system] spin_order", "'interlaced', 'block'"),
        ('path = "Pt"', 'path = "Pt"\nspin_order = [[0, 1, 2]]', "[system] spin_order", "pairs"),
        ('path = "Pt"', 'path = "Pt"\nspin_order = "vasp"', "[system] spin_order", "a code ('qe', 'vasp5', 'vasp6', 'fplo')"),
        ('path = "Pt"', 'path = "Pt"\nspin_axis = [0.0, 1.0]', "[system] spin_axis", "the direction that spin_order calls up"),
        ('path = "Pt"', 'path = "Pt"\nspin_part_tolerance = 0.0', "[system] spin_part_tolerance", "a number > 0"),
        ('path = "Pt"', 'path = "Pt"\nmp_grid = [4, 4, 0]', "[system] mp_grid", "a list of three positive integers"),
        ('path = "Pt"', 'path = "Pt"\nperiodic = [true, 1, true]', "[system] periodic", "three of true and false"),
        ('path = "Pt"', 'path = "Pt"\nsymmetry = "C4z"', "[system] symmetry", "list of generators"),
        (
            'path = "Pt"',
            'path = "Pt"\nreal_lattice = [[1.0, 0.0, 0.0]]',
            "[system] real_lattice",
            "three lattice vectors",
        ),
        ("mesh = 8", "mesh = 0", "[grid] mesh", "found 0"),
        ("mesh = 8", "mesh = 8.5", "[grid] mesh", "found 8.5"),
        ("mesh = 8", "mesh = [8, 8]", "[grid] mesh", "three of them"),
        ("mesh = 8", "mesh = true", "[grid] mesh", "found True"),
        ("mesh = 8", "mesh = 8\nmseh = 3", "[grid] mseh", "did you mean mesh?"),
        ("level = 18.0", "", "[fermi] level", "found nothing"),
        ("level = 18.0", "level = nan", "[fermi] level", "found nan"),
        ("level = 18.0", 'level = "EF"', "[fermi] level", "found 'EF'"),
        ("window = [-1.0, 1.0]", "window = [1.0, -1.0]", "[fermi] window", "below < 0 < above"),
        ("window = [-1.0, 1.0]", "window = [-1.0]", "[fermi] window", "two numbers"),
        ("window = [-1.0, 1.0]", "", "[fermi] points", "no window"),
        ("points = 21", "points = 1", "[fermi] points", ">= 2"),
        ("points = 21", "levels = [1.0]", "[fermi] levels", "either window or levels"),
        ("points = 21", "levles = [1.0]", "[fermi] levles", "did you mean levels?"),
        ("kBT = 0.05", "", "[temperature] kBT", "found nothing"),
        ("kBT = 0.05", "kBT = 0.05\nkelvin = 300", "[temperature] kBT", "found both"),
        ("kBT = 0.05", "kBT = -1", "[temperature] kBT", "found -1"),
        ("kBT = 0.05", "kelvin = -1.0", "[temperature] kelvin", "found -1.0"),
        ("kBT = 0.05", "kBT = 0.05\nfermi_surface_width = 0.1", "[temperature] fermi_surface_width", "kBT = 0.05"),
        ("kBT = 0.05", "kBT = 0.05\ntetrahedra = true", "[temperature] tetrahedra", "kBT = 0.05"),
        (
            "kBT = 0.05",
            "kBT = 0.0\ntetrahedra = true\nfermi_surface_width = 0.1",
            "[temperature] fermi_surface_width",
            "tetrahedra",
        ),
        ("kBT = 0.05", "kBT = [0.0, 0.1]", "[temperature] kBT", "several > 0 (eV) (steps at zero temperature do not go"),
        ("kBT = 0.05", "kBT = [0.1, -0.1]", "[temperature] kBT", "several > 0 (eV); found [0.1, -0.1]"),
        ("kBT = 0.05", "kBT = []", "[temperature] kBT", "found []"),
        ("kBT = 0.05", 'kBT = "0.05"', "[temperature] kBT", "(eV): temperature; or kelvin instead; found '0.05'"),
        ("kBT = 0.05", "kBT = [true]", "[temperature] kBT", "found [True]"),
        ("kBT = 0.05", "kelvin = [0, 100]", "[temperature] kelvin", "found [0.0, 100.0] K"),
        ("kBT = 0.05", "kelvin = [100, -1]", "[temperature] kelvin", "found [100.0, -1.0] K"),
        ("kBT = 0.05", "kelvin = []", "[temperature] kelvin", "found [] K"),
        ("kBT = 0.05", "kelvin = [100, 200]\ntetrahedra = true", "[temperature] tetrahedra", "True with kBT = 0.00861733"),
        ("kBT = 0.05", "kBT = [0.1, 0.2]\nfermi_surface_width = 0.1", "[temperature] fermi_surface_width", "kBT = 0.1, 0.2 eV"),
        (SCAN, "level = 18.0\nelectrons = 10", "[fermi] electrons", "either electrons, or level; found both"),
        (SCAN, "electrons = 10\ncarriers = 0.1", "[fermi] electrons", "either electrons, or carriers; found both"),
        (SCAN, "electrons = 0", "[fermi] electrons", "a number > 0 per cell; found 0.0"),
        (SCAN, "electrons = -2.5", "[fermi] electrons", "found -2.5"),
        (SCAN, "electrons = [10]", "[fermi] electrons", "found [10]"),
        (SCAN, "electrons = 10\nwindow = [-1.0, 1.0]", "[fermi] window", "none, as the number of electrons sets the level"),
        (SCAN, "electrons = 10\nlevels = [18.0]", "[fermi] levels", "none, as the number of electrons sets the level"),
        (SCAN, "electrons = 10\npoints = 5", "[fermi] points", "found no window"),
        (SCAN, "carriers = 0.1", "[fermi] level", "found nothing"),
        (SCAN, "level = 18.0\ncarriers = nan", "[fermi] carriers", "found nan"),
        (SCAN, "level = 18.0\ncarriers_per = 'cm3'", "[fermi] carriers_per", "carriers, which it goes with; found none"),
        (
            SCAN,
            "level = 18.0\ncarriers = 1.0\ncarriers_per = 'm3'",
            "[fermi] carriers_per",
            "'cell' or 'cm3' (cm² of a sheet): what carriers are counted in; found 'm3'; did you mean cm3 in place of m3?",
        ),
        ("threshold = 0.01", "", "[multiplets] threshold", "no default; found nothing"),
        ("threshold = 0.01", "threshold = -0.01", "[multiplets] threshold", "found -0.01"),
        ("threshold = 0.01", "threshold = 0.01\nkramers = 1", "[multiplets] kramers", "true, false, or 'auto'"),
        ("threshold = 0.01", "threshold = 0.01\ncompare = [-1.0]", "[multiplets] compare", "further thresholds >= 0"),
        ("[grid]", 'symmetrize = true\nsymmetry = ["C4z"]\n[grid]', "[system] symmetrize", "either symmetrize or"),
        ("[grid]", "symmetry_tolerance = 0.1\n[grid]", "[system] symmetry_tolerance", "which it goes with"),
        ("[grid]", 'spin_current = "Qiao"\n[grid]', "[system] spin_current", "'projected', 'qiao', 'ryoo'"),
        ("[output]", '[quantities]\nnames = ["kuba"]\n[output]', "[quantities] names", "kubo, conserved"),
        ("[output]", "[quantities]\nnames = []\n[output]", "[quantities] names", "found []"),
        ("[output]", named("kubo", "drfit"), "[quantities] names", "did you mean drift in place of drfit?"),
        ("[output]", named("band_expectation"), "[quantities] names", "expected a list of kubo, conserved"),
        ("[output]", named("drift", "relaxation_time = -1"), f"{OPTION}drift.relaxation_time", "> 0 (fs); found -1"),
        ("[output]", named("drift", "relaxation_time = '5'"), f"{OPTION}drift.relaxation_time", "found '5'"),
        ("[output]", named("drift", "relaxation_tme = 5"), f"{OPTION}drift.relaxation_tme", "one of relaxation_time"),
        ("[output]", named("kubo", "terms = 'all'"), f"{OPTION}kubo.terms", "none, as kubo has no options"),
        ("[output]", named("kubo", "kBT = 0.1"), f"{OPTION}kubo.kBT", "[temperature] kBT; found 0.1"),
        ("[output]", named("conventional", "spin_current = 'qiao'"), f"{OPTION}conventional.spin_current", "[system] spin_cu"),
        ("[output]", named("nernst_kubo", "method = 'Mott'"), f"{OPTION}nernst_kubo.method", "'mott'; found 'Mott'"),
        ("[output]", named("conserved", "terms = 'none'"), f"{OPTION}conserved.terms", "'all', 'berry' or 'dipole'"),
        ("[output]", "[quantities]\noptions.drift.relaxation_time = 1\n[output]", "[quantities] options", "found drift"),
        ("[output]", "[quantities]\noptions = 3\n[output]", "[quantities] options", "a table of options"),
        (
            "[output]",
            '[quantities]\noperator = "mass"\n[output]',
            "[quantities] operator",
            "'spin', 'identity', 'charge'",
        ),
        ("[output]", '[quantities]\nexternal_terms = "no"\n[output]', "[quantities] external_terms", "found 'no'"),
        ('folder = "results"', "", "[output] folder", "found nothing"),
        ('folder = "results"', 'folder = "r"\noverwrite = "yes"', "[output] overwrite", "true or false"),
        ('folder = "results"', 'folder = "r"\ncomponents = ["xya"]', "[output] components", "['xya']"),
        ('folder = "results"', 'folder = "r"\ncomponents = ["xy"]', "[output] components", "3 of x, y and z"),
        ('"results"', '"r"\ncomponents = ["xyzx"]', "[output] components", "one for each axis of ils; found 'xyzx'"),
        ('"results"', '"r"\ncomponents = []', "[output] components", "found []"),
        ("[multiplets]\nthreshold = 0.01", "", "[multiplets] threshold", "found nothing"),
        ("[output]", "[outptu]", "[outptu]", "did you mean output?"),
        ("[grid]\nmesh = 8", "", "[grid] mesh", "found nothing"),
    ],
)
def test_error_names_file_and_key(tmp_path, old, new, key, message):
    path = write(tmp_path, (old, new))
    with pytest.raises(ConfigError) as error:
        read_config(path)
    line = next(line for line in str(error.value).splitlines() if line.startswith(f"{path}: {key}:"))
    assert message in line
    assert "expected" in line
    assert "found" in line


@pytest.mark.parametrize("zero", ["kBT = 0", "kBT = 0.0\ntetrahedra = true", "kBT = 0.0\nfermi_surface_width = 0.1"])
@pytest.mark.parametrize("names", [["nernst_kubo"], ["kubo", "nernst_conserved"], ["nernst_conventional"]])
def test_a_temperature_gradient_needs_a_temperature(tmp_path, names, zero):
    path = write(tmp_path, ("kBT = 0.05", zero), ("[output]", named(*names)))
    with pytest.raises(ConfigError, match=r"\[temperature\] kBT: expected a number > 0 \(eV\) for a response.*; found 0"):
        read_config(path)


@pytest.mark.parametrize("electrons", ["electrons = 10", "level = 18.0\ncarriers = 0.1"])
class TestElectrons:
    """A number of electrons in place of a level."""

    def test_no_tetrahedra(self, tmp_path, electrons):
        path = write(tmp_path, (SCAN, electrons), ("kBT = 0.05", "kBT = 0\ntetrahedra = true"))
        with pytest.raises(ConfigError, match=r"\[temperature\] tetrahedra: expected False.*; found True with electrons: "):
            read_config(path)

    def test_fermi_surface_needs_a_width(self, tmp_path, electrons):
        path = write(tmp_path, (SCAN, electrons), ("kBT = 0.05", "kBT = 0"))
        with pytest.raises(ConfigError, match=r"\[temperature\] fermi_surface_width: .*; found none, with electrons: "):
            read_config(path)

    def test_accepted(self, tmp_path, electrons):
        changes = (SCAN, electrons), ("kBT = 0.05", "kelvin = [100, 200]"), ("0.01", "0.01\ncompare = [0.1]")
        config, _ = read_config(write(tmp_path, *changes))
        assert config.fermi.counted and config.fermi.table_level is None
        assert all(calculator.electrons == config.fermi.scan() for calculator in make_calculators(config).values())
        assert len(comparison(config)) == 3


def test_spin_current_for_another_operator(tmp_path):
    extra = '[quantities]\nnames = ["conventional"]\noperator = "identity"\n[output]'
    path = write(tmp_path, ("[grid]", 'spin_current = "qiao"\n[grid]'), ("[output]", extra))
    with pytest.raises(ConfigError, match=r"\[system\] spin_current: expected 'projected' for an operator other than spin"):
        read_config(path)


def test_components_of_several_quantities(tmp_path):
    """Each quantity shows those that fit it; one that fits none is refused."""
    names = named("kubo", "orbital_magnetization", "number_of_electrons")
    components = 'folder = "r"\ncomponents = ["xyz", "zz"]'
    assert read_config(write(tmp_path, ("[output]", names), ('folder = "results"', components)))
    path = write(tmp_path, ("[output]", names), ('folder = "results"', components.replace("zz", "z")))
    with pytest.raises(ConfigError, match=r"\[output\] components: expected 2 or 3 of x, y and z, one for each axis of ils"):
        read_config(path)
    path = write(tmp_path, ("[output]", named("number_of_electrons")), ('folder = "results"', components))
    with pytest.raises(ConfigError, match=r"\[output\] components: expected none, as no quantity asked for has components"):
        read_config(path)
    scalar = named("torque_dipole").replace("[output]", 'operator = "identity"\n[output]')
    assert read_config(write(tmp_path, ("[output]", scalar), ('folder = "results"', 'folder = "r"\ncomponents = ["x"]')))


def test_options_reach_the_calculator(tmp_path):
    config, _ = read_config(write(tmp_path, ("[output]", named("drift", "relaxation_time = 10"))))
    (calculator,) = make_calculators(config).values()
    assert calculator.relaxation_time == 10
    assert Config.model_validate(config.model_dump()) == config


def test_the_comparison_leaves_out_what_no_threshold_enters(tmp_path):
    names = named("kubo", "density_of_states", "number_of_electrons")
    config, _ = read_config(write(tmp_path, ("[output]", names), ("threshold = 0.01", "threshold = 0.01\ncompare = [0.1]")))
    assert list(comparison(config)) == [("kubo", 0.1)]


def test_section_that_is_no_table(tmp_path):
    path = write(tmp_path, ("[grid]\nmesh = 8", ""), text="grid = 8\n" + GOOD)
    with pytest.raises(ConfigError, match=r"\[grid\]: expected a table; found 8"):
        read_config(path)


def test_all_problems_at_once(tmp_path):
    with pytest.raises(ConfigError) as error:
        read_config(write(tmp_path, ("mesh = 8", "mesh = 0"), ("threshold = 0.01", ""), ("kBT", "KBT")))
    lines = str(error.value).splitlines()
    assert any("[temperature] KBT: expected one of kBT" in line for line in lines)
    assert any("[grid] mesh" in line for line in lines)
    assert any("[multiplets] threshold" in line for line in lines)


def test_broken_toml_names_the_line(tmp_path):
    with pytest.raises(InputError, match=r"input\.toml, line 5: expected TOML"):
        read_config(write(tmp_path, ("mesh = 8", "mesh =")))


def test_missing_and_undecodable_files(tmp_path):
    with pytest.raises(InputError, match=r"none\.toml: expected a TOML file"):
        read_config(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'a = "\xe9"')
    with pytest.raises(InputError, match="UTF-8"):
        read_config(tmp_path / "latin.toml")


class TestZeroTemperature:
    """A Fermi-surface term at kBT = 0 needs a width."""

    def test_uniform_scan_serves(self, tmp_path):
        config, _ = read_config(write(tmp_path, ("kBT = 0.05", "kBT = 0.0")))
        assert make_calculators(config)["kubo"].fermi_surface_width == pytest.approx(0.1)

    def test_list_of_levels_is_refused(self, tmp_path):
        """They stay where they are."""
        path = write(tmp_path, ("kBT = 0.05", "kBT = 0.0"), ("window = [-1.0, 1.0]\npoints = 21", "levels = [17.0, 17.3]"))
        with pytest.raises(ConfigError, match=r"\[temperature\] fermi_surface_width: .*; found 3 .* not uniform"):
            read_config(path)

    @pytest.mark.parametrize(
        ("window", "points", "shift"),
        [
            ([-1.0, 1.0], 20, 1 / 19),  # the level in the middle between two points
            ([-1.0, 0.5], 201, 0.0025),
            ([-0.5, 1.0], 201, -0.0025),
            ([-0.01, 3.0], 4, 0.01),
            ([-1.0, 3.0], 2, 1.0),
            ([-1.0, 1.0], 21, 0.0),
        ],
    )
    def test_window_is_moved_onto_the_level(self, tmp_path, window, points, shift):
        """As many points of the same spacing, the level exactly one of them, by less than the spacing."""
        scan = f"window = {window}\npoints = {points}"
        config, _ = read_config(
            write(tmp_path, ("kBT = 0.05", "kBT = 0.0"), ("window = [-1.0, 1.0]\npoints = 21", scan))
        )
        calculator, spacing = make_calculators(config)["kubo"], (window[1] - window[0]) / (points - 1)
        assert config.shift == pytest.approx(shift, abs=1e-12)
        np.testing.assert_allclose(calculator.Efermi, 18.0 + np.linspace(*window, points) + shift, rtol=0, atol=1e-12)
        assert 18.0 in calculator.Efermi
        assert calculator.fermi_surface_width == pytest.approx(spacing)
        np.testing.assert_array_equal(config.scan(), calculator.Efermi)
        others = [other.Efermi for other in make_calculators(config).values()]
        assert all(np.array_equal(other, calculator.Efermi) for other in others)  # one scan for all

    @pytest.mark.parametrize(
        "change",
        [
            ("kBT = 0.05", "kBT = 0.0\nfermi_surface_width = 0.03"),
            ("kBT = 0.05", "kBT = 0.0\ntetrahedra = true"),
            ("kBT = 0.05", "kBT = 0.01"),
            ("kBT = 0.05\n", 'kBT = 0.0\n[quantities]\nnames = ["conventional"]\n'),
        ],
    )
    def test_window_stays_where_no_spacing_serves(self, tmp_path, change):
        config, _ = read_config(write(tmp_path, change, ("points = 21", "points = 20")))
        assert config.shift == 0.0
        (levels,) = {tuple(calculator.Efermi) for calculator in make_calculators(config).values()}
        assert len(levels) == 21

    def test_width_for_those_that_use_it(self, tmp_path):
        width = "kBT = 0.0\nfermi_surface_width = 0.03"
        config, _ = read_config(write(tmp_path, ("kBT = 0.05", width), ("points = 21", "points = 20")))
        calculators = make_calculators(config)
        assert calculators["conserved"].fermi_surface_width == 0.03
        assert calculators["conventional"].fermi_surface_width is None

    def test_tetrahedra_need_no_width(self, tmp_path):
        tetrahedra = ("kBT = 0.05", "kBT = 0.0\ntetrahedra = true")
        compare = ("threshold = 0.01", "threshold = 0.01\ncompare = [0.1]")
        config, _ = read_config(write(tmp_path, tetrahedra, compare, ("points = 21", "points = 20")))
        for calculator in [*make_calculators(config).values(), *comparison(config).values()]:
            assert calculator.tetra
            assert calculator.fermi_surface_width is None

    def test_width_without_use_is_refused(self, tmp_path):
        path = write(
            tmp_path,
            ("kBT = 0.05", "kBT = 0.0\nfermi_surface_width = 0.03"),
            ("[output]", '[quantities]\nnames = ["conventional"]\n[output]'),
        )
        with pytest.raises(ConfigError, match=r"\[temperature\] fermi_surface_width: expected none"):
            read_config(path)


def test_calculators_get_every_setting(tmp_path):
    extra = '[quantities]\nnames = ["dipole", "kubo"]\nexternal_terms = false\n[output]'
    config, _ = read_config(write(tmp_path, ("0.01", "0.02\nkramers = true"), ("[output]", extra)))
    calculators = make_calculators(config)
    assert list(calculators) == ["kubo", "dipole"]  # the headline first
    for calculator in calculators.values():
        assert calculator.parameters() == {
            "operator": "spin", "multiplet_threshold_eV": 0.02, "kramers_pairs": True, "kBT_eV": 0.05,
            "external_terms": False,
        }  # fmt: skip


class TestSystem:
    """What is checked against the data."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path

    def system(self, name, symmetry, mesh="8", level="18.0"):
        path = write(
            self.folder, ('"Pt"', f'"{DATA / name}"\nsymmetry = {symmetry}'), ("= 8", f"= {mesh}"), ("18.0", level)
        )
        return make_system(read_config(path)[0], path)

    def test_symmetry_of_platinum(self):
        system, grid = self.system("pt/Pt", '["C4z", "Inversion", "TimeReversal"]')
        assert system.pointgroup.size == 16
        assert grid.dense.tolist() == [8, 8, 8]

    def test_unknown_generator(self):
        with pytest.raises(ConfigError, match=r"\[system\] symmetry: .*C5z"):
            self.system("pt/Pt", '["C5z"]')

    def test_symmetry_that_the_lattice_lacks(self):
        with pytest.raises(ConfigError, match=r"\[system\] symmetry: .*lattice is not symmetric"):
            self.system("pt/Pt", '["C6z"]')

    def test_symmetry_that_the_spins_lack(self):
        with pytest.raises(ConfigError, match=r"\[system\] symmetry: .*spins"):
            self.system("te/Te", '["Inversion"]', level="6.079")

    def test_symmetry_that_the_bands_lack(self):
        with pytest.raises(ConfigError, match=r"\[system\] symmetry: .*bands"):
            self.system("te/Te", '["Mz"]', level="6.079")

    def test_time_reversal_of_a_magnet(self):
        with pytest.raises(ConfigError, match=r"\[system\] symmetry: .*(bands|spins)"):
            self.system("fe/Fe", '["TimeReversal"]', level="17.3896")

    def test_mesh_that_the_symmetry_does_not_allow(self):
        with pytest.raises(ConfigError, match=r"\[grid\] mesh: expected"):
            self.system("pt/Pt", '["C4z"]', mesh="[8, 8, 9]")

    def test_missing_files(self):
        with pytest.raises(InputError, match="Nothing"):
            self.system("pt/Nothing", "[]")
