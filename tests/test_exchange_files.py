"""Spin models from files of TB2J and from tables; the same model as in Python, and every fault with file and line."""

import numpy as np
import pytest
from data_folder import DATA

from wb_conserved import InputError
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.quasiparticles import SpinModel, honeycomb_magnet

IRON = DATA / "fe_exchange"
KPOINTS = np.array([[0.1, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, 0.0, 0.0], [0.13, 0.27, 0.41]])

TABLE = """# honeycomb, J = -1, D = 0.1
convention = "bonds"
unit = "meV"
cell = [[1.0, 0.0, 0.0],
        [0.5, 0.8660254037844386, 0.0], [0.0, 0.0, 3.0]]  # Å
positions = [[0, 0, 0], [0.3333333333333333, 0.3333333333333333, 0]]
spins = 1.0
directions = [[0, 0, 1], [0, 0, 1]]
anisotropy = [[0, 0, 0], [0, 0, 0], [0, 0, -50.0]]
periodic = [true, true, false]
0 1  0  0 0  -1e3
0 1 -1  0 0  -1000.0  # the second
0 1  0 -1 0  -1000 0 0 0

0 0  1  0 0  0 0 0 100
0 0 -1  1 0  0 0 0 100
0 0  0 -1 0  0 0 0 100
1 1  1  0 0  0 -100 0  100 0 0  0 0 0
1 1 -1  1 0  0 0 0 -100
1 1  0 -1 0  0 0 0 -100
"""

XML = """<?xml version="1.0" ?>
<System_definition>
 <unit_cell units="bohrradius">2 0 0
0 4 0
0 0 6</unit_cell>
 <atom index_spin="2"><position units="bohrradius">1 0 0</position><spinat>0 0 -2.0</spinat></atom>
 <atom index_spin="0"><position units="bohrradius">1 1 1</position><spinat>0 0 0.1</spinat></atom>
 <atom index_spin="1"><position units="bohrradius">0 0 0</position><spinat>0 0 3.0</spinat></atom>
 <spin_exchange_list units="eV"><nterms>1</nterms>
  <spin_exchange_term><ijR>1 2 0 1 0</ijR><data>-0.5 -0.5 -0.5</data></spin_exchange_term>
 </spin_exchange_list>
 <spin_DMI_list units="eV">
  <spin_DMI_term><ijR>1 2 0 1 0</ijR><data>0.1 0.2 0.3</data></spin_DMI_term>
 </spin_DMI_list>
 <spin_bilinear_list units="eV">
  <spin_bilinear_term><ijR>1 2 0 1 0</ijR><data>0.01 0.02 0 0.02 0.03 0 0 0 0.04</data></spin_bilinear_term>
 </spin_bilinear_list>
 <spin_uniaxial_SIA_list units="eV">
  <spin_uniaxial_SIA_term><i>1</i><amplitude>0.001</amplitude><direction>0 0 2</direction></spin_uniaxial_SIA_term>
 </spin_uniaxial_SIA_list>
</System_definition>
"""

OUT = """Information:
Cell (Angstrom):
2.0 0.0 0.0
0.0 4.0 0.0
0.0 0.0 6.0

Atoms:
(Note: charge and magmoms only count the wannier functions.)
Atom_number        x             y             z       w_charge    M(x)      M(y)      M(z)
Mn1             0.0 0.0 0.0    8.0177    0.0000   -0.0000    3.0
O1              1.0 1.0 1.0    8.0177    0.0000   -0.0000    0.1
Mn2             1.0 0.0 0.0    8.0177    0.0000   -0.0000   -2.0
Total                          8.0177    0.0000   -0.0000    1.1

Exchange:
    i      j          R        J_iso(meV)          vector          distance(A)
---------------------------------------------------------------------------
   Mn1   Mn2   (  0,   1,   0) -500.0   ( 1.0,  4.0,  0.0)  4.123
J_iso: -500.0
[Experimental!] Jprime: 37.997,  B: -12.307
[Testing!] DMI: ( 100.0  200.0  300.0)
[Testing!]J_ani:
[[ 10.  20.   0. ]
 [ 20.  30.   0. ]
 [  0.   0.  40. ]]
Combined J tensor (meV) [J = Jiso*I + DMI_antisymmetric + Jani_symmetric]:
[[ 1.  2.   3. ]
 [ 4.  5.   6. ]
 [  7.   8.  9. ]]
"""


def written(tmp_path, text, name):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def bands(model, regulator=1e-3):
    return WannierInterpolator(model.to_system(regulator)).band_energies(KPOINTS)


class TestTable:
    def test_is_the_model_in_python(self, tmp_path):
        found, expected = SpinModel.read(written(tmp_path, TABLE, "honeycomb.txt")), honeycomb_magnet()
        assert found.energy() == pytest.approx(expected.energy())
        flat = KPOINTS * [1, 1, 0]
        energies = [WannierInterpolator(model.to_system()).band_energies(flat) for model in (found, expected)]
        np.testing.assert_allclose(energies[0], energies[1], atol=1e-12)

    def test_arguments_take_the_place_of_settings(self, tmp_path):
        path = written(
            tmp_path, "1 2  0 0 0  -1000\n1 2 -1 0 0  -1000\n1 2, 0, -1, 0, -1000\n1 1  1 0 0  0 0 0 100\n", "rows.dat"
        )
        own = honeycomb_magnet()
        settings = {
            "cell": own.cell,
            "positions": own.positions,
            "spins": 2.0,
            "convention": "bonds",
            "unit": "eV",
            "first_site": 1,
        }
        found = SpinModel.read(path, **settings, directions=own.directions, periodic=(True, True, False))
        assert found.spins.tolist() == [2.0, 2.0] and len(found.first) == 2 * 4
        assert found.energy() == pytest.approx(-1000 * 3 * 4)

    def test_own_convention(self, tmp_path):
        text = TABLE.replace('"bonds"', '{ factor = -1.0, pairs = "once", spins = "unit vectors" }')
        assert SpinModel.read(written(tmp_path, text, "x.txt")).energy() == pytest.approx(3.0 - 0.1)

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('convention = "bonds"\n', "", "x.txt: expected convention, in the file or as an argument; found none"),
            ('unit = "meV"\n', "", "x.txt: expected unit, one of 'eV', 'meV', 'K'"),
            ('unit = "meV"', 'unit = "mev"', "unit, one of .*found 'mev'"),
            ("spins = 1.0", "spin = 1.0", "x.txt: expected settings among .*found 'spin'"),
            ("0 1  0 -1 0  -1000 0 0 0", "0 1  0 -1 0  -1000 0", "x.txt, line 13: expected i j R1 R2 R3 and J"),
            ("0 1  0 -1 0  -1000 0 0 0", "0 1  0 -1 x  -1000", "x.txt, line 13: expected i j R1 R2 R3 and J"),
            ("spins = 1.0", "spins = ", "x.txt: expected settings in TOML"),
            ("spins = 1.0", "first_site = 1\nspins = 1.0", "line 12: expected sites counted from 1"),
            ("0 0 -1  1 0", "0 7 -1  1 0", r"bonds\[4\]: expected sites from 0 to 1; found 7"),
        ],
    )
    def test_faults(self, tmp_path, old, new, message):
        assert old in TABLE
        with pytest.raises(InputError, match=message):
            SpinModel.read(written(tmp_path, TABLE.replace(old, new), "x.txt"))

    def test_no_rows(self, tmp_path):
        with pytest.raises(InputError, match="x.txt: expected rows i j R1 R2 R3 J"):
            SpinModel.read(written(tmp_path, "convention = 'bonds'\n", "x.txt"))


class TestTB2J:
    @pytest.mark.parametrize(("text", "name"), [(XML, "exchange.xml"), (OUT, "exchange.out")])
    def test_energy_by_its_equation(self, tmp_path, text, name):
        """E = −2 Σ_pairs [J S·S + S·J_ani·S + D·(S × S)] − K (S·e)², each pair in both orders."""
        model = SpinModel.read(written(tmp_path, text, name))
        np.testing.assert_allclose(model.spins, [1.5, 1.0])
        np.testing.assert_allclose(model.directions, [[0, 0, 1], [0, 0, -1]])
        np.testing.assert_allclose(model.positions, [[0, 0, 0], [0.5, 0, 0]], atol=1e-12)
        a, b = (np.array(v) / np.linalg.norm(v) for v in ([1.0, 2.0, -0.5], [0.3, -1.0, 2.0]))
        ani = np.array([[0.01, 0.02, 0], [0.02, 0.03, 0], [0, 0, 0.04]])
        expected = -2 * (-0.5 * a @ b + a @ ani @ b + np.array([0.1, 0.2, 0.3]) @ np.cross(a, b))
        expected -= 0.001 * a[2] ** 2 if name.endswith("xml") else 0
        assert model.energy([a, b]) == pytest.approx(expected, rel=1e-10)
        assert (0, 1, 0) in map(tuple, model.iRvec.tolist())

    def test_parts(self, tmp_path, caplog):
        path = written(tmp_path, XML, "exchange.xml")
        state = np.array([[1.0, 0, 0], [0, 1.0, 0]])
        full, determined, isotropic = (
            SpinModel.read(path, parts=parts).energy(state) for parts in ("full", "determined", "isotropic")
        )
        assert full == pytest.approx(-2 * (0.02 + 0.3))
        assert determined == pytest.approx(0.0) and isotropic == pytest.approx(0.0)  # D·n and J_ani are left out
        state = np.array([[0, 1.0, 0], [0, 0, 1.0]])
        assert SpinModel.read(path, parts="determined").energy(state) == pytest.approx(-2 * 0.1)
        assert not caplog.records
        with pytest.raises(InputError, match="parts: expected one of 'full', 'determined', 'isotropic'"):
            SpinModel.read(path, parts="some")

    def test_iron(self, caplog):
        """Both files of one calculation, with TB2J's note: J alone; digits of the text file are fewer."""
        xml, out = SpinModel.read(IRON / "exchange.xml"), SpinModel.read(IRON / "exchange.out")
        assert "one calculation does not determine" in caplog.text
        assert xml.spins == pytest.approx([1.1245], abs=1e-3) and np.allclose(xml.directions, [[0, 0, 1]])
        np.testing.assert_allclose(bands(xml), bands(out), atol=2e-4)
        assert 0.19 < bands(xml)[2, 1] < 0.3  # eV
        assert SpinModel.read(IRON).energy() == xml.energy()
        with pytest.raises(InputError, match="an eigenvalue of"):  # what may not be used
            SpinModel.read(IRON, parts="full").to_system(1e-3)

    def test_arguments(self, tmp_path):
        path = written(tmp_path, XML, "exchange.xml")
        model = SpinModel.read(path, spins=2.5, g=2.1, directions=[[1, 0, 0], [-1, 0, 0]])
        assert model.spins.tolist() == [2.5, 2.5] and model.g == 2.1
        assert SpinModel.read(path, g=4.0).spins.tolist() == [0.75, 0.5]
        with pytest.raises(InputError, match="convention: expected none, as exchange.xml has its own"):
            SpinModel.read(path, convention="half")
        assert SpinModel.read(path, convention="tb2j").energy() == SpinModel.read(path).energy()

    @pytest.mark.parametrize(
        ("text", "old", "new", "message"),
        [
            (XML, "</System_definition>", "", "exchange.xml, line .*: expected XML of TB2J"),
            (
                XML,
                "System_definition",
                "Other",
                "expected the element System_definition of TB2J; found the element Other",
            ),
            (XML, "<ijR>1 2 0 1 0</ijR>", "<ijR>1 2 0 1</ijR>", "expected 5 numbers in ijR of spin_exchange_term"),
            (XML, "<ijR>1 2 0 1 0</ijR>", "<ijR>1 3 0 1 0</ijR>", "expected spins from 1 to 2 in ijR; found 1 and 3"),
            (
                XML,
                'units="bohrradius">1 0 0',
                'units="angstrom">1 0 0',
                "position in units of bohrradius; found angstrom",
            ),
            (XML, 'index_spin="2"', 'index_spin="3"', r"expected atoms with index_spin 1, 2, ...; found \[1, 3\]"),
            (XML, "0 0 3.0</spinat>", "0 0 0</spinat>", "moments above 0.001 μ_B .* found 0 μ_B on site 0"),
            (OUT, "Cell (Angstrom)", "Cell", "the section 'Cell .Angstrom.' of TB2J's exchange.out"),
            (OUT, "0.0 4.0 0.0", "0.0 4.0", "exchange.xml, line 4: expected 3 numbers"),
            (OUT, "Mn1   Mn2   (", "Mn1   Mn3   (", "line 18: expected atoms Mn1, O1, Mn2; found Mn3"),
            (OUT, "100.0  200.0  300.0", "100.0  200.0", "line 21: expected 3 numbers"),
            (OUT, "Exchange:\n", "", "the section 'Exchange:'"),
        ],
    )
    def test_faults(self, tmp_path, text, old, new, message):
        assert old in text
        name = "exchange.xml" if text is XML else "exchange.out"
        with pytest.raises(InputError, match=message.replace("exchange.xml", name)):
            SpinModel.read(written(tmp_path, text.replace(old, new), name))

    def test_never_its_pickle(self, tmp_path):
        (tmp_path / "TB2J.pickle").write_bytes(b"cos\nsystem\n(S'echo unsafe > pwned'\ntR.")
        with pytest.raises(InputError, match="TB2J.pickle: expected .*found a pickle"):
            SpinModel.read(tmp_path / "TB2J.pickle")
        with pytest.raises(InputError, match="expected a folder of TB2J with .*found none of them"):
            SpinModel.read(tmp_path)
        with pytest.raises(InputError, match="found no such file"):
            SpinModel.read(tmp_path / "none.txt")
