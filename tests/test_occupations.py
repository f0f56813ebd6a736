"""Statistics: exact weighting by temperature and level, whatever the spacing of the scan."""

import numpy as np
import pytest
from levels import Levels, spectra, weighed
from scipy.interpolate import make_interp_spline
from scipy.special import expit, spence

from wb_conserved.occupations import STATISTICS, Bose, FermiDirac, Mott, Scan, Steps, Tetrahedra, fermi_statistics

pytestmark = pytest.mark.usefixtures("kernels")

_Y = np.linspace(-60, 60, 12001)
_BELOW = make_interp_spline(_Y, _Y**2 * expit(_Y) * expit(-_Y), k=7).antiderivative()


def heat_above(x):
    """∫_x^∞ y² (−f'(y)) dy, by splines."""
    return _BELOW(60.0) - _BELOW(x)


SCANS = {
    "uniform": np.linspace(-1, 1, 41),
    "coarse": np.linspace(-1, 1, 3),
    "single": np.array([0.123]),
    "unordered": np.array([0.7, -0.3, 0.1, 0.7]),
    "far apart": np.array([-2.5, 2.5]),
}


@pytest.fixture
def bands():
    generator = np.random.default_rng(2)
    energies = np.sort(generator.uniform(-3, 3, size=(30, 12)), axis=1)
    return energies, generator.normal(size=(30, 12, 3, 2))


def fermi_weights(weight, distance, kBT):
    """w(ε − μ), written out."""
    x = distance / kBT
    return {
        "sea": expit(-x),
        "surface": expit(x) * expit(-x) / kBT,
        "grand_potential": -kBT * np.logaddexp(0, -x),
        "entropy": np.logaddexp(0, -x) + x * expit(-x),
        "entropy_surface": x * expit(x) * expit(-x) / kBT,
        "thermal_sea": heat_above(np.clip(x, -60, 60)),
        "heat_capacity": x**2 * expit(x) * expit(-x),
    }[weight]


def direct(weights, values):
    return np.einsum("fkn,kn...->f...", weights, values)


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.parametrize("kBT", [0.002, 0.0259, 0.1, 1.0])
@pytest.mark.parametrize("weight", FermiDirac.weights)
def test_finite_temperature_equals_direct_weighting(bands, scan, kBT, weight):
    energies, values = bands
    weights = fermi_weights(weight, energies - SCANS[scan][:, None, None], kBT)
    found = weighed(fermi_statistics(Scan(SCANS[scan], kBT)), weight, Levels(energies), values)
    # of each weight, whose largest value is of order 1 or 1/kT
    largest = max(1.0, 1 / kBT) if "surface" in weight else 1.0
    np.testing.assert_allclose(found, direct(weights, values), atol=3e-9 * largest * np.abs(values).sum())


@pytest.mark.parametrize("scan", SCANS)
def test_zero_temperature_is_exact(bands, scan):
    energies, values = bands
    levels, width = SCANS[scan], 0.07
    statistics = fermi_statistics(Scan(levels), width)

    def occupied(mu):
        return direct((energies <= mu[:, None, None]).astype(float), values)

    np.testing.assert_allclose(weighed(statistics, "sea", Levels(energies), values), occupied(levels), atol=1e-12)
    box = (occupied(levels + width) - occupied(levels - width)) / (2 * width)
    np.testing.assert_allclose(weighed(statistics, "surface", Levels(energies), values), box, atol=1e-11)
    heat = weighed(statistics, "thermal_sea", Levels(energies), values)
    np.testing.assert_allclose(heat, np.pi**2 / 3 * occupied(levels), atol=1e-11)
    below = direct(np.minimum(energies - levels[:, None, None], 0.0), values)
    np.testing.assert_allclose(weighed(statistics, "grand_potential", Levels(energies), values), below, atol=1e-11)
    with pytest.raises(ValueError, match="weight: expected one of sea, surface, grand_potential, thermal_sea with steps"):
        spectra(statistics, "entropy", Levels(energies), values)
    with pytest.raises(ValueError, match="fermi_surface_width: expected a number > 0"):
        weighed(fermi_statistics(Scan(levels)), "surface", Levels(energies), values)


class TestTemperatures:
    """Several temperatures at once."""

    @pytest.mark.parametrize("several", [[0.05], [0.01, 0.03, 1.0], [0.1, 0.001], [0.02, 0.02, 0.021]])
    @pytest.mark.parametrize("weight", FermiDirac.weights)
    def test_each_equals_direct_weighting(self, bands, several, weight):
        """As accurately as a single one, though all share one axis."""
        energies, values = bands
        levels = SCANS["uniform"]
        statistics = fermi_statistics(Scan(levels, several))
        assert list(statistics.scan) == ["Efermi", "kBT"]
        found = weighed(statistics, weight, Levels(energies), values)
        assert found.shape == (len(levels), len(several), 3, 2)
        for i, kBT in enumerate(several):
            weights = fermi_weights(weight, energies - levels[:, None, None], kBT)
            largest = max(1.0, 1 / kBT) if "surface" in weight else 1.0
            scale = largest * np.abs(values).sum()
            np.testing.assert_allclose(found[:, i], direct(weights, values), atol=1e-8 * scale)
            alone = weighed(fermi_statistics(Scan(levels, kBT)), weight, Levels(energies), values)
            np.testing.assert_allclose(found[:, i], alone, atol=1e-10 * scale)

    @pytest.mark.parametrize("weight", FermiDirac.weights)
    def test_one_level_for_each(self, bands, weight):
        """Levels so far apart that what lies between them belongs to neither temperature."""
        energies, values = bands
        levels, several = np.array([0.3, -2.0, 2.9]), [0.02, 0.004, 0.004]
        statistics = fermi_statistics(Scan(levels, several, paired=True))
        assert list(statistics.scan) == ["kBT"]
        np.testing.assert_array_equal(statistics.coordinates["mu"][1], levels)
        found = weighed(statistics, weight, Levels(energies), values)
        for i, (mu, kBT) in enumerate(zip(levels, several, strict=True)):
            expected = direct(fermi_weights(weight, energies[None] - mu, kBT), values)[0]
            largest = max(1.0, 1 / kBT) if "surface" in weight else 1.0
            np.testing.assert_allclose(found[i], expected, atol=3e-9 * largest * np.abs(values).sum())

    def test_the_axis_grows_with_their_number_and_not_with_their_ratio(self):
        nodes = [fermi_statistics(Scan([0.0], several)).n_nodes for several in ([0.001], [0.001, 0.1], [0.001, 1.0])]
        assert nodes[1] < 9 * nodes[0] and nodes[2] < 1.1 * nodes[1]  # four times closer for each of two

    @pytest.mark.parametrize("kBT", [[0.0, 0.1], [], [[0.1]], -0.1, [0.1, -0.1], np.nan, "warm", None])
    def test_refused(self, kBT):
        with pytest.raises(ValueError, match="kBT: expected a number >= 0, or several > 0"):
            Scan([0.0], kBT)


class TestMott:
    """The numerical convolution of steps."""

    @pytest.mark.parametrize("weight", Mott.weights)
    def test_approaches_the_entropy(self, bands, weight):
        energies, values = bands
        scan = Scan(np.linspace(-1, 1, 5), 0.2)
        found = weighed(Mott(scan), weight, Levels(energies), values)
        expected = weighed(FermiDirac(scan), weight, Levels(energies), values)
        np.testing.assert_allclose(found, expected, atol=2e-2 * np.abs(expected).max())
        assert np.abs(found - expected).max() > 1e-9 * np.abs(expected).max()  # another way

    @pytest.mark.parametrize("weight", Mott.weights)
    def test_each_of_several_temperatures_equals_a_single_one(self, bands, weight):
        energies, values = bands
        levels, several = np.linspace(-1, 1, 5), [0.05, 0.2]
        found = weighed(Mott(Scan(levels, several)), weight, Levels(energies), values)
        for i, kBT in enumerate(several):
            alone = weighed(Mott(Scan(levels, kBT)), weight, Levels(energies), values)
            np.testing.assert_allclose(found[:, i], alone, rtol=1e-10, atol=1e-10)

    def test_refused_at_zero_temperature(self):
        with pytest.raises(ValueError, match="kBT: expected a number > 0"):
            Mott(Scan([0.0]))


class TestBose:
    """Bosons, whose number diverges at zero energy."""

    @staticmethod
    def exact(weight, energy, kBT):
        x = energy / kBT
        n = 1 / np.expm1(x)
        return {
            "sea": n,
            "surface": np.exp(-x) / np.expm1(-x) ** 2 / kBT,
            "grand_potential": kBT * np.log(-np.expm1(-x)),
            "entropy": -np.log(-np.expm1(-x)) + x * n,  # (1 + n) ln(1 + n) − n ln n, without cancellation
            "entropy_surface": x * np.exp(-x) / np.expm1(-x) ** 2 / kBT,
            # (1 + n) ln²((1 + n)/n) − ln² n − 2 Li₂(−n), Li₂(−n) = spence(1 + n)
            "thermal_sea": (1 + n) * x**2 - np.log(n) ** 2 - 2 * spence(1 + n),
            "heat_capacity": x**2 * np.exp(-x) / np.expm1(-x) ** 2,
        }[weight]

    @pytest.mark.parametrize("kBT", [0.03, [2.0, 0.1]], ids=str)
    def test_zero_point_motion(self, kBT, bands):
        """n + ½ and g + ½ε, of bands that no temperature reaches too; the others do not know it."""
        energies, values = np.abs(bands[0]) * 100 + 0.02, bands[1]
        assert energies.max() > 40 * np.max(kBT)
        for weight in Bose.weights:
            plain, more = (weighed(Bose(kBT, zero), weight, Levels(energies), values) for zero in (False, True))
            half = {"sea": np.full_like(energies, 0.5), "grand_potential": 0.5 * energies}.get(weight, 0 * energies)
            expected = plain + np.einsum("kn,kn...->...", half, values)
            np.testing.assert_allclose(more, expected, rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize("kBT", [0.5, 0.03, [2.0, 0.1, 0.5]], ids=str)
    @pytest.mark.parametrize("weight", Bose.weights)
    def test_equals_direct_sums_down_to_soft_modes(self, weight, kBT):
        """Each energy alone, from 0.01 to 40 kT, to 1e-9 of its weight or of 1."""
        statistics = Bose(kBT)
        for i, one in enumerate(np.atleast_1d(kBT)):
            energies = one * np.geomspace(0.01, 40, 400)[None]
            found = weighed(statistics, weight, Levels(energies), np.eye(400)[None])
            found = found[i] if np.ndim(kBT) else found
            expected = self.exact(weight, energies[0], one)
            scale = np.maximum(np.abs(expected), 1 / one if "surface" in weight else 1.0)
            np.testing.assert_allclose(found / scale, expected / scale, atol=1e-9)

    def test_sums_over_many_bands(self, bands):
        energies, values = np.abs(bands[0]) + 0.02, bands[1]
        for weight in Bose.weights:
            found = weighed(Bose([0.05, 0.5]), weight, Levels(energies), values)
            for i, kBT in enumerate((0.05, 0.5)):
                expected = np.einsum("kn,kn...->...", self.exact(weight, energies, kBT), values)
                np.testing.assert_allclose(found[i], expected, rtol=1e-8, atol=1e-8)

    def test_plain_interpolation_would_fail(self):
        """At 0.75 kT the interpolant of n itself is off by 1e-3: what the moments are for."""
        statistics = FermiDirac(Scan([0.0], 1.0))
        (nodes,) = statistics.node_weights("sea")
        placement = statistics.place(Levels(np.array([[0.75]])))
        spread = placement.spread("X")
        energies = np.concatenate([[np.inf], statistics.energies])[spread.nodes]
        with np.errstate(divide="ignore"):
            plain = spread.weights @ np.where(np.abs(energies) < 1e-9, 0.0, 1 / np.expm1(energies))
        assert abs(plain - 1 / np.expm1(0.75)) > 1e-3
        assert nodes.shape == (1, statistics.n_nodes)

    def test_bands_of_negative_norm_count_nothing(self):
        energies = np.array([[-0.7, -0.1, 0.1, 0.7]])
        found = weighed(Bose(0.2), "sea", Levels(energies), np.ones((1, 4)))
        assert found == pytest.approx(self.exact("sea", np.array([0.1, 0.7]), 0.2).sum(), rel=1e-9)

    def test_a_mode_without_energy_is_refused(self):
        with pytest.raises(ValueError, match="energies: expected bands above 1e-06 kBT.*Goldstone"):
            weighed(Bose(0.2), "sea", Levels(np.array([[0.0, 0.7]])), np.ones((1, 2)))
        for kBT in (0.0, -1.0, [0.1, 0.0], np.nan, []):
            with pytest.raises(ValueError, match="kBT: expected a number > 0"):
                Bose(kBT)


EXAMPLES = {
    Steps: lambda: Steps(Scan([-0.3, 0.4]), 0.1),
    FermiDirac: lambda: FermiDirac(Scan([-0.3, 0.4], [0.02, 0.1])),
    Tetrahedra: lambda: Tetrahedra(Scan([-0.3, 0.4])),
    Mott: lambda: Mott(Scan([-0.3, 0.4], 0.1)),
    Bose: lambda: Bose([0.1, 0.5]),
}


@pytest.mark.parametrize("kind", STATISTICS.values(), ids=lambda kind: kind.__name__)
def test_every_statistics_keeps_the_protocol(kind, bands):
    """Names of weights, shapes, additivity, what a band counts, and the same without compiled kernels."""
    energies, values = bands
    energies = np.abs(energies) + 0.01 if kind is Bose else energies
    corners = energies[:, None, :] + np.random.default_rng(0).normal(size=(30, 8, 12)) * 0.1
    statistics = EXAMPLES[kind]()
    scan = tuple(len(axis) for axis in statistics.scan.values())
    for weight in kind.weights:
        whole = Levels(energies, corners, 0.1)
        found = weighed(statistics, weight, whole, values)
        assert found.shape == (*scan, 3, 2)
        parts = [
            spectra(statistics, weight, Levels(energies[part], corners[part], 0.1), values[part])
            for part in (slice(0, 11), slice(11, 30))
        ]
        together = [first + second for first, second in zip(*parts, strict=True)]
        np.testing.assert_allclose(statistics.weigh(weight, together), found, atol=1e-10 * np.abs(found).max())
        # the weight of each band, from those of the nodes
        placement = statistics.place(whole)
        moments = zip(statistics.moments(weight), statistics.node_weights(weight), strict=True)
        of_bands = sum(
            np.array([placement.of_bands(moment, row) for row in nodes.reshape(-1, statistics.n_nodes)])
            for moment, nodes in moments
        )
        expected = direct(of_bands, values).reshape(found.shape)
        np.testing.assert_allclose(found, expected, atol=1e-9 * np.abs(found).max())
    with pytest.raises(ValueError, match="weight: expected one of"):
        statistics.check("nothing")
    for axis, _ in statistics.coordinates.values():
        assert axis in statistics.scan


def test_close_bands_with_opposite_weights_keep_their_cancellation():
    """Two bands 3 meV apart with weights ±1e5: rounding to a 10 meV scan would give 0 or errors of hundreds."""
    energies = np.array([[0.0121, 0.0151]])
    values = 1e5 * np.array([[1.0, -1.0]])
    exact = values[0] @ expit(-energies[0] / 0.05)
    found = weighed(fermi_statistics(Scan([0.0], 0.05)), "sea", Levels(energies), values)
    assert found[0] == pytest.approx(exact, rel=1e-6)


def test_a_band_exactly_at_the_level_is_occupied():
    found = weighed(fermi_statistics(Scan([0.5])), "sea", Levels(np.array([[0.5]])), np.ones((1, 1)))
    assert found == 1


@pytest.mark.parametrize("levels", [[0.0, np.nan], [], [[0.0]]])
def test_bad_levels_are_named(levels):
    with pytest.raises(ValueError, match="Efermi: expected a number or a one-dimensional array"):
        Scan(levels)


def test_a_bad_width_is_named():
    with pytest.raises(ValueError, match="fermi_surface_width: expected a number > 0"):
        fermi_statistics(Scan([0.0]), 0.0)


def test_spread_is_the_same_without_compiled_kernels(bands, monkeypatch):
    energies, values = bands
    for kBT in (0.0, 0.01, 0.3, [0.01, 0.3]):
        statistics = fermi_statistics(Scan(np.linspace(-1, 1, 41), kBT))
        (found,) = spectra(statistics, "sea", Levels(energies), values)
        monkeypatch.setenv("WB_CONSERVED_COMPILED", "0")
        (expected,) = spectra(statistics, "sea", Levels(energies), values)
        monkeypatch.delenv("WB_CONSERVED_COMPILED")
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_many_fermi_levels_far_apart(bands):
    """Each alone and all together, in any order."""
    energies, values = bands
    levels = np.random.default_rng(3).permutation(np.concatenate([np.linspace(-3, 3, 301), np.linspace(40, 41, 150)]))
    found = weighed(fermi_statistics(Scan(levels, 0.01)), "sea", Levels(energies), values)
    for i in (0, 1, 100, 450):
        alone = weighed(fermi_statistics(Scan(levels[i : i + 1], 0.01)), "sea", Levels(energies), values)
        np.testing.assert_allclose(found[i], alone[0], atol=1e-7)
