"""Phonons: frequencies and angular momenta of a model with exact answers, files of other codes, conservation."""

import numpy as np
import pytest
from wannierberri.system.system_R import System_R

import wb_conserved
from wb_conserved import InputError
from wb_conserved.calculators import SUMS
from wb_conserved.calculators.band_geometry import BandGeometry
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.interpolation.batches import interpolated_batch
from wb_conserved.models import kane_mele
from wb_conserved.quasiparticles import honeycomb_springs, phonon_angular_momentum, phonon_system

SHEET = {"periodic": (True, True, False)}
K = np.array([[2 / 3, 1 / 3, 0], [1 / 3, 2 / 3, 0]])
LOW_SYMMETRY = ((1.0, 0.25, 0.1), (1.0, 1.5))


def system_of(springs=(1.0, 0.25, 0.1), masses=(1.0, 1.5), regulator=0.05, **options):
    return phonon_system(honeycomb_springs(*springs, masses), regulator, **SHEET, **options)


def geometry(system, kpoints):
    operator = system.particles.observable(phonon_angular_momentum(system))
    batch = interpolated_batch(WannierInterpolator(system), np.asarray(kpoints, dtype=float))
    return BandGeometry(batch, operator, 1e-9, False, False)


def results(system, names, mesh=12, kBT=0.5, **options):
    own = {"kBT": kBT, "degen_thresh": 1e-7, "operator": phonon_angular_momentum(system)} | options
    calculators = {name: SUMS[name].calculator(**own) for name in names}
    found = wb_conserved.run(system, mesh, calculators, symmetrize=False, use_irred_kpt=False).results
    return {name: found[name].data for name in names}


class TestModel:
    def test_frequencies(self):
        """√ of the eigenvalues of D(k), and the regulator in quadrature."""
        lattice, positions, matrices = honeycomb_springs()
        kpoints = np.random.default_rng(0).random((20, 3)) * [1, 1, 0]
        D = matrices[0, 0, 0] + np.zeros((20, 6, 6), dtype=complex)
        for R in ((-1, 0, 0), (0, -1, 0)):
            half = np.exp(2j * np.pi * kpoints @ np.array(R))[:, None, None] * matrices[R]
            D += half + half.conj().swapaxes(1, 2)
        found = WannierInterpolator(system_of()).band_energies(kpoints)[:, 6:]
        np.testing.assert_allclose(found**2, np.linalg.eigvalsh(D) + 0.05**2, rtol=1e-9)

    def test_circular_modes_at_k(self):
        """Exact frequencies and angular momenta of the four modes in the plane, with the other sign at −K."""
        (kL, kT, kz), (mA, mB) = LOW_SYMMETRY
        a, c = 1.5 * (kL + kT), 1.5 * (kL - kT)
        g = geometry(system_of(regulator=0.0), K)
        squares, momentum = g.energies[:, 6:] ** 2, g.expectation[:, 6:]
        np.testing.assert_allclose(momentum[0], -momentum[1], atol=1e-9)
        root = np.sqrt(0.25 * (a / mA - a / mB) ** 2 + c**2 / (mA * mB))
        mean = 0.5 * (a / mA + a / mB)
        expected = np.sort([a / mA, a / mB, mean + root, mean - root, 3 * kz / mA, 3 * kz / mB])
        np.testing.assert_allclose(squares[0], expected, rtol=1e-9)
        along = {value: momentum[0, np.abs(squares[0] - value).argmin(), 2] for value in (a / mA, a / mB)}
        assert abs(along[a / mA]) == pytest.approx(1, abs=1e-9)
        assert along[a / mB] == pytest.approx(-along[a / mA], abs=1e-9)
        # of the coupled modes |A|² − |B|², times the sign that is left for A
        upper = momentum[0, np.abs(squares[0] - mean - root).argmin(), 2]
        weight = 0.5 * (a / mA - a / mB) / root
        assert upper == pytest.approx(-along[a / mA] * weight, abs=1e-9)

    def test_angular_momentum_by_polarisation_vectors(self):
        """ħ Im(ē × e) of the eigenvectors of D."""
        system, kpoints = system_of(), np.random.default_rng(1).random((6, 3)) * [1, 1, 0]
        g = geometry(system, kpoints)
        interpolator = WannierInterpolator(system)
        H = interpolator(interpolator.phases(kpoints), "Ham")
        e = np.linalg.eigh(H[:, :6, :6] + H[:, :6, 6:])[1].reshape(6, 2, 3, 6)  # A + B = D/Ω
        momentum = np.moveaxis(np.cross(np.moveaxis(e.conj(), 2, -1), np.moveaxis(e, 2, -1)).sum(axis=1).imag, 1, 1)
        np.testing.assert_allclose(g.expectation[:, 6:], momentum, atol=1e-9)

    def test_the_basis_does_not_matter(self):
        """Ω is arbitrary: all results are the same."""
        names = ("nernst_conserved", "nernst_conventional", "orbital_magnetization", "torque_quadrupole")
        plain, other = (results(system_of(reference=value), names, 6) for value in (None, 0.3))
        for name in names:
            scale = np.abs(plain[name]).max()
            np.testing.assert_allclose(other[name], plain[name], rtol=0, atol=1e-9 * max(scale, 1e-12))
        assert np.abs(plain["nernst_conserved"]).max() > 0


class TestAngularMomentumCurrent:
    def test_hall_response(self):
        """Phonon angular momentum Hall effect: antisymmetric L_z part, allowed by the symmetry of the layer; conserved and
        conventional differ, as L does not commute with H."""
        found = results(system_of(), ("nernst_conserved", "nernst_conventional"), 48)
        for data in found.values():
            assert abs(data[0, 0, 1, 2] + data[0, 1, 0, 2]) < 1e-6 * abs(data[0, 0, 1, 2])
        conserved, conventional = (data[0, 0, 1, 2] for data in found.values())
        assert abs(conserved - conventional) > 0.05 * abs(conventional)

    def test_isotropic_springs_conserve_it(self):
        """k_L = k_T: [H, L_z] = 0, no torque along z, l = ±1 in pairs."""
        for springs, conserved in (((1.0, 1.0, 0.3), True), ((1.0, 0.5, 0.3), False)):
            g = geometry(system_of(springs=springs), np.random.default_rng(0).random((5, 3)) * [1, 1, 0])
            torque = np.abs(g.torque[:, :, 2]).max()
            assert (torque < 1e-12) == conserved
            assert (np.abs(g.torque_dipole[..., 2]).max() < 1e-12) == conserved
        assert np.abs(g.torque[:, :, 0]).max() > 0.1  # x and y are not conserved in the layer

    def test_conservation_law(self):
        """∫ n J + D^τ = 0 (XN 5) for random force constants, without inversion."""
        generator, matrices = np.random.default_rng(4), {}
        for R in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (1, -1, 0)):
            matrices[R] = 0.2 * generator.normal(size=(6, 6))
        matrices[0, 0, 0] = matrices[0, 0, 0] + matrices[0, 0, 0].T + 4 * np.eye(6)
        system = phonon_system((np.diag([1.0, 1.2, 5.0]), [[0, 0, 0], [0.4, 0.3, 0]], matrices), **SHEET)
        own = {"kBT": 0.5, "degen_thresh": 1e-9, "operator": phonon_angular_momentum(system)}
        report = wb_conserved.conservation_report(system, 24, None, use_irred_kpt=False, symmetrize=False, **own)
        assert np.abs(report.uniform_current.first).max() > 1e-4
        assert report.uniform_current.relative < 1e-9

    def test_classical_specific_heat(self):
        found = wb_conserved.run(system_of(), 4, {"C": SUMS["specific_heat"].calculator(kBT=1e3)}).results["C"].data
        assert found == pytest.approx([6], rel=1e-6)

    def test_data_set(self):
        system = system_of(zero_point=True)
        own = {"kBT": 0.5, "operator": phonon_angular_momentum(system), "degen_thresh": 1e-7}
        calculator = SUMS["equilibrium_current"].calculator(**own)
        data = wb_conserved.run(system, 4, {"J": calculator}, symmetrize=False, use_irred_kpt=False).to_dataset()
        assert data.attrs["particles"] == "phonons, each band counted 1"
        assert data.attrs["assumptions"].endswith("regulator 0.05 eV; zero-point motion included")
        assert data["J"].attrs["operator"] == "phonon angular momentum"


def dynamical_matrix_files(folder, mesh, drift=0.0):
    """Files X.dyn0 and X.dyn1.xml of the springs, out of those that Quantum ESPRESSO writes: the parts that matter."""
    lattice, positions, matrices = honeycomb_springs((1e-3), 0.25e-3, 0.1e-3, (20.0, 30.0), 3.0)
    masses = np.repeat([20.0, 30.0], 3) * 911.444242  # in Rydberg units
    every = dict(matrices) | {tuple(-x for x in R): M.T for R, M in matrices.items()}
    alat = 3.0
    text = ["<Root><GEOMETRY_INFO>", "<NUMBER_OF_TYPES>2</NUMBER_OF_TYPES>", "<NUMBER_OF_ATOMS>2</NUMBER_OF_ATOMS>"]
    text += [f"<CELL_DIMENSIONS>{alat / 0.529177210903} 0 0 0 0 0</CELL_DIMENSIONS>", "<AT>"]
    text += [" ".join(map(str, row / alat)) for row in lattice] + ["</AT>"]
    text += ["<MASS.1>20.0</MASS.1><MASS.2>30.0</MASS.2>"]
    for n, place in enumerate(positions @ lattice / alat):
        text.append(f'<ATOM.{n + 1} INDEX="{n + 1}" TAU="{" ".join(map(str, place))}"/>')
    points = [(i / mesh, j / mesh, 0.0) for i in range(mesh) for j in range(mesh)]
    text.append(f"<NUMBER_OF_Q>{len(points)}</NUMBER_OF_Q></GEOMETRY_INFO>")
    for n, q in enumerate(points):
        D = sum(np.exp(2j * np.pi * np.dot(q, R)) * M for R, M in every.items()) / 13.605693122994**2  # eV² -> Ry²
        phi = D * np.sqrt(np.outer(masses, masses)) + drift * np.eye(6)
        cartesian = np.linalg.solve(lattice / alat, q)
        text.append(f"<DYNAMICAL_MAT_.{n + 1}><Q_POINT>{' '.join(map(str, cartesian))}</Q_POINT>")
        for i in range(2):
            for j in range(2):
                block = phi[3 * i : 3 * i + 3, 3 * j : 3 * j + 3].ravel(order="F")
                rows = "\n".join(f"{x.real},{x.imag}" for x in block)
                text.append(f"<PHI.{i + 1}.{j + 1}>\n{rows}\n</PHI.{i + 1}.{j + 1}>")
        text.append(f"</DYNAMICAL_MAT_.{n + 1}>")
    (folder / "x.dyn1.xml").write_text("\n".join([*text, "</Root>"]), encoding="utf-8")
    (folder / "x.dyn0").write_text(f"{mesh} {mesh} 1\n1\n", encoding="utf-8")
    return lattice, (lattice, positions, matrices)


class TestFiles:
    def test_quantum_espresso(self, tmp_path):
        """The force constants that they were made of, between nearest images, and the acoustic sum rule."""
        lattice, springs = dynamical_matrix_files(tmp_path, 4, drift=1e-3)  # which the sum rule takes away
        found, expected = phonon_system(tmp_path / "x", 1e-3, **SHEET), phonon_system(springs, 1e-3, **SHEET)
        np.testing.assert_allclose(found.real_lattice, lattice, rtol=1e-8)
        np.testing.assert_allclose(found.wannier_centers_cart, expected.wannier_centers_cart, atol=1e-8)
        kpoints = np.random.default_rng(2).random((5, 3)) * [1, 1, 0]
        energies = [WannierInterpolator(one).band_energies(kpoints)[:, 6:] for one in (found, expected)]
        np.testing.assert_allclose(energies[0], energies[1], rtol=1e-5)

    def test_as_wannierberri_reads_them(self, tmp_path):
        """Which works for two q points along each direction; its lattice is in units of alat."""
        pytest.importorskip("xmltodict", reason="WannierBerri reads dynamical matrices with xmltodict")
        dynamical_matrix_files(tmp_path, 2)
        theirs = System_R.from_phonons_qe(str(tmp_path / "x"), silent=True, fftlib="numpy")
        kpoints = np.random.default_rng(2).random((5, 3)) * [1, 1, 0]
        found = phonon_system(tmp_path / "x", 1e-3, **SHEET), phonon_system(theirs, 1e-3, **SHEET)
        energies = [WannierInterpolator(one).band_energies(kpoints)[:, 6:] for one in found]
        np.testing.assert_allclose(energies[0], energies[1], rtol=1e-7)

    @pytest.mark.parametrize(
        ("name", "old", "new", "message"),
        [
            ("x.dyn0", "4 4 1", "4 4", "x.dyn0, line 1: expected three numbers of the mesh"),
            ("x.dyn0", "4 4 1", "5 4 1", r"x.dyn1.xml: expected q points of the mesh \[5, 4, 1\]"),
            ("x.dyn0", "4 4 1", "8 4 1", r"expected 32 q points of the mesh \[8, 4, 1\] in its files; found 16"),
            ("x.dyn0", "1\n1", "1\n2", "x.dyn2.xml: expected a text file that can be read"),
            ("x.dyn1.xml", "</Root>", "", "x.dyn1.xml, line .*: expected dynamical matrices"),
            ("x.dyn1.xml", "<MASS.1>20.0</MASS.1>", "", "x.dyn1.xml: expected 1 numbers in MASS.1"),
            (
                "x.dyn1.xml",
                "<PHI.1.1>\n",
                "<PHI.1.1>\n1.0,2.0\n",
                "x.dyn1.xml: expected 18 numbers in PHI.1.1; found 20",
            ),
        ],
    )
    def test_faults(self, tmp_path, name, old, new, message):
        dynamical_matrix_files(tmp_path, 4)
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(InputError, match=message):
            phonon_system(tmp_path / "x")

    def test_phonopy(self):
        """Its own frequencies, off the mesh of the supercell."""
        phonopy = pytest.importorskip("phonopy", reason="phonopy is optional: pip install '.[phonons]'")
        from phonopy.structure.atoms import PhonopyAtoms

        places = [[0.05, 0.1, 0.5], [0.8, 0.7, 0.5]]
        cell = PhonopyAtoms(
            symbols=["B", "N"], cell=[[2.5, 0, 0], [-1.25, 2.165, 0], [0, 0, 8]], scaled_positions=places
        )
        phonons = phonopy.Phonopy(cell, np.diag([3, 3, 1]), primitive_matrix=np.eye(3), log_level=0)
        number = len(phonons.supercell)
        generator = np.random.default_rng(3)
        constants = generator.normal(size=(number, number, 3, 3))
        phonons.force_constants = constants + constants.transpose(1, 0, 3, 2)
        phonons.symmetrize_force_constants()
        onsite = np.eye(3) * 100
        phonons.force_constants = phonons.force_constants + onsite * np.eye(number)[:, :, None, None]
        system = phonon_system(phonons, **SHEET)
        kpoints = generator.random((6, 3)) * [1, 1, 0]
        energies = WannierInterpolator(system).band_energies(kpoints)[:, 6:]
        expected = np.array([phonons.get_frequencies(k) for k in kpoints]) * 4.135667696e-3  # THz -> eV
        np.testing.assert_allclose(energies, expected, rtol=1e-5)
        np.testing.assert_allclose(system.wannier_centers_cart[::3][:2], cell.positions, atol=1e-9)
        # between the nearest images of atoms, which velocities between bands depend on
        centres, matrices = system.wannier_centers_cart, np.asarray(system.get_R_mat("Ham"))
        distance = np.linalg.norm(
            (system.rvec.iRvec @ system.real_lattice)[:, None, None] + centres - centres[:, None], axis=-1
        )
        longest = np.linalg.norm(phonons.primitive.get_smallest_vectors()[0] @ cell.cell, axis=1).max()
        assert distance[np.abs(matrices) > 1e-12].max() == pytest.approx(longest)


class TestRefused:
    def test_imaginary_frequency(self):
        with pytest.raises(
            InputError, match=r"found an imaginary frequency, ħω = .*i meV, at k = \(.*amplitudes: atom 0"
        ):
            system_of(springs=(1.0, -0.5, 0.1))

    def test_acoustic_modes(self, caplog):
        system = system_of(regulator=0.0)
        assert "acoustic modes have no energy at k = (0, 0, 0)" in caplog.text
        with pytest.raises(InputError, match="positive definite"):
            results(system, ("nernst_conserved",), 4)

    def test_sources(self, tmp_path):
        with pytest.raises(
            InputError, match=r"source: expected a system of phonons \(is_phonon\); found one of electrons"
        ):
            phonon_system(kane_mele())
        with pytest.raises(InputError, match="source: expected a System_R of phonons, a Phonopy object"):
            phonon_system(3)
        with pytest.raises(InputError, match="expected a .yaml file of phonopy, or the seed name"):
            phonon_system(tmp_path / "nothing")
        with pytest.raises(InputError, match="system: expected phonons"):
            phonon_angular_momentum(kane_mele())
        with pytest.raises(InputError, match="masses: expected two numbers > 0"):
            honeycomb_springs(masses=(1.0, 0.0))
        with pytest.raises(InputError, match="periodic: expected true along directions with force constants"):
            phonon_system(honeycomb_springs(), periodic=(True, False, False))
        with pytest.raises(InputError, match="complex"):
            lattice, positions, matrices = honeycomb_springs()
            phonon_system((lattice, positions, {R: M + (0.1j if any(R) else 0) for R, M in matrices.items()}), **SHEET)

    def test_electric_field(self):
        with pytest.raises(InputError, match="phonons carry no charge"):
            results(system_of(), ("conventional",), 4)
