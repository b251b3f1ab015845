"""Whole runs of made-up launches, which take no time: what one that hangs or fails costs the
others, and what the run says of it.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace

import pytest
from fakes import METRICS, row

from switchyard.compare import advice
from switchyard.suite import campaign
from switchyard.suite.campaign import Campaign, Measurement, Plan
from switchyard.suite.catalog import Workload
from switchyard.suite.results import Tally

PLAN = Plan(rounds=6, budget_s=120.0, min_time_s=0.05, timeout_s=60.0, seed=7)
USUAL_S = 0.12
NAMES = [
    *(f"{workload}/{runtime}/tasks:{count}"
      for workload in ("spawn", "cpu", "switch", "channel", "memory")
      for count in (100, 2, 4) for runtime in ("fiber", "thread", "process")),
    *(f"echo/{server}/connections:{count}/bytes:64"
      for count in (64, 1) for server in ("fiber", "thread", "mine")),
]  # fmt: skip
HANGS = float("inf")


def workloads() -> list[Workload]:
    rows: dict[str, list[dict]] = {}
    for name in NAMES:
        rows.setdefault(name.split("/")[0], []).append(row(name, outside="/mine/" in name))
    return [
        Workload.parse({"workload": name, "what": "", "metric": METRICS[name], "rows": of})
        for name, of in rows.items()
    ]


@pytest.fixture
def run(monkeypatch):
    """Of a plan, where some launches of rows, named with their round, take as long as is told and
    fail: what became of it, and the reasons that were kept.
    """

    def of(bad: Mapping[tuple[str, int], float], plan: Plan = PLAN) -> tuple[Tally, list[str]]:
        kept: list[str] = []

        def measure(workload, row, round_, min_time_s, timeout_s, interrupts) -> Measurement:
            takes_s = bad.get((row.name, round_), USUAL_S)
            if (row.name, round_) not in bad:
                result = {"iterations": 10, "real_time": 5e6, "time_unit": "ns"}
                return Measurement({}, [result], takes_s)
            why = f"{row.name}: too late"
            result = {"error_occurred": True, "error_message": why, "iterations": 0,
                      "real_time": 0.0, "time_unit": "ns"}  # fmt: skip
            return Measurement({}, [result], min(takes_s, timeout_s), takes_s > timeout_s)

        def add(_workload, _context, rows) -> None:
            kept.extend(each["error_message"] for each in rows if "error_message" in each)

        monkeypatch.setattr(campaign, "measure", measure)
        folder = SimpleNamespace(add=add)
        watcher = SimpleNamespace(launching=lambda _: None)
        tally = Campaign(plan, workloads(), folder, None, watcher, lambda _: None).run()
        return tally, kept

    return of


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("spawn/fiber/tasks:100", HANGS),  # it is told
        ("echo/fiber/connections:1/bytes:64", HANGS),
        ("echo/mine/connections:64/bytes:64", 20.0),
        ("echo/mine/connections:1/bytes:64", 20.0),
    ],
)
def test_what_one_row_loses_leaves_the_others_all_their_rounds(run, name: str, seconds: float):
    tally, kept = run({(name, 0): seconds})
    assert kept == [f"{name}: too late"]
    assert (tally.dropped, tally.never_launched) == ([], [])
    assert tally.launches == 6 * (len(NAMES) - 1) + 1
    assert tally.failures == {name: kept[0]}


def test_of_two_outside_rows_that_fail_neither_is_charged_for_rounds_to_come(run):
    bad = {(name, 0): 20.0 for name in NAMES if "/mine/" in name}
    tally, _ = run(bad)
    assert tally.dropped == []
    assert tally.launches == 6 * (len(NAMES) - 2) + 2


def test_one_that_meets_the_end_of_the_budget_is_named(run):
    first = run({(name, 0): HANGS for name in NAMES}, replace(PLAN, budget_s=4.0))[0]
    (name,) = first.cut_off
    assert first.cut_off[name] == pytest.approx(4.0)
    assert name not in first.never_launched
    assert len(first.never_launched) == len(NAMES) - 1
    (warning,) = [w for w in advice._incomplete(first, 6) if "cut off" in w.what]
    assert warning.what == f"cut off at the end of the budget after 4.0 s: {name}"
    assert Tally.from_facts(first.facts() | {"complete": False}).interrupted_by is None


def test_one_that_took_many_times_what_it_is_known_to_take_has_hung(run):
    """With the defaults that is each that hangs in the second half of the budget."""
    name = "echo/fiber/connections:1/bytes:64"
    plan = replace(PLAN, budget_s=50.0)  # less than the time-out
    tally, kept = run({(name, 3): HANGS}, plan)
    assert tally.failures == {name: kept[0]}
    assert tally.cut_off == {}
    dear = "echo/fiber/connections:64/bytes:64"
    tally, kept = run({(dear, 0): 3.0, (dear, 1): HANGS}, replace(plan, budget_s=36.0))
    assert 20 < tally.cut_off[dear] < 30
    assert len(kept) == 1  # the first
