"""How a result shows itself, in a terminal and in a notebook: what was computed, of which axes and units, on which mesh."""

from __future__ import annotations

import html

from wannierberri.result import ResultDict


def as_text(result: ResultDict) -> str:
    """A line on the run and one for each result."""
    rows = _rows(result)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n    ".join([f"<{_heading(result)}>", *lines])


def as_html(result: ResultDict) -> str:
    """The same as a table, and the data set below it."""
    return f"<p>{html.escape(_heading(result))}</p>{_table(_rows(result))}{result.to_dataset()._repr_html_()}"


def _table(rows):
    cells = ("".join(f"<td style='text-align:left'>{html.escape(text)}</td>" for text in row) for row in rows)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _heading(result):
    mesh = "a path" if result.mesh is None else " × ".join(str(n) for n in result.mesh)
    return f"{type(result).__name__}: {mesh}, {result.number_of_k_points} k points evaluated, {result.seconds:.2g} s"


def _rows(result):
    """Name, symbol, axes and unit of each result; those of other packages by their class."""
    dataset = result.to_dataset()
    rows = []
    for name, one in result.results.items():
        if name in dataset:
            found = dataset[name]
            axes = ", ".join(f"{axis}: {size}" for axis, size in found.sizes.items())
            rows.append((str(name), found.attrs.get("symbol", ""), f"({axes})", found.attrs.get("units", "")))
        else:
            rows.append((str(name), type(one).__name__, "", ""))
    return rows
