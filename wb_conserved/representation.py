"""What objects show of themselves in a notebook."""

from __future__ import annotations

import html
from collections.abc import Sequence


def html_table(rows: Sequence[Sequence[str]]) -> str:
    """A table of HTML."""
    cells = ("".join(f"<td style='text-align:left'>{html.escape(text)}</td>" for text in row) for row in rows)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"
