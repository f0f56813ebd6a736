"""Models of other Python packages: the packages themselves where they are installed, and objects like theirs everywhere."""

import itertools
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from wb_conserved.io import InputError, load_system
from wb_conserved.io.checks import to_k

KPOINTS = np.random.default_rng(0).random((4, 3))
PAULI = np.array([np.eye(2), [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
LATTICE = np.array([[2.0, 0.3], [0.1, 1.7]])
ORBITALS = np.array([[0.1, 0.2], [-0.4, 1.3]])  # not in the home cell, as models may have them
ONSITE = (0.3, -0.7)
HOPPINGS = ((0.5 + 0.2j, 0, 1, (0, 0)), (0.3j, 1, 0, (1, -1)), (0.25, 0, 0, (1, 0)), (-0.15 + 0.1j, 1, 1, (0, 2)))
ONSITE_SPIN = (0.3 * PAULI[0] + 0.2 * PAULI[3], -0.7 * PAULI[0] + 0.1 * PAULI[1])
HOPPINGS_SPIN = tuple(
    (amplitude * PAULI[0] + 1j * (0.1 * PAULI[1 + n % 3] - 0.3 * PAULI[2]), i, j, R)
    for n, (amplitude, i, j, R) in enumerate(HOPPINGS)
)


def exact(k, spinful, periodic=(True, True)):
    """H(k) of the model, written out; spins of an orbital next to each other."""
    spins = 2 if spinful else 1
    onsite, hoppings = (ONSITE_SPIN, HOPPINGS_SPIN) if spinful else (ONSITE, HOPPINGS)
    H = np.zeros((2, spins, 2, spins), dtype=complex)
    for i, energy in enumerate(onsite):
        H[i, :, i, :] += energy
    for amplitude, i, j, R in hoppings:
        part = np.zeros_like(H)
        part[i, :, j, :] = amplitude * np.exp(2j * np.pi * np.dot(k[:2], R))
        H += part + part.conj().transpose(2, 3, 0, 1)
    return H.reshape(2 * spins, 2 * spins)


def check(system, spinful, orbitals=ORBITALS, lattice=LATTICE):
    for k, H in zip(KPOINTS, to_k(system, "Ham", KPOINTS), strict=True):
        assert np.allclose(H, exact(k, spinful), atol=1e-12)
    centers = np.repeat(orbitals @ lattice, 2 if spinful else 1, axis=0)
    assert np.allclose(system.wannier_centers_cart[:, :2], centers)
    assert np.asarray(system.periodic).tolist() == [True, True, False]
    assert np.allclose(np.asarray(system.real_lattice)[:2, :2], lattice)
    assert np.abs(system.get_R_mat("AA")).max() == 0
    if spinful:
        S = system.get_R_mat("SS")[system.rvec.iR0]
        assert np.allclose(S, np.moveaxis([np.kron(np.eye(2), sigma) for sigma in PAULI[1:]], 0, -1))


def like(package, name, **attributes):
    """An object with the name and attributes of a class of a package."""
    kind = type(name, (), {"__module__": f"{package}.somewhere"})
    value = kind()
    value.__dict__.update(attributes)
    return value


def pythtb_1(spinful):
    onsite, hoppings = (ONSITE_SPIN, HOPPINGS_SPIN) if spinful else (ONSITE, HOPPINGS)
    return like(
        "pythtb",
        "tb_model",
        _lat=LATTICE,
        _orb=ORBITALS,
        _per=[0, 1],
        _nspin=2 if spinful else 1,
        _site_energies=np.array(onsite),
        _hoppings=[[amplitude, i, j, np.array(R)] for amplitude, i, j, R in hoppings],
    )


def pythtb_2(spinful):
    onsite, hoppings = (ONSITE_SPIN, HOPPINGS_SPIN) if spinful else (ONSITE, HOPPINGS)
    entries = [
        {"amplitude": amplitude, "from_orbital": i, "to_orbital": j} | ({"lattice_vector": list(R)} if any(R) else {})
        for amplitude, i, j, R in hoppings
    ]
    return like(
        "pythtb",
        "TBModel",
        lat_vecs=LATTICE,
        orb_vecs=ORBITALS,
        periodic_dirs=[0, 1],
        _nspin=2 if spinful else 1,
        _site_energies=np.array(onsite),
        hoppings=entries,
    )


def tbmodels_hop():
    """Matrices that TBmodels keeps: halves of H, that of R = 0 included."""
    matrices = {(0, 0): np.diag(ONSITE).astype(complex) / 2}
    for amplitude, i, j, R in HOPPINGS:
        matrices.setdefault(R, np.zeros((2, 2), dtype=complex))[i, j] += amplitude
    return matrices


def tbmodels_like():
    return like("tbmodels", "Model", uc=LATTICE, pos=ORBITALS, dim=2, size=2, hop=tbmodels_hop())


@pytest.mark.parametrize("make", [pythtb_1, pythtb_2])
@pytest.mark.parametrize("spinful", [False, True])
def test_pythtb(make, spinful):
    check(load_system(make(spinful), spin=spinful), spinful)


def test_spin_of_models_without():
    for model in (pythtb_1(False), tbmodels_like()):
        with pytest.raises(InputError, match="given: expected spin_order .*as it has no spin; or spin=False"):
            load_system(model)
    block = load_system(tbmodels_like(), spin_order="block", spin_tolerance=9, spin_part_tolerance=9, time_reversal=False)
    assert block.has_R_mat("SS")


def test_a_ribbon_of_pythtb():
    """Directions that are not periodic have no hoppings across cells."""
    model = pythtb_1(False)
    model._per = [1]
    model._hoppings = [hopping for hopping in model._hoppings if not hopping[3][0]]
    system = load_system(model, spin=False)
    assert np.asarray(system.periodic).tolist() == [False, True, False]


def test_tbmodels_object():
    check(load_system(tbmodels_like(), spin=False), False)


def write_hdf5(path, matrices, sparse=False, top="", **changes):
    """A file as TBmodels 1.4 writes it."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(path, "w") as file:
        group = file.create_group(top) if top else file
        values = {"uc": LATTICE, "occ": 1, "size": 2, "dim": 2, "pos": ORBITALS, "sparse": sparse} | changes
        for name, value in values.items():
            if value is not None:
                group[name] = value
        hop = group.create_group("hop")
        for n, (R, matrix) in enumerate(matrices.items()):
            part = hop.create_group(str(n))
            part["R"] = R
            if not sparse:
                part["mat"] = matrix
                continue
            from scipy.sparse import csr_matrix

            rows = csr_matrix(matrix)
            part["data"], part["indices"], part["indptr"], part["shape"] = rows.data, rows.indices, rows.indptr, rows.shape
    return path


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("top", ["", "tb_model"])
def test_tbmodels_file(tmp_path, sparse, top):
    path = write_hdf5(tmp_path / "model.hdf5", tbmodels_hop(), sparse, top)
    check(load_system(path, spin=False), False)
    check(load_system(tmp_path / "model", spin=False), False)


def test_broken_tbmodels_files(tmp_path):
    path = write_hdf5(tmp_path / "model.hdf5", tbmodels_hop(), pos=None)
    with pytest.raises(InputError, match=r"model\.hdf5: expected a HDF5 file of TBmodels; found KeyError.*pos"):
        load_system(path, spin=False)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"model\.hdf5: expected a HDF5 file of TBmodels; found OSError"):
        load_system(path, spin=False)


@pytest.mark.parametrize(("name", "file", "words"), [("h5py", "X.hdf5", "pip install"), ("sisl", "X.TSHS", "pip install sisl")])
def test_what_to_install(tmp_path, monkeypatch, name, file, words):
    monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / file).write_bytes(b"x")
    with pytest.raises(InputError, match=f"{name}.*{words}.*found no such package"):
        load_system(tmp_path / file, spin=False)


def test_other_objects_are_refused():
    with pytest.raises(InputError, match="a path, or .*an object of .*PythTB model, .*sisl Hamiltonian.*; found a dict"):
        load_system({})
    with pytest.raises(InputError, match="found a tb_model"):
        load_system(like("mypackage", "tb_model"))


# --- ASE: a calculator of the bands of a chain of two orbitals, whose Wannier functions are the orbitals


class Bands:
    """What ase.dft.wannier asks of a calculator, for a model with two orbitals; all functions are kept."""

    def __init__(self, mesh=(3, 2, 1)):
        from ase import Atoms

        self.mesh, self.cell = mesh, np.diag([2.0, 3.0, 9.0])
        self.positions = np.array([[0.1, 0.2, 0.0], [0.6, 0.1, 0.0]])  # reduced
        self.atoms = Atoms("H2", cell=self.cell, pbc=True, scaled_positions=self.positions)
        self.kpoints = np.array(list(itertools.product(*(np.arange(n) / n for n in mesh))))
        self.solutions = [np.linalg.eigh(self.hamiltonian(k)) for k in self.kpoints]

    def hamiltonian(self, k):
        H = np.diag([0.4, -0.2]).astype(complex)
        H[0, 1] = 0.7 + 0.3 * np.exp(-2j * np.pi * k[0]) + 0.2j * np.exp(2j * np.pi * k[1])
        H[1, 0] = H[0, 1].conj()
        return H + 0.4 * np.cos(2 * np.pi * k[0]) * np.eye(2)

    def get_bz_k_points(self):
        return self.kpoints.copy()

    get_ibz_k_points = get_bz_k_points

    def get_number_of_spins(self):
        return 1

    def get_number_of_bands(self):
        return 2

    def get_eigenvalues(self, kpt=0, spin=0):
        return self.solutions[kpt][0]

    def get_homo_lumo(self):
        return -1.0, 1.0

    def get_fermi_level(self):
        return 0.0

    def get_atoms(self):
        return self.atoms

    def get_wannier_localization_matrix(self, nbands, dirG, kpoint, nextkpoint, G_I, spin):
        """<ψ_k| e^{iG·r} |ψ_k'>, k' = k − G, of orbitals that are points."""
        step = self.kpoints[kpoint] - self.kpoints[nextkpoint] - np.asarray(dirG) / self.mesh
        assert np.allclose(step, np.rint(step))
        phases = np.exp(2j * np.pi * self.positions @ (np.asarray(dirG) / self.mesh))
        return self.solutions[kpoint][1].conj().T @ (phases[:, None] * self.solutions[nextkpoint][1])


def test_ase():
    """Wannier functions that are the orbitals: bands are those of the calculator at any k that its mesh determines."""
    wannier = pytest.importorskip("ase.dft.wannier", reason="ASE is not installed")
    calculator = Bands()
    functions = wannier.Wannier(2, calculator, fixedstates=2, initialwannier="bloch", log=lambda *_: None)
    for k, (_, states) in enumerate(calculator.solutions):
        functions.wannier_state.U_kww[k] = states.conj().T
    functions.update()
    system = load_system(functions, spin=False)
    kpoints = np.array([*calculator.kpoints, [1 / 6, 0.0, 0.0], [0.41, 0.0, 0.0]])
    expected = [np.linalg.eigvalsh(calculator.hamiltonian(k)) for k in kpoints]
    assert np.allclose(np.linalg.eigvalsh(to_k(system, "Ham", kpoints)), expected, atol=1e-12)
    before = functions.get_centers()
    functions.translate(1, [1, 0, 0])
    assert np.allclose(functions.get_centers()[1] - before[1], [2.0, 0, 0])
    moved = load_system(functions, spin=False)
    assert np.allclose(np.linalg.eigvalsh(to_k(moved, "Ham", kpoints)), expected, atol=1e-12)
    difference = system.wannier_centers_cart @ np.linalg.inv(calculator.cell) - calculator.positions
    assert np.allclose(difference / calculator.mesh, np.rint(difference / calculator.mesh), atol=1e-9)
    assert system.ab_initio_mesh == (3, 2, 1)
    with pytest.raises(InputError, match="the Wannier given: expected spin_order"):
        load_system(functions)


# --- the packages themselves


@pytest.mark.parametrize("spinful", [False, True])
def test_installed_pythtb(spinful):
    pythtb = pytest.importorskip("pythtb", reason="PythTB is not installed")
    onsite, hoppings = (ONSITE_SPIN, HOPPINGS_SPIN) if spinful else (ONSITE, HOPPINGS)
    if hasattr(pythtb, "TBModel") and hasattr(pythtb, "Lattice"):
        model = pythtb.TBModel(pythtb.Lattice(LATTICE, ORBITALS, [0, 1]), spinful=spinful)
        theirs = lambda k: model.hamiltonian([k[:2]])[0]  # noqa: E731
    else:
        model = pythtb.tb_model(2, 2, LATTICE, ORBITALS, nspin=2 if spinful else 1)
        theirs = lambda k: model._gen_ham(k[:2])  # noqa: E731
    model.set_onsite(list(onsite))
    for amplitude, i, j, R in hoppings:
        model.set_hop(amplitude, i, j, list(R))
    system = load_system(model, spin=spinful)
    check(system, spinful)
    k = KPOINTS[0]
    assert np.allclose(np.linalg.eigvalsh(theirs(k).reshape(system.num_wann, -1)), np.linalg.eigvalsh(exact(k, spinful)))


def test_installed_tbmodels(tmp_path):
    tbmodels = pytest.importorskip("tbmodels", reason="TBmodels is not installed")
    model = tbmodels.Model(on_site=list(ONSITE), size=2, dim=2, pos=ORBITALS, uc=LATTICE)
    for amplitude, i, j, R in HOPPINGS:
        model.add_hop(amplitude, i, j, R)
    wrapped, shifts = ORBITALS % 1, np.floor(ORBITALS).astype(int)  # TBmodels puts orbitals into the home cell
    model.to_hdf5_file(str(tmp_path / "model.hdf5"))
    for source in (model, tmp_path / "model.hdf5"):
        system = load_system(source, spin=False)
        expected = [np.linalg.eigvalsh(exact(k, False)) for k in KPOINTS]
        assert np.allclose(np.linalg.eigvalsh(to_k(system, "Ham", KPOINTS)), expected)
        assert np.allclose(system.wannier_centers_cart[:, :2] @ np.linalg.inv(LATTICE), model.pos)
        bands = np.array(model.eigenval(KPOINTS[:, :2]))
        assert np.allclose(np.linalg.eigvalsh(to_k(system, "Ham", KPOINTS)), bands)
    assert np.allclose(model.pos, wrapped)
    assert shifts.any()


@pytest.mark.parametrize("spin", ["unpolarized", "polarized", "non-collinear", "spin-orbit"])
def test_installed_sisl(spin):
    """Graphene with exchange and Rashba terms, as far as the kind of spin has them."""
    sisl = pytest.importorskip("sisl", reason="sisl is not installed")
    geometry = sisl.geom.graphene()
    H = sisl.Hamiltonian(geometry, spin=sisl.Spin(spin))
    for i in geometry:
        own, near = geometry.close(i, R=(0.1, 1.44))
        numbers = {"unpolarized": [0.2], "polarized": [0.2, -0.3], "non-collinear": [0.2, -0.3, 0.1, 0.05]}
        H[i, own] = numbers.get(spin, [0.2, -0.3, 0.1, 0.05, 0, 0, 0.1, -0.05])
        for j in near:
            x, y, _ = geometry.axyz(j) - geometry.xyz[i]
            real = {"unpolarized": [-2.7], "polarized": [-2.7, -2.5], "non-collinear": [-2.7, -2.5, 0, 0]}
            H[i, j] = real.get(spin, [-2.7, -2.5, -0.3 * x, 0.3 * y, 0, 0, 0.3 * x, 0.3 * y])
    system = load_system(H, spin=spin != "unpolarized")
    for k in KPOINTS * [1, 1, 0]:
        spins = [{"spin": 0}, {"spin": 1}] if spin == "polarized" else [{}]
        expected = np.sort(np.concatenate([H.eigh(k=k, **options) for options in spins]))
        assert np.allclose(np.linalg.eigvalsh(to_k(system, "Ham", k[None])[0]), expected, atol=1e-6)
    assert np.allclose(system.wannier_centers_cart[:: 1 if spin == "unpolarized" else 2], geometry.xyz)
    if spin != "unpolarized":
        theirs = H.eigenstate(KPOINTS[0] * [1, 1, 0], **({"spin": 0} if spin == "polarized" else {}))
        energies, states = np.linalg.eigh(to_k(system, "Ham", KPOINTS[:1] * [1, 1, 0])[0])
        S = to_k(system, "SS", KPOINTS[:1] * [1, 1, 0])[0]
        ours = np.einsum("in,ijc,jn->nc", states.conj(), S, states).real
        if spin != "polarized":
            assert np.allclose(ours.T, theirs.spin_moment(), atol=1e-6)
        else:
            assert np.allclose(np.sort(ours[:, 2]), [-1, -1, 1, 1])
    with pytest.raises(InputError, match="an orthogonal basis; found one with overlaps"):
        load_system(sisl.Hamiltonian(geometry, orthogonal=False), spin=False)


def test_sisl_of_another_kind():
    odd = SimpleNamespace(is_unpolarized=False, is_polarized=False, is_noncolinear=False, is_spinorbit=False)
    with pytest.raises(InputError, match="a Hamiltonian of electrons"):
        load_system(like("sisl", "Hamiltonian", orthogonal=True, spin=odd))
