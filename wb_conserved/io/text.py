"""Text files, plain or compressed with xz or gzip, read block by block with the line of every error."""

from __future__ import annotations

import gzip
import io
import itertools
import logging
import lzma
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import InputError
from .list_directed import to_float, words

logger = logging.getLogger("wb_conserved.io")

COMPRESSIONS = ("", ".xz", ".gz")
XZ_MAGIC, GZIP_MAGIC = b"\xfd7zXZ\x00", b"\x1f\x8b"
STREAM_ERRORS = (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error)


def stem(path: str | Path) -> str:
    """Path as a string without its .xz or .gz."""
    name = str(path)
    for extension in COMPRESSIONS[1:]:
        name = name.removesuffix(extension)
    return name


def locate(base: str) -> Path | None:
    """The file `base`, `base`.xz or `base`.gz.

    Raises
    ------
    InputError
        More than one of them exists: which one is meant is not guessed.
    """
    present = [Path(base + extension) for extension in COMPRESSIONS if Path(base + extension).is_file()]
    if len(present) > 1:
        raise InputError(base, "one of it, its .xz and its .gz", " and ".join(str(path) for path in present))
    return present[0] if present else None


def require(base: str, purpose: str) -> Path:
    """As `locate`, but the file must be there; `purpose` says what for."""
    path = locate(base)
    if path is None:
        raise InputError(base, f"this file, or it with .xz or .gz, {purpose}", "no such file")
    return path


def open_stream(path: Path) -> BinaryIO:
    """Open a file for reading bytes, decompressed when its first bytes say that it is xz or gzip.

    Raises
    ------
    InputError
        The file is missing, unreadable or empty.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(6)
    except OSError as error:
        raise InputError(path, "a readable file", error.strerror or str(error)) from error
    if not start:
        raise InputError(path, "data", "an empty file (0 bytes)")
    opener = lzma.open if start == XZ_MAGIC else gzip.open if start.startswith(GZIP_MAGIC) else open
    return io.BufferedReader(opener(path, "rb"), 1 << 20)


def damaged_stream(path: Path, error: Exception) -> InputError:
    """The error for a compressed file that cannot be decompressed to its end."""
    return InputError(path, "a complete compressed file", f"a truncated or damaged one ({error})")


class TextFile:
    """A text file read forwards; `number` is the line read last, counted from 1.

    Parameters
    ----------
    path : Path
        File, plain, xz or gzip.

    Raises
    ------
    InputError
        By all methods: the file ends early, or a line does not hold what was asked for.
    """

    def __init__(self, path: Path):
        self.path = path
        self.number = 0
        self._ahead: list[str] = []
        self._stream = io.TextIOWrapper(open_stream(path), encoding="ascii", errors="replace")

    def __enter__(self) -> TextFile:
        return self

    def __exit__(self, *_):
        self._stream.close()

    def error(self, expected: str, found: str, line: int | None = None) -> InputError:
        """InputError about `line`, the last one read if None."""
        return InputError(self.path, expected, found, self.number if line is None else line)

    def _read(self, count: int | None) -> list[str]:
        """Up to `count` lines, or all."""
        number = None if count is None else max(count - len(self._ahead), 0)
        try:
            lines = self._ahead[:count] + list(itertools.islice(self._stream, number))
        except STREAM_ERRORS as error:
            raise damaged_stream(self.path, error) from error
        self._ahead = [] if count is None else self._ahead[count:]
        self.number += len(lines)
        return lines

    def take(self, count: int, expected: str) -> list[str]:
        """The next `count` lines."""
        first = self.number + 1
        lines = self._read(count)
        if len(lines) < count:
            more = f"line {first + count - 1} to exist: {expected}"
            raise InputError(self.path, more, f"the end of the file after line {self.number} (truncated?)", self.number)
        return lines

    def take_up_to(self, count: int) -> list[str]:
        """The next `count` lines, or fewer at the end of the file."""
        return self._read(count)

    def peek(self, expected: str) -> str:
        """The next line, which is read again."""
        lines = self.take(1, expected)
        self.put_back(lines)
        return lines[0]

    def put_back(self, lines: list[str]) -> None:
        """Lines to be read again."""
        self._ahead, self.number = lines + self._ahead, self.number - len(lines)

    def skip_blank(self) -> None:
        """Leave out the blank lines that come next."""
        while (lines := self._read(1)) and not lines[0].strip():
            pass
        self.put_back(lines)

    def rows(self, count: int, columns: int, expected: str) -> tuple[np.ndarray, np.ndarray]:
        """As `table`, with the numbers of the lines, shape (count,); blank lines are left out."""
        start = self.number + 1
        lines = self.take(count, expected)
        if not any(line.isspace() for line in lines):
            return numbers(self.path, lines, start, columns, expected), np.arange(start, start + count)
        kept = [(start + i, line) for i, line in enumerate(lines) if line.strip()]
        while len(kept) < count:
            (line,) = self.take(1, expected)
            kept += [(self.number, line)] if line.strip() else []
        values = [numbers(self.path, [line], number, columns, expected)[0] for number, line in kept]
        return np.array(values), np.array([number for number, _ in kept])

    def line(self, expected: str) -> str:
        """The next line, stripped."""
        return self.take(1, expected)[0].strip()

    def rest(self) -> list[str]:
        """All the lines left."""
        return self._read(None)

    def integers(self, count: int, expected: str) -> list[int]:
        """The first `count` values of the next line, which must be integers; what follows them may be text only."""
        text = self.line(expected)
        values = _integers(words(text))
        if len(values) != count:
            raise self.error(expected, repr(text[:80]))
        return values

    def integer_list(self, count: int, expected: str) -> np.ndarray:
        """`count` integers over as many lines as they take, shape (count,); what follows them in the last line is left out,
        with a warning."""
        values: list[int] = []
        while len(values) < count:
            text = self.line(f"{expected} ({len(values)} of {count} found)")
            found = words(text)
            values += _integers(found)
            if not found or len(_integers(found)) != len(found):
                raise self.error(expected, repr(text[:80]))
        if len(values) > count:
            logger.warning(
                "%s, line %d: %d integers expected: %s; found %d, of which the last %d are left out",
                self.path,
                self.number,
                count,
                expected,
                len(values),
                len(values) - count,
            )
        return np.array(values[:count])

    def table(self, rows: int, columns: int, expected: str) -> np.ndarray:
        """The next `rows` lines of `columns` finite numbers each, shape (rows, columns)."""
        return numbers(self.path, self.take(rows, expected), self.number - rows + 1, columns, expected)

    def finish(self, contents: str):
        """Check that nothing but blank lines is left after `contents`."""
        start = self.number
        for offset, text in enumerate(self.rest()):
            if text.strip():
                raise self.error(f"the end of the file after {contents}", repr(text.strip()[:80]), start + offset + 1)


def numbers(path: Path, lines: list[str], first: int, columns: int, expected: str) -> np.ndarray:
    """Parse lines of `columns` finite numbers each.

    What `list_directed` describes is read, too.

    Parameters
    ----------
    path : Path
        File the lines are from, for errors.
    lines : list of str
        Lines.
    first : int
        Number of the first line, counted from 1.
    columns : int
        Numbers in a line.
    expected : str
        What the lines hold, for errors.

    Returns
    -------
    ndarray, shape (len(lines), columns)

    Raises
    ------
    InputError
        Names the first line that is not such a line.
    """
    if not lines:
        return np.zeros((0, columns))
    for attempt in (lines, None):
        try:
            text = attempt if attempt is not None else [" ".join(words(line)) for line in lines]
            values = np.loadtxt(text, comments=None, ndmin=2)
        except ValueError:
            continue
        if values.shape == (len(lines), columns) and np.isfinite(values).all():
            return values
    raise _first_bad_line(path, lines, first, columns, expected)


def _integers(found: list[str]) -> list[int]:
    """The integers that a list of words begins with; all numbers in it must be among them."""
    values = []
    for word in found:
        try:
            values.append(int(word))
        except ValueError:
            break
    return values if not any(map(_is_number, found[len(values) :])) else []


def _is_number(word: str) -> bool:
    try:
        to_float(word)
    except ValueError:
        return False
    return True


def _first_bad_line(path: Path, lines: list[str], first: int, columns: int, expected: str) -> InputError:
    for number, line in enumerate(lines, start=first):
        found = words(line)
        if len(found) != columns or not all(map(_is_number, found)):
            reason = _what_is_wrong(found, columns)
            return InputError(path, f"{columns} finite numbers: {expected}", f"{line.strip()[:100]!r} ({reason})", number)
    return InputError(
        path,
        f"{columns} finite numbers in each of {len(lines)} lines: {expected}",
        "a block that could not be read",
        first,
    )


def _what_is_wrong(found: list[str], columns: int) -> str:
    if any("**" in word for word in found):
        return "stars: a number too wide for its Fortran format"
    return "not a finite number" if len(found) == columns else f"{len(found)} columns"


def line_of_numbers(path: Path, text: str, line: int, count: int, expected: str) -> list[float]:
    """The first `count` values of a line, finite numbers, whatever follows them; or an InputError."""
    found = words(text)[:count]
    try:
        values = [to_float(word) for word in found]
    except ValueError:
        values = []
    if len(values) < count:
        raise InputError(path, expected, f"{text.strip()[:100]!r} ({_what_is_wrong(found, count)})", line)
    return values
