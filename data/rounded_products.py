"""Rounds NAME.uHu and NAME.uIu to multiples of 2^-16 and NAME.mmn to 8 digits, in this folder, so that they compress.

python rounded_products.py NAME
"""

import struct
import sys
from pathlib import Path

import numpy as np


def rounded(path: Path) -> None:
    """Rewrite an unformatted file, all records but the first two."""
    data, place, records = path.read_bytes(), 0, []
    while place < len(data):
        (length,) = struct.unpack_from("<i", data, place)
        body = data[place + 4 : place + 4 + length]
        if len(records) > 1:
            body = (np.round(np.frombuffer(body, "<f8") * 2**16) / 2**16 + 0.0).tobytes()
        records.append(data[place : place + 4] + body + data[place : place + 4])
        place += 8 + length
    path.write_bytes(b"".join(records))


name = sys.argv[1]
for kind in ("uHu", "uIu"):
    rounded(Path(f"{name}.{kind}"))
overlaps = Path(f"{name}.mmn")
rows = [line.split() for line in overlaps.read_text().splitlines()]
lines = (" ".join(f"{float(word):.8f}" for word in row) if len(row) == 2 else " ".join(row) for row in rows)
overlaps.write_text("\n".join(lines) + "\n")
