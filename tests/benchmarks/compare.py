"""Compare a new benchmark with the committed record: ratios only, so the machine does not matter much.

    wb-conserved bench data/pt/Pt --mesh 30 --fermi 18.0874 --json new.json
    python tests/benchmarks/compare.py pt new.json [--tolerance 0.3]

Exit code 1, and a line for each ratio that got worse by more than the tolerance.  ``--update`` replaces the record, which
leaves out postw90: it is not always installed.
"""

import argparse
import json
import sys
from pathlib import Path

RECORD = Path(__file__).with_name("record.json")


def regressions(record, new, tolerance):
    """Lines about ratios that got worse: those to a floor are better small, the others, to other codes, are better large."""
    lines = []
    for name, old in record.items():
        if name not in new:
            lines.append(f"{name} was {old}, is missing now")
        elif (new[name] / old if ": total / floor" in name else old / new[name]) > 1 + tolerance:
            lines.append(f"{name} was {old}, is {new[name]}")
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", help="pt or te")
    parser.add_argument("new", type=Path)
    parser.add_argument("--tolerance", type=float, default=0.3)
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    records = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    found = json.loads(options.new.read_text(encoding="utf-8"))
    if options.update:
        records[options.system] = {name: ratio for name, ratio in found.items() if not name.startswith("postw90")}
        RECORD.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        sys.exit()
    worse = regressions(records[options.system], found, options.tolerance)
    print("\n".join(worse) or f"no ratio is worse by more than {options.tolerance:.0%}")
    sys.exit(bool(worse))
