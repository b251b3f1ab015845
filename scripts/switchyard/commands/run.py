"""Measure: run the benchmarks in shuffled rounds, keep the results, print the comparison.

Reads top-down: check the options, open the results folder, run the campaign, say how it ended.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..suite import catalog, environment, needs, options
from ..suite.campaign import Campaign, Plan
from ..suite.progress import ProgressDisplay
from ..suite.results import ResultsFolder, Tally
from ..system import errors, packages
from ..system.errors import SwitchyardError
from ..system.files import now
from ..system.interrupts import Interrupted, Interrupts
from ..system.paths import RESULTS
from ..system.terminal import plain_console

# Of each size the rounds, the budget in seconds, the minimum time of a row in seconds, and the
# time-out of a launch in seconds.
SIZES = {
    "quick": (6, 120.0, 0.05, 60.0), "full": (6, 2700.0, 0.1, 120.0), "smoke": (1, None, 0.01, 60.0)
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    sizes = parser.add_mutually_exclusive_group()
    for name, what in (
        ("quick", "at most 120 s of measuring, 6 rounds (default)"),
        ("full", "all rows, at most 45 minutes, 6 rounds"),
        ("smoke", "does everything work here: one round, as short as can be, of a row of each kind "
         "(workload, runtime, and whatever is told in words rather than numbers)"),
    ):  # fmt: skip
        sizes.add_argument(f"--{name}", action="store_true", help=what)
    parser.add_argument("--filter", metavar="REGEX", help="only benchmarks whose name matches")
    parser.add_argument("--runtimes", metavar="A,B", help="only these runtimes")
    parser.add_argument(
        "--server", action="append", default=[], metavar="NAME=COMMAND",
        help="an echo server of your own beside ours, as often as you like: a program that prints "
        "'listening on HOST:PORT', or that has {port} in its command and answers there",
    )  # fmt: skip
    options.add_rounds(parser, "exactly N rounds, no budget")
    parser.add_argument("--min-time", type=float, metavar="S", help="seconds per row and round")
    parser.add_argument(
        "--launch-timeout", type=float, metavar="S", help="kill a launch after S seconds"
    )
    parser.add_argument(
        "--check-only", action="store_true", help="look at the arguments, measure nothing, and end"
    )
    parser.add_argument("--tables", action="store_true", help="also print the tables, with advice")
    parser.add_argument("--plot", action="store_true", help="draw the figures at the end")
    parser.add_argument("--report", action="store_true", help="write report.html at the end")


@dataclass(frozen=True)
class _Asked:
    """A run as the command line asks for it. `command` is how that stands in the results."""

    plan: Plan
    size: str
    filter: str | None
    runtimes: str | None
    servers: list[str]
    build: Path
    out: Path | None
    tables: bool
    plot: bool
    report: bool
    command: dict[str, Any]


def main(args: argparse.Namespace) -> int:
    asked = _asked(args)
    return 0 if args.check_only else _run(asked)


def _run(asked: _Asked) -> int:
    if asked.plot or asked.report:
        packages.need("pictures")
    build = catalog.load(asked.build, asked.servers)
    workloads = catalog.select(
        build, size=asked.size, pattern=asked.filter, runtimes=asked.runtimes
    )
    workloads, left_out = needs.without_missing(workloads, build)
    facts = environment.collect(asked.build)
    folder = ResultsFolder.create(asked.out or RESULTS / environment.folder_name(facts))
    folder.environment = facts | {"run": _run_facts(asked, left_out)}
    tally = _measure(asked.plan, workloads, folder)
    # Only now: each launch forks, which takes longer in a process that has loaded scipy.
    from ..compare import terminal

    measured = any(kept.has_measurement() for kept in folder.workloads.values())
    code = _exit_code(tally, measured)
    if asked.tables:
        terminal.print_tables(folder, tally, asked.plan.rounds)
    terminal.print_answers(folder, tally, asked.plan.rounds)
    if not measured:
        print("no figures, report or results.csv: not a single row was measured")
    for write in _wanted(asked) if measured else ():
        try:
            write(folder)
        except SwitchyardError as error:  # how the run itself ended counts for more
            its_code = errors.report(error)
            code = code or its_code
    print(f"results: {folder.path}")
    return code


def _wanted(asked: _Asked) -> list[Callable[[ResultsFolder], None]]:
    """What is written of the results; no more is loaded, as there may be no more."""
    from ..compare.exports import write_exports

    wanted = [write_exports]
    if asked.plot:
        from ..compare.figures import draw_figures

        wanted.append(draw_figures)
    if asked.report:
        from ..compare.report.page import write_report

        wanted.append(write_report)
    return wanted


def _exit_code(tally: Tally, measured: bool) -> int:
    if tally.interrupted_by:
        return 128 + tally.interrupted_by
    return 1 if tally.failures or not measured else 0


def _asked(args: argparse.Namespace) -> _Asked:
    size = next((name for name in SIZES if getattr(args, name)), "quick")
    rounds, budget_s, min_time_s, timeout_s = SIZES[size]
    if args.rounds is not None:
        rounds, budget_s = args.rounds, None
    budget_s = args.budget if args.budget is not None else budget_s
    min_time_s = args.min_time if args.min_time is not None else min_time_s
    timeout_s = args.launch_timeout if args.launch_timeout is not None else timeout_s
    options.refuse_beyond({
        "--rounds": (rounds, options.MOST_ROUNDS), "--budget": (budget_s, options.A_DAY_S),
        "--min-time": (min_time_s, options.A_DAY_S),
        "--launch-timeout": (timeout_s, options.A_DAY_S),
    })  # fmt: skip
    catalog.expression(args.filter)
    plan = Plan(rounds, budget_s, min_time_s, timeout_s, options.seed_of(args))
    return _Asked(
        plan, size, args.filter, args.runtimes, args.server, options.build_of(args), args.out,
        args.tables, args.plot, args.report, options.of_command(args),
    )  # fmt: skip


def _run_facts(asked: _Asked, left_out: needs.LeftOut) -> dict[str, Any]:
    plan = asked.plan
    return options.facts(asked.command, plan.seed, plan.rounds, plan.budget_s) | {
        "min_time_s": plan.min_time_s, "launch_timeout_s": plan.timeout_s,
        "complete": False, "left_out": left_out,
    }  # fmt: skip


def _measure(plan: Plan, workloads: list[catalog.Workload], folder: ResultsFolder) -> Tally:
    """Run the campaign and keep the environment up to date with it."""
    console = plain_console(stderr=True)
    rows = sum(len(workload.rows) for workload in workloads)
    limit = f"at most {plan.budget_s:g} s" if plan.budget_s else "no time limit"
    console.print(
        f"{rows} benchmarks, {plan.rounds} rounds, {limit} of measuring, seed {plan.seed}\n"
        f"results: {folder.path}",
        soft_wrap=True,
    )
    facts = folder.environment["run"]
    for line in needs.lines(facts["left_out"]):
        console.print(line, soft_wrap=True)

    def note(tally: Tally) -> None:
        facts.update(tally.facts())

    with Interrupts() as interrupts, ProgressDisplay(rows, plan.rounds, console) as display:
        tally = Campaign(plan, workloads, folder, interrupts, display, note).run()
        note(tally)
        facts["ended_at"] = now()
        facts["complete"] = tally.rounds > 0 and not (tally.interrupted_by or tally.never_launched)
        folder.write_environment()
    if tally.to_be_counted:
        console.print(f"hardware events: {tally.counted} of {tally.to_be_counted} benchmarks")
    if tally.interrupted_by:
        console.print(f"{Interrupted(tally.interrupted_by)}, {tally.launches} launches are kept")
    return tally
