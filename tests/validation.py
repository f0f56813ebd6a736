"""The table of docs/validation.md: what tests compare with exact results, published numbers and other codes.

A test takes the fixture `validation` and calls it for each comparison, which is asserted and becomes a row:

    validation("σ_in^{xy,z} of the Rashba gas, μ = 1", -1, found, "C. Xiao and Q. Niu", kind="published", within=2e-3)

Rows are compared with those of docs/validation.csv, so that a table that is stale, a row that is missing there, and one that no
test makes any more are noticed.  ``pytest --write-validation`` (with ``--long`` for those of long tests) writes the file.
"""

import csv
import math
from pathlib import Path

import pytest

TABLE = Path(__file__).parents[1] / "docs" / "validation.csv"
COLUMNS = ("kind", "quantity", "expected", "found", "within", "unit", "source", "test")
KINDS = ("exact", "published", "code")
_COLLECTED = pytest.StashKey()
ADVICE = "run pytest --write-validation on this test (and --long, if it is long)"


def read_table(path=TABLE):
    """Rows of the file, a dictionary of texts each."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_table(rows, path=TABLE):
    """Rows in the order of kinds, files and tests."""
    order = sorted(rows, key=lambda row: (KINDS.index(row["kind"]), row["test"].partition("::")[0]))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(order)


def shown(value, within):
    """A number to a tenth of the tolerance."""
    digits = 1 - math.floor(math.log10(within))
    rounded = round(float(value), digits) + 0.0  # no −0
    return f"{rounded:.{digits}f}" if 0 <= digits <= 6 else f"{rounded:.6g}"


class Validation:
    """Comparisons of one test, see the module."""

    def __init__(self, test, known, writing):
        self.test, self.known, self.writing = test, {row["quantity"]: row for row in known}, writing
        self.rows = []

    def __call__(self, quantity, expected, found, source, *, kind="exact", within, unit=""):
        """Assert that two numbers agree `within` a tolerance, and make it a row."""
        assert kind in KINDS, f"kind: expected one of {', '.join(KINDS)}; found {kind!r}"
        expected, found = float(expected), float(found)
        assert abs(found - expected) <= within, f"{quantity}: expected {expected} within {within}; found {found}"
        assert quantity not in [row["quantity"] for row in self.rows], f"{quantity}: twice in one test"
        numbers = (shown(expected, within), shown(found, within), f"{float(f'{within:.2g}'):g}")
        row = dict(zip(COLUMNS, (kind, quantity, *numbers, unit, source, self.test), strict=True))
        self.rows.append(row)
        if self.writing:
            return
        stored = self.known.get(quantity)
        assert stored is not None, f"{TABLE.name} has no row {quantity!r} of this test: {ADVICE}"
        for column, number, tolerance in (("expected", expected, 0.3), ("found", found, 0.3), ("within", within, 0.1)):
            text = f"{TABLE.name}: {quantity!r} has {column} {stored[column]}, the test {number:g}: {ADVICE}"
            assert abs(float(stored[column]) - number) <= tolerance * within + 1e-5 * abs(number), text  # six digits at least
        stale = [column for column in ("kind", "unit", "source") if stored[column] != row[column]]
        assert not stale, f"{TABLE.name}: {quantity!r} is stale in {', '.join(stale)}: {ADVICE}"

    def close(self):
        """Refuse rows of the file that the test has not made."""
        left = set(self.known) - {row["quantity"] for row in self.rows}
        assert self.writing or not left, f"{TABLE.name}: rows that the test did not make, {sorted(left)}: {ADVICE}"


@pytest.fixture
def validation(request):
    """Compare, and make rows of docs/validation.csv."""
    test = identity(request.node.nodeid)
    known = [row for row in read_table() if row["test"] == test] if TABLE.exists() else []
    found = Validation(test, known, request.config.getoption("--write-validation"))
    yield found
    request.node.user_properties.append(("validation", found.rows))
    if not getattr(request.node, "validation_failed", False):
        found.close()


def identity(nodeid):
    """A test by its name, the same with and without compiled kernels."""
    return nodeid.removeprefix("tests/").replace("NumPy", "compiled")


class Writer:
    """Plugin that collects the rows of all tests, also from other processes, and writes them at the end."""

    def __init__(self, config):
        self.config, self.rows = config, {}

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report):
        """Rows come with the report of the end of a test; those of a test that failed do not count."""
        if report.when == "teardown" and report.passed:
            for name, rows in report.user_properties:
                if name == "validation":
                    self.rows[identity(report.nodeid)] = rows

    @pytest.hookimpl
    def pytest_sessionfinish(self, session):
        """Replace the rows of the tests that ran; leave out those of tests that are gone."""
        if hasattr(session.config, "workerinput"):
            return
        before = read_table() if TABLE.exists() else []
        kept = [row for row in before if row["test"] not in self.rows and not self.gone(row["test"])]
        write_table(kept + [row for rows in self.rows.values() for row in rows])

    def gone(self, test):
        """Whether the file of a test, or its function, is not there."""
        return not exists(test)


def exists(test):
    """Whether the function of a test is in its file and takes the fixture."""
    file, _, name = test.partition("::")
    path, function = Path(__file__).parent / file, name.rpartition("::")[2].partition("[")[0]
    if not path.is_file():
        return False
    _, found, text = path.read_text(encoding="utf-8").partition(f"def {function}(")
    return bool(found) and "validation" in text.partition(")")[0]


def rows_without_test(rows, collected):
    """Rows whose test does not exist: of files that were collected it must be among those, of others in the file."""
    files = {test.partition("::")[0] for test in collected}
    return [
        row["quantity"]
        for row in rows
        if (row["test"] not in collected if row["test"].partition("::")[0] in files else not exists(row["test"]))
    ]


def collected_tests(config):
    """Names of all tests that were found, before some were left out; none if parts of files were asked for."""
    return config.stash.get(_COLLECTED, set())


def remember(config, items):
    """Keep what was collected."""
    whole = not any("::" in argument for argument in config.args)
    config.stash[_COLLECTED] = {identity(item.nodeid) for item in items} if whole else set()
