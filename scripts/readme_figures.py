#!/usr/bin/env python3
"""Fills in the figures of README.md from results/reference, so that none is written by hand.

    .venv/bin/python scripts/readme_figures.py            rewrite them
    .venv/bin/python scripts/readme_figures.py --check    exit code 1 if one is not up to date

A figure in the README is bold and has a comment behind it that says what it is:

    **1.23 us**<!--= s switch/fiber/via:yield/tasks:2/placement:same -->

The comment is UNIT ROW [KEY], the median over the rounds of the row's counter KEY (real_time if
there is none): s (also ms and us, for counters in these), 1/s, B, or n for a plain number; or
x ROW OTHER [KEY], the median over the rounds of the ratio ROW / OTHER.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from switchyard.compare.statistics import paired_ratio, summarize  # noqa: E402
from switchyard.suite.results import ResultsFolder  # noqa: E402
from switchyard.system import units  # noqa: E402
from switchyard.system.errors import BadInputError, SwitchyardError, report  # noqa: E402

_FIGURE = re.compile(r"\*\*(?P<text>[^*\n]*)\*\*<!--= (?P<spec>[^\n]*?) -->")
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


class Figures:
    def __init__(self, folder: ResultsFolder) -> None:
        self._records: dict[str, list] = {}
        for results in folder.workloads.values():
            for record in results.records():
                self._records.setdefault(record.row.name, []).append(record)

    def text(self, spec: str) -> str:
        kind, *words = spec.split()
        if kind == "x":
            row, other, key = (*words, "real_time")[:3]
            found = paired_ratio(self._values(row, key), self._values(other, key))
            return units.ratio(found.median if found else 0.0)
        row, key = (*words, "real_time")[:2]
        median = summarize(list(self._values(row, key).values())).median
        if kind in _SECONDS:
            return units.with_unit(median * _SECONDS[kind], "s")
        if kind in ("1/s", "B"):
            return units.with_unit(median, kind)
        if kind == "n":
            return units.digits(median)
        raise BadInputError(f"README.md: unknown kind of figure in: {spec}")

    def _values(self, row: str, key: str) -> dict[int, float]:
        """By round; in seconds for real_time."""
        values = {r.round: r.value(key) for r in self._records.get(row, [])}
        values = {round_: value for round_, value in values.items() if value is not None}
        if not values:
            raise SwitchyardError(f"README.md asks for {row} {key}, which was not measured")
        return values


def filled_in(text: str, figures: Figures) -> str:
    return _FIGURE.sub(
        lambda found: f"**{figures.text(found['spec'])}**<!--= {found['spec']} -->", text
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if stale")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "reference")
    args = parser.parse_args()
    before = args.readme.read_text()
    try:
        after = filled_in(before, Figures(ResultsFolder.load(args.results)))
    except SwitchyardError as error:
        return report(error)
    if args.check:
        changed = [new for old, new in zip(before.splitlines(), after.splitlines(), strict=True)
                   if old != new]  # fmt: skip
        for line in changed:
            print(f"not up to date, it should be: {line}")
        return 1 if changed else 0
    args.readme.write_text(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
