"""Sequential Fortran files of records: unformatted, between two 4-byte lengths, or the same as text; plain or compressed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError
from .list_directed import words
from .text import STREAM_ERRORS, TextFile, damaged_stream, open_stream


def _swapped(length: int) -> int:
    """A record length read with the other byte order."""
    return abs(int.from_bytes(length.to_bytes(4, "little", signed=True), "big", signed=True))


class RecordFile:
    """Reads the records of a little-endian unformatted file one after the other.

    Records over 2 GiB, which gfortran and ifort write as subrecords with negative lengths, are joined.

    Parameters
    ----------
    path : Path
        File, plain, xz or gzip.

    Raises
    ------
    InputError
        By all methods: the file ends inside a record, the lengths around a record differ, or it has
        another size than the one asked for. The message names the byte offset (in the decompressed file).
    """

    def __init__(self, path: Path):
        self.path = path
        self.offset = 0
        self._stream = open_stream(path)

    def __enter__(self) -> RecordFile:
        return self

    def __exit__(self, *_):
        self._stream.close()

    def _bytes(self, count: int, expected: str) -> bytes:
        try:
            data = self._stream.read(count)
        except STREAM_ERRORS as error:
            raise damaged_stream(self.path, error) from error
        if len(data) < count:
            raise InputError(
                self.path,
                f"{expected}: {count} bytes at byte {self.offset}",
                f"the end of the file after {len(data)} of them (truncated?)",
            )
        self.offset += count
        return data

    def _length(self, expected: str) -> int:
        return int.from_bytes(self._bytes(4, f"{expected} (the length of its record)"), "little", signed=True)

    def record(self, expected: str, size: int | None = None) -> bytes:
        """The next record; `expected` says what it holds, `size` how many bytes it must have."""
        start, total, parts, more = self.offset, 0, [], True
        while more:
            length = self._length(expected)
            held, more = abs(length), length < 0
            if start == 0 and held >= 1 << 24 and _swapped(length) < 1 << 16:
                raise InputError(
                    self.path,
                    f"{expected}: a little-endian record at byte 0",
                    f"a length of {length} bytes, which is {_swapped(length)} in a big-endian file",
                )
            total += held
            if size is not None and (total > size or (not more and total < size)):
                raise InputError(
                    self.path,
                    f"{expected}: a record of {size} bytes at byte {start}",
                    f"a record of {total} bytes",
                )
            parts.append(self._bytes(held, expected))
            trailing = self._length(expected)
            if abs(trailing) != held:
                raise InputError(
                    self.path,
                    f"{expected}: a Fortran record at byte {start}, the same length at both ends",
                    f"lengths {held} and {abs(trailing)} (not an unformatted Fortran file, or a damaged one)",
                )
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def array(self, expected: str, kind: str, shape: tuple[int, ...]) -> np.ndarray:
        """The next record as an array of `kind` ('i4', 'f8', 'c16'), first index fastest.

        Returns
        -------
        ndarray, shape `shape`
            Read-only where it can be; checked to be finite.
        """
        dtype = np.dtype("<" + kind)
        count = int(np.prod(shape, dtype=np.int64))
        values = np.frombuffer(self.record(expected, count * dtype.itemsize), dtype)
        if kind != "i4" and not np.isfinite(values).all():
            wrong = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(
                self.path,
                f"{expected}: finite numbers",
                f"{values[wrong]} at place {wrong + 1} of the record before byte {self.offset}",
            )
        return values.reshape(shape, order="F")

    def integer(self, expected: str) -> int:
        """The next record as one integer."""
        return int(self.array(expected, "i4", (1,))[0])

    def finish(self, contents: str):
        """Check that the file ends after `contents`."""
        try:
            left = self._stream.read(1)
        except STREAM_ERRORS as error:
            raise damaged_stream(self.path, error) from error
        if left:
            raise InputError(self.path, f"the end of the file after {contents}", f"more data at byte {self.offset}")


class RecordText:
    """Reads as text what `RecordFile` reads unformatted: the values of a record in lines of their own.

    Parameters
    ----------
    path : Path
        File, plain, xz or gzip.

    Raises
    ------
    InputError
        By all methods: the file ends early, or a line does not hold the numbers of its record.
    """

    def __init__(self, path: Path):
        self._file = TextFile(path)

    def __enter__(self) -> RecordText:
        return self

    def __exit__(self, *arguments):
        self._file.__exit__(*arguments)

    def record(self, expected: str, size: int | None = None) -> bytes:
        """The next line."""
        return self._file.line(expected).encode()

    def array(self, expected: str, kind: str, shape: tuple[int, ...]) -> np.ndarray:
        """The next lines as an array of `kind` ('i4', 'f8', 'c16'), first index fastest; none for no elements."""
        count = int(np.prod(shape, dtype=np.int64)) * (2 if kind == "c16" else 1)
        if not count:
            return np.zeros(shape, dtype=kind)
        columns = len(words(self._file.peek(expected)))
        if not columns or count % columns:
            raise self._file.error(f"{count} numbers in equal lines: {expected}", f"{columns} in one", self._file.number + 1)
        values, lines = self._file.rows(count // columns, columns, expected)
        values = values.ravel()
        if kind == "i4":
            if (values != np.rint(values)).any():
                wrong = int(np.flatnonzero(values != np.rint(values))[0])
                raise self._file.error(f"integers: {expected}", f"{values[wrong]:g}", int(lines[wrong // columns]))
            return values.astype(np.int32).reshape(shape, order="F")
        return (values.view(complex) if kind == "c16" else values).reshape(shape, order="F")

    def integer(self, expected: str) -> int:
        """The next line as one integer."""
        return self._file.integers(1, expected)[0]

    def finish(self, contents: str):
        """Check that nothing but blank lines is left after `contents`."""
        self._file.finish(contents)
