"""Rows of tests/README.md: a situation, what is printed, and the test that makes it."""

import re
from pathlib import Path

README = Path(__file__).with_name("README.md")


def rows(test: str) -> list[tuple[str, str, str]]:
    """Situation, message and name of each row whose situation a test file makes."""
    found = []
    for line in README.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if len(cells) == 3 and cells[2].startswith(f"`{test}::"):
            found.append((cells[0], cells[1].strip("`"), cells[2].strip("`").split("::")[1]))
    return found


def printed_as(message: str, line: str) -> bool:
    """Whether a line is what a row says, with … for any text."""
    return re.fullmatch(".*".join(re.escape(part) for part in message.split("…")), line) is not None
