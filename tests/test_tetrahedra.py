"""Linear tetrahedra: weights against their definition, exact densities of states and WannierBerri; then whole runs."""

import numpy as np
import pytest
import wannierberri
from levels import Levels, spectra, weighed
from wannierberri.calculators import static as wannierberri_static
from wannierberri.grid.tetrahedron import TetraWeightsParal

import wb_conserved
from wb_conserved.calculators.equilibrium import SpinOrbitalMagnetization
from wb_conserved.calculators.static import (
    BerrySpinConductivity,
    ConservedSpinConductivity,
    ConventionalSpinConductivity,
    DriftSpinConductivity,
)
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.interpolation.corners import CornerEnergies
from wb_conserved.occupations import Scan, Tetrahedra
from wb_conserved.occupations.tetrahedra import CORNERS, FACE_HALVES, cell_polynomials
from wb_conserved.units import conductivity_factor

SIEMENS_PER_METRE = 100  # of one S/cm


def cells(energies):
    """One band in many cells: energies (c, 9) of the k point and the corners as (k, 1) and (k, 8, 1)."""
    energies = np.asarray(energies, dtype=float)
    return energies[:, :1], energies[:, 1:, None]


def dense(occupation, energies, levels):
    """Weights (c, level) of energies (c, 9)."""
    return weighed(Tetrahedra(Scan(levels)), occupation, Levels(*cells(energies)), np.eye(len(energies))[:, None, :]).T


def of_wannierberri(energies, levels, derivative):
    center, corners = cells(energies)
    weights = TetraWeightsParal(eCenter=center, eCorners=corners.reshape(-1, 2, 2, 2, 1))
    groups = weights.weights_all_band_groups(levels, der=derivative)
    return np.array([group.get((0, 1), np.zeros(len(levels))) for group in groups])


@pytest.fixture
def random_cells():
    return np.random.default_rng(1).uniform(-1, 1, size=(300, 9))


pytestmark = pytest.mark.usefixtures("kernels")

LEVELS = np.linspace(-1.2, 1.2, 97)


def test_twelve_tetrahedra_fill_the_cell():
    """Of equal volume, each with two edges and one diagonal of a face."""
    vertices = CORNERS[FACE_HALVES] - 0.5
    volumes = np.abs(np.linalg.det(vertices)) / 6
    np.testing.assert_allclose(volumes, 1 / 12, atol=1e-15)
    # points at random belong to one tetrahedron each
    points = np.random.default_rng(0).uniform(-0.5, 0.5, size=(2000, 3))
    coordinates = np.einsum("tij,pi->tpj", np.linalg.inv(vertices.swapaxes(1, 2)).swapaxes(1, 2), points)
    inside = np.all(coordinates >= 0, axis=2) & (coordinates.sum(axis=2) <= 1)
    assert np.all(inside.sum(axis=0) == 1)


def test_equals_wannierberri_on_random_cells(random_cells):
    np.testing.assert_allclose(dense("sea", random_cells, LEVELS), of_wannierberri(random_cells, LEVELS, 0), atol=1e-12)
    # its surface weights lose digits where corners are close to each other
    apart = np.diff(np.sort(random_cells, axis=1), axis=1).min(axis=1) > 1e-3
    assert apart.sum() > 200
    found = dense("surface", random_cells, LEVELS)[apart]
    expected = of_wannierberri(random_cells[apart], LEVELS, 1)
    assert expected.max() > 1
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_sea_is_the_occupied_fraction(random_cells):
    """Against points at random in the tetrahedra, with the energy linear in each."""
    generator = np.random.default_rng(3)
    share = -np.log(generator.uniform(size=(4, 20000)))
    share /= share.sum(axis=0)
    for energies in random_cells[:3]:
        vertices = np.concatenate([np.full((12, 1), energies[0]), energies[1:][FACE_HALVES]], axis=1)
        sample = (vertices @ share).ravel()
        fraction = (sample[:, None] <= LEVELS).mean(axis=0)
        np.testing.assert_allclose(dense("sea", energies[None], LEVELS)[0], fraction, atol=5e-3)
        potential = np.minimum(sample[:, None] - LEVELS, 0).mean(axis=0)
        np.testing.assert_allclose(dense("grand_potential", energies[None], LEVELS)[0], potential, atol=5e-3)


def test_derivatives_of_each_other(random_cells):
    """∂(sea)/∂μ = surface, ∂(grand potential)/∂μ = −sea, by differences of piecewise polynomials."""
    step = 1e-5
    around = np.concatenate([LEVELS - step, LEVELS + step])
    for name, slope, sign in (("sea", "surface", 1), ("grand_potential", "sea", -1)):
        lower, upper = np.split(dense(name, random_cells, around), 2, axis=1)
        np.testing.assert_allclose((upper - lower) / (2 * step), sign * dense(slope, random_cells, LEVELS), atol=2e-3)
        center = np.abs((upper - lower) / (2 * step) - sign * dense(slope, random_cells, LEVELS))
        assert np.median(center) < 1e-8


def test_extremes(random_cells):
    """Nothing below all energies, everything above: one state, no surface, and mean energy minus Fermi level."""
    levels = np.array([-2.0, 5.0])
    np.testing.assert_array_equal(dense("sea", random_cells, levels), [[0.0, 1.0]] * len(random_cells))
    assert not dense("surface", random_cells, levels).any()
    mean = random_cells[:, 0] / 4 + random_cells[:, 1:][:, FACE_HALVES].mean(axis=(1, 2)) * 3 / 4
    potential = dense("grand_potential", random_cells, levels)
    np.testing.assert_allclose(potential, np.stack([0 * mean, mean - 5.0], axis=1), atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e4])
def test_linear_band_is_exact(scale):
    """ε = g·x over the cell: the volume below μ is known, also where the gradient is along an edge or a diagonal."""
    for gradient in ([1.0, 0.6, 0.3], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]):
        slopes = scale * np.array(gradient)
        energies = np.concatenate([[0.0], (CORNERS - 0.5) @ slopes])
        levels = scale * np.linspace(-1.6, 1.6, 65) + 1e-4 * scale
        used = slopes[slopes > 0]
        # the volume below μ of a box is a sum of truncated powers over its corners
        corners = np.stack(np.meshgrid(*([[0, 1]] * len(used)), indexing="ij"), -1).reshape(-1, len(used))
        distance = levels[:, None] - ((corners - 0.5) @ used)
        signs = (-1.0) ** corners.sum(axis=1)
        power, factor = len(used), np.prod(used) * np.prod(np.arange(1, len(used) + 1))
        volume = (signs * np.clip(distance, 0, None) ** power).sum(axis=1) / factor
        density = (
            power * (signs * np.where(distance > 0, distance, 0) ** (power - 1) * (distance > 0)).sum(axis=1) / factor
        )
        np.testing.assert_allclose(dense("sea", energies[None], levels)[0], volume, atol=1e-10)
        np.testing.assert_allclose(scale * dense("surface", energies[None], levels)[0], scale * density, atol=1e-9)


def test_free_electrons():
    """ε = k²/2 on a mesh: number of states and density of states of a sphere, to second order in the spacing."""
    errors = []
    for mesh in (12, 24):
        axis = (np.arange(mesh) + 0.5) / mesh - 0.5
        k = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 1, 3)
        points = np.concatenate([k, k + (CORNERS - 0.5) / mesh], axis=1)
        energies = (points**2).sum(axis=2) / 2
        level = np.array([0.08])
        radius = np.sqrt(2 * level[0])
        volume = dense("sea", energies, level).mean() / (4 / 3 * np.pi * radius**3)
        density = dense("surface", energies, level).mean() / (4 * np.pi * radius)
        errors.append([abs(volume - 1), abs(density - 1)])
    assert errors[1][0] < 0.3 * errors[0][0] < 1e-2
    assert errors[1][1] < 1e-2


def test_the_order_of_equivalent_corners_does_not_matter(random_cells):
    """Reflections that map each diagonal on itself, and permutations of the axes."""
    grid = np.arange(8).reshape(2, 2, 2)
    for mapped in (grid[::-1, ::-1, ::-1], grid.transpose(1, 2, 0), grid.transpose(2, 1, 0)):
        permuted = np.concatenate([random_cells[:, :1], random_cells[:, 1:][:, mapped.ravel()]], axis=1)
        for name in ("sea", "surface", "grand_potential"):
            np.testing.assert_allclose(dense(name, permuted, LEVELS), dense(name, random_cells, LEVELS), atol=1e-10)


@pytest.mark.parametrize("values", [2, 3, 4])
def test_coincident_corners_are_the_limit_of_distinct_ones(values):
    """Energies that take only a few values: two, three or all four vertices of many tetrahedra coincide."""
    generator = np.random.default_rng(values)
    energies = np.linspace(-0.7, 0.7, values)[generator.integers(values, size=(200, 9))]
    near = energies + 1e-9 * generator.uniform(-1, 1, size=energies.shape)
    levels = LEVELS + 1e-3  # none at one of the energies
    for name, bound in (("sea", 1e-7), ("grand_potential", 1e-7), ("surface", 1e-5)):
        found = dense(name, energies, levels)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, dense(name, near, levels), atol=bound)
    at_the_energies = np.linspace(-0.7, 0.7, values)
    assert np.abs(dense("surface", energies, at_the_energies)).max() < 100  # finite, of the order of 1/width
    np.testing.assert_allclose(dense("sea", energies, levels), of_wannierberri(energies, levels, 0), atol=1e-9)


def test_surface_stays_finite_where_wannierberri_loses_it():
    """A cell 1e-8 eV wide with Fermi levels inside, and one without width next to a Fermi level."""
    energies = 5 + 1e-8 * np.random.default_rng(2).uniform(size=(1, 9))
    inside = 5 + 1e-8 * np.linspace(-0.1, 1.1, 61)
    found = dense("surface", energies, inside)[0]
    assert found.min() >= 0 and found.max() < 3e9
    assert np.sum(found) * 2e-10 == pytest.approx(1, abs=0.02)
    theirs = of_wannierberri(energies, inside, 1)[0]
    assert np.abs(theirs - found).max() > 100 * found.max()

    flat, scan = np.full((1, 9), 5.0), np.array([4.9, 5.0 + 1.5e-12])
    assert not dense("surface", flat, scan).any()
    assert np.abs(of_wannierberri(flat, scan, 1)).max() > 1e9


def test_a_flat_band_is_a_step():
    """Surface weight, a delta function, 0 everywhere; the state itself occupied from its energy on."""
    levels = np.array([0.3, 0.5, 0.7])
    energies = np.full((1, 9), 0.5)
    np.testing.assert_array_equal(dense("sea", energies, levels), [[0, 1, 1]])
    np.testing.assert_array_equal(dense("surface", energies, levels), [[0, 0, 0]])
    np.testing.assert_allclose(dense("grand_potential", energies, levels), [[0, 0, -0.2]], atol=1e-15)
    split = energies + 1e-17 * np.arange(9)
    assert np.isfinite(dense("surface", split, levels)).all()


@pytest.mark.parametrize("gap", [1e-15, 1e-12, 1e-9, 1e-6, 1e-3])
def test_polynomials_between_close_energies(gap):
    """Fractions between 0 and 1, ascending, and no density above that of the narrowest tetrahedron."""
    generator = np.random.default_rng(5)
    energies = 0.5 * generator.integers(3, size=(200, 9)) + gap * generator.uniform(0, 1, size=(200, 9))
    levels = np.sort(np.concatenate([energies[::10].ravel(), LEVELS]))
    sea, surface = dense("sea", energies, levels), dense("surface", energies, levels)
    assert sea.min() > -1e-12 and sea.max() < 1 + 1e-12 and np.diff(sea, axis=1).min() > -1e-12
    vertices = np.concatenate([np.repeat(energies[:, None, :1], 12, 1), energies[:, 1:][:, FACE_HALVES]], axis=2)
    largest = (3 / np.ptp(vertices, axis=2)).mean(axis=1)
    assert np.all(surface >= -1e-12 * largest[:, None]) and np.all(surface <= 1.001 * largest[:, None])


def test_polynomials_join(random_cells):
    """w is continuous at the knots, 0 at the first and 1 from the last on."""
    knots, coefficients = cell_polynomials(random_cells.T)
    distance = np.diff(knots, axis=1)
    c = coefficients[:, :, :8]
    end = c[0] + distance * (c[1] + distance * (c[2] + distance * c[3]))
    np.testing.assert_allclose(end, coefficients[0, :, 1:], atol=1e-12)
    np.testing.assert_allclose(coefficients[0, :, 0], 0, atol=1e-14)
    np.testing.assert_array_equal(coefficients[:, :, 8].T, [[1, 0, 0, 0]] * len(knots))


def bands():
    generator = np.random.default_rng(8)
    energies = np.sort(generator.uniform(-1, 1, size=(20, 6)), axis=1)
    corners = np.sort(energies[:, None] + 0.2 * generator.normal(size=(20, 8, 6)), axis=2)
    return energies, corners, generator.normal(size=(20, 6, 3, 2))


@pytest.mark.parametrize("levels", [np.array([0.1]), np.array([0.4, -0.3, 0.4, 2.0]), np.linspace(-2, 2, 301)])
@pytest.mark.parametrize("name", ["sea", "surface", "grand_potential"])
def test_spectra_are_sums_over_bands_and_additive(name, levels):
    energies, corners, values = bands()
    statistics = Tetrahedra(Scan(levels))
    together = np.concatenate([energies[:, None], corners], axis=1).swapaxes(1, 2).reshape(-1, 9)
    expected = np.einsum("bf,b...->f...", dense(name, together, levels), values.reshape(-1, 3, 2))
    parts = [
        spectra(statistics, name, Levels(energies[part], corners[part]), values[part])
        for part in (slice(0, 7), slice(7, 20))
    ]
    total = [first + second for first, second in zip(*parts, strict=True)]
    assert total[0].shape == (statistics.n_nodes, 3, 2)
    np.testing.assert_allclose(statistics.weigh(name, total), expected, atol=1e-11)


def test_multiplets_share_their_mean_weight():
    """As WannierBerri's band groups; so that only the trace over a multiplet counts."""
    energies, corners, values = bands()
    levels, threshold = np.linspace(-1, 1, 31), 0.15
    states = Levels(energies, corners, threshold)
    assert 1 < states.multiplets.size.max() < 6
    statistics = Tetrahedra(Scan(levels))
    theirs = TetraWeightsParal(eCenter=energies, eCorners=corners.reshape(20, 2, 2, 2, 6))
    for name, derivative in (("sea", 0), ("surface", 1)):
        expected = np.zeros((31, 3, 2))
        groups = theirs.weights_all_band_groups(levels, der=derivative, degen_thresh=threshold)
        for k, group in enumerate(groups):
            for (first, last), weight in group.items():
                expected += np.multiply.outer(weight, values[k, first:last].sum(axis=0))
        found = weighed(statistics, name, states, values)
        np.testing.assert_allclose(found, expected, atol=1e-7)
        # weight moved between the bands of a multiplet changes nothing
        moved = weighed(statistics, name, states, states.multiplets.mean(values.reshape(20, 6, 6)))
        np.testing.assert_allclose(moved.reshape(31, 3, 2), found, atol=1e-11)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="Efermi"):
        Tetrahedra(Scan(np.array([np.nan])))
    with pytest.raises(ValueError, match="tetra: expected kBT = 0"):
        Tetrahedra(Scan([0.0], 0.1))
    statistics = Tetrahedra(Scan([0.0]))
    with pytest.raises(ValueError, match="corner_energies"):
        spectra(statistics, "sea", Levels(np.zeros((2, 3)), np.zeros((2, 3, 8))), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="weight: expected one of sea"):
        spectra(statistics, "entropy", Levels(np.zeros((2, 3)), np.zeros((2, 8, 3))), np.zeros((2, 3)))


def test_corner_energies_are_diagonalised_once(tellurium):
    """The same as one by one, for cells of a mesh in parts, around the edge of the zone, off the mesh, and refined."""
    band_energies = WannierInterpolator(tellurium).band_energies
    counts = []

    def counted(kpoints):
        counts.append(len(kpoints))
        return band_energies(kpoints)

    mesh = np.array([2, 3, 4])
    kpoints = np.stack(np.meshgrid(*(np.arange(n) / n for n in mesh), indexing="ij"), -1).reshape(-1, 3)
    corners = CornerEnergies()

    def corner_energies(kpoints, cell):
        return corners(counted, kpoints, cell)

    found = np.concatenate([corner_energies(part, 1 / mesh) for part in np.array_split(kpoints, 5)])
    direct = band_energies((kpoints[:, None] + (CORNERS - 0.5) / mesh).reshape(-1, 3)).reshape(found.shape)
    np.testing.assert_allclose(found, direct, atol=1e-10)
    assert sum(counts) == len(kpoints) + 1
    for some, cell in (
        (kpoints[:5] + np.array([0.01, 0.02, 0.03]), 1 / mesh),
        (np.random.default_rng(0).random((3, 3)), 1 / mesh),
    ):
        direct = band_energies((some[:, None] + (CORNERS - 0.5) * cell).reshape(-1, 3)).reshape(len(some), 8, -1)
        np.testing.assert_allclose(corner_energies(some, cell), direct, atol=1e-7)


def test_corner_energies_do_not_depend_on_their_company(tellurium):
    band_energies = WannierInterpolator(tellurium).band_energies
    kpoints = np.random.default_rng(0).random((37, 3))
    together = band_energies(kpoints)
    np.testing.assert_array_equal(together[::-1], band_energies(kpoints[::-1]))
    np.testing.assert_array_equal(together[5:6], band_energies(kpoints[5:6]))


@pytest.mark.parametrize("name, level", [("platinum", 18.087), ("tellurium", 6.079)])
def test_runs_equal_wannierberri(name, level, request, tmp_path):
    """Fermi sea: conventional conductivity.  Fermi surface: Ohmic conductivity of platinum, where the velocities of a
    Kramers pair are equal: WannierBerri has tr_M v^i v^l where the drift has tr_M v^i times the mean v̄^l.  Both drivers."""
    system = request.getfixturevalue(name)
    scan = np.linspace(level - 2, level + 2, 33)
    shared = dict(tetra=True, degen_thresh=1e-6)
    theirs = {
        "conventional": wannierberri_static.SHC(Efermi=scan, kwargs_formula={"spin_current_type": "simple"}, **shared),
        "drift": wannierberri_static.Ohmic_FermiSurf(Efermi=scan, **shared),
    }

    def ours(**arguments):
        drift = DriftSpinConductivity(scan, operator="identity", relaxation_time=1.0, **arguments)
        return {"conventional": ConventionalSpinConductivity(scan, **arguments), "drift": drift}

    grid = wb_conserved.regular_grid(system, 4)
    options = dict(parallel=False, use_irred_kpt=False, symmetrize=False)
    expected = wannierberri.run(system, grid, theirs, fout_name=str(tmp_path / "theirs"), **options).results
    within = wannierberri.run(system, grid, ours(**shared), fout_name=str(tmp_path / "ours"), **options).results
    options.pop("parallel")
    alone = wb_conserved.run(system, 4, ours(**shared), **options).results
    steps = wb_conserved.run(system, 4, ours(degen_thresh=1e-6), **options).results
    for quantity, sign in (("conventional", 1), ("drift", -1))[: 2 if name == "platinum" else 1]:
        reference = sign * expected[quantity].data / SIEMENS_PER_METRE
        scale = np.abs(reference).max()
        for found in (within, alone):
            np.testing.assert_allclose(found[quantity].data, reference, atol=1e-8 * scale, err_msg=quantity)
        assert np.abs(steps[quantity].data - reference).max() > 1e-2 * scale


class CurvaturePart(SpinOrbitalMagnetization):
    """Grand-potential term of the orbital magnetization alone."""

    occupations = ("grand_potential",)

    def terms(self, band_geometry):
        return super().terms(band_geometry)[1:]

    def factor(self, system):
        return 1.0


def test_hall_conductivity_is_the_slope_of_the_magnetization(iron):
    """XN 12 for the identity, at each k point: ∂/∂μ of ∫ g Ω and −∫ f Ω, the same with tetrahedra."""
    step = 1e-4
    scan = 17.4 + step * np.array([-1, 0, 1])
    arguments = dict(operator="identity", tetra=True)
    calculators = {"M": CurvaturePart(scan, **arguments), "Hall": BerrySpinConductivity(scan, **arguments)}
    results = wb_conserved.run(iron, 4, calculators).results
    slope = (results["M"].data[2] - results["M"].data[0]) / (2 * step)
    hall = results["Hall"].data[1] / conductivity_factor(iron)
    axial = 0.5 * np.array([hall[j, i] - hall[i, j] for i, j in ((1, 2), (2, 0), (0, 1))])
    np.testing.assert_allclose(slope, -axial, atol=1e-3 * np.abs(axial).max())


def test_refusals():
    with pytest.raises(ValueError, match=r"tetra: expected False, or kBT = 0"):
        ConventionalSpinConductivity([0.0], tetra=True, kBT=0.1)
    with pytest.raises(ValueError, match=r"fermi_surface_width: expected none, as tetrahedra"):
        ConservedSpinConductivity([0.0], tetra=True, fermi_surface_width=0.1)
    assert ConservedSpinConductivity([0.0], tetra=True).parameters()["tetrahedra"] is True
