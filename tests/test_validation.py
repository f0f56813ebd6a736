"""The table of docs/validation.md belongs to the tests that make it."""

import pytest
from validation import KINDS, Validation, collected_tests, exists, read_table, rows_without_test, shown, write_table

ROW = {
    "kind": "exact", "quantity": "x", "expected": "1.000", "found": "1.001", "within": "0.01", "unit": "S",
    "source": "here", "test": "test_a.py::test_b",
}  # fmt: skip


def test_at_least_forty_rows_of_every_kind():
    rows = read_table()
    assert len(rows) >= 40
    assert all(sum(row["kind"] == kind for row in rows) >= 5 for kind in KINDS)


def test_every_row_has_a_test(request):
    assert rows_without_test(read_table(), collected_tests(request.config)) == []


def test_rows_of_tests_that_are_gone_are_seen():
    here = "test_validation.py::test_every_row_has_a_test"
    assert not exists(here)  # takes no such fixture
    assert exists("test_exact.py::test_rashba_gas_with_both_bands_occupied[compiled]")
    assert not exists("test_exact.py::test_none") and not exists("test_none.py::test_none")
    assert rows_without_test([ROW], set()) == ["x"]
    assert rows_without_test([ROW], {"test_a.py::test_b[1]"}) == ["x"]
    assert rows_without_test([ROW], {"test_a.py::test_b"}) == []


def compare(known=(ROW,), expected=1.0, found=1.001, within=0.01, unit="S", writing=False):
    """One comparison, as a test of the row above makes it."""
    validation = Validation("test_a.py::test_b", known, writing)
    validation("x", expected, found, "here", within=within, unit=unit)
    return validation


def test_agreement():
    compare().close()
    assert compare().rows == [ROW]
    compare(known=(), writing=True).close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"found": 1.02}, "x: expected 1.0 within 0.01; found 1.02"),
        ({"known": ()}, "has no row 'x'"),
        ({"expected": 1.004}, "has expected 1.000, the test 1.004"),
        ({"unit": "S/cm"}, "stale in unit"),
        ({"within": 0.02}, "has within 0.01, the test 0.02"),
        ({"found": 1.006}, "has found 1.001, the test 1.006"),
    ],
)
def test_stale_rows_are_refused(change, message):
    with pytest.raises(AssertionError, match=message):
        compare(**change)


def test_rows_that_a_test_no_longer_makes_are_refused():
    with pytest.raises(AssertionError, match=r"did not make, \['y'\]"):
        compare(known=(ROW, ROW | {"quantity": "y"})).close()


def test_written_and_read(tmp_path):
    rows = [ROW | {"kind": "code"}, ROW]
    write_table(rows, tmp_path / "table.csv")
    assert read_table(tmp_path / "table.csv") == rows[::-1]


@pytest.mark.parametrize(
    ("value", "within", "text"),
    [(1.23456, 0.01, "1.235"), (-1e-9, 0.01, "0.000"), (2156.4, 20.0, "2156"), (1e-5, 1e-8, "1e-05")],
)
def test_digits(value, within, text):
    assert shown(value, within) == text
