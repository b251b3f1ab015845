#!/usr/bin/env python3
"""Fills in the figures of README.md and docs/*.md from results/reference, none is written by hand.

    .venv/bin/python docs/figures.py            rewrite them
    .venv/bin/python docs/figures.py --check    exit code 1 if one is not up to date

A figure is bold and has a comment behind it that says what it is:

    **1.23 us**<!--= s switch/fiber/via:yield/tasks:2/placement:same -->

The comment is UNIT ROW [KEY], the median over the rounds of the row's counter KEY (real_time if
there is none): s (also ms and us, for counters in these), 1/s, B, or n for a plain number; or
x ROW OTHER [KEY], the median over the rounds of the ratio ROW / OTHER.

A code block below `<!--= screen REGEX -->` is what a run prints at its end, of the rows that match.
"""

import argparse
import contextlib
import difflib
import io
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from switchyard.compare.statistics import paired_ratio, summarize  # noqa: E402
from switchyard.compare.terminal import print_answers  # noqa: E402
from switchyard.suite.results import ResultsFolder, Tally  # noqa: E402
from switchyard.system import units  # noqa: E402
from switchyard.system.errors import BadInputError, SwitchyardError, report  # noqa: E402

_FIGURE = re.compile(r"\*\*(?P<text>[^*\n]*)\*\*<!--= (?P<spec>[^\n]*?) -->")
_SCREEN = re.compile(r"<!--= screen (?P<rows>[^\n]*) -->\n```\n.*?^```$", re.DOTALL | re.MULTILINE)
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


class Figures:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._records: dict[str, list] = {}
        for results in ResultsFolder.load(path).workloads.values():
            for record in results.records():
                self._records.setdefault(record.row.name, []).append(record)

    def filled_in(self, text: str) -> str:
        text = _SCREEN.sub(
            lambda found: f"<!--= screen {found['rows']} -->\n```\n{self.screen(found['rows'])}```",
            text,
        )
        return _FIGURE.sub(
            lambda found: f"**{self.figure(found['spec'])}**<!--= {found['spec']} -->", text
        )

    def figure(self, spec: str) -> str:
        kind, *words = spec.split()
        if kind == "x":
            row, other, key = (*words, "real_time")[:3]
            found = paired_ratio(self._values(row, key), self._values(other, key))
            if not found:
                raise SwitchyardError(f"a page asks for {spec}, which have no round in common")
            return units.ratio(found.median)
        row, key = (*words, "real_time")[:2]
        median = summarize(list(self._values(row, key).values())).median
        if kind in _SECONDS:
            return units.with_unit(median * _SECONDS[kind], "s")
        if kind in ("1/s", "B"):
            return units.with_unit(median, kind)
        if kind == "n":
            return units.digits(median)
        raise BadInputError(f"unknown kind of figure: {spec}")

    def _values(self, row: str, key: str) -> dict[int, float]:
        """By round; in seconds for real_time."""
        records = self._records.get(row, [])
        if any(r.problem and not r.is_limit for r in records):
            raise SwitchyardError(f"a page asks for {row}, which failed")
        values = {r.round: r.value(key) for r in records}
        values = {round_: value for round_, value in values.items() if value is not None}
        if not values:
            raise SwitchyardError(f"a page asks for {row} {key}, which was not measured")
        return values

    def screen(self, rows: str) -> str:
        """What a run of these rows prints at its end, 80 columns wide."""
        folder = ResultsFolder.load(self._path)
        for kept in folder.workloads.values():
            names = {row.name for row in kept.workload.rows if re.search(rows, row.name)}
            kept.benchmarks = [b for b in kept.benchmarks if b["switchyard_name"] in names]
        folder.workloads = {name: w for name, w in folder.workloads.items() if w.benchmarks}
        if not folder.workloads:
            raise SwitchyardError(f"a page shows the rows {rows}, none of which was measured")
        run = folder.environment["run"] | {"left_out": {}}
        folder.environment["run"] = run
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            print_answers(folder, Tally.from_facts(run), run["rounds_wanted"])
        lines = (line.rstrip() for line in printed.getvalue().splitlines())
        return "".join(f"{line}\n" for line in lines)


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", type=Path, metavar="PAGE", help="default: all")
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if stale")
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "reference")
    args = parser.parse_args(argv)
    os.environ["COLUMNS"] = "80"
    stale = False
    try:
        figures = Figures(args.results)
        for page in args.pages or pages():
            before = page.read_text()
            after = figures.filled_in(before)
            if args.check:
                lines = before.splitlines(), after.splitlines()
                for line in difflib.unified_diff(*lines, str(page), "as it should be", lineterm=""):
                    print(line)
                stale |= before != after
            elif before != after:
                page.write_text(after)
    except SwitchyardError as error:
        return report(error)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
