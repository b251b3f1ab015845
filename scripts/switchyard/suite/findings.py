"""What is found of a machine that spoils a run or limits it; and what of that a run's record tells.

doctor looks at the machine it is on, readiness.py at what only it can see. The warnings of a run,
and the report of one that was measured elsewhere, have what stands in environment.json: what a
container, a CI's machine or a busy CPU takes away. The thresholds are in warnings.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..system import units
from . import warnings

OK, WARN, LIMIT = "ok", "warn", "limit"

# Read in user space, without a system call.
_CHEAP_CLOCKS = ("tsc", "arch_sys_counter", "riscv_clocksource")
_TOLD = {
    "waits_told": "waits for a CPU (/proc/schedstat)",
    "hardware_counters": "cycles, instructions and cache misses (perf)",
}


@dataclass(frozen=True)
class Finding:
    level: str
    subject: str
    what: str
    advice: str = ""
    fatal: bool = False


def judge(bad: bool, level: str, subject: str, what: str, advice: str) -> Finding:
    return Finding(level, subject, what, advice) if bad else Finding(OK, subject, what)


def surroundings(facts: Mapping[str, Any]) -> Iterator[Finding]:
    """What a container, a CI's machine or a busy CPU takes away, by what environment.json has under
    `machine`: of this machine, or of the one that a run was measured on. Older runs told less.
    """
    usable, total = len(facts.get("usable_cpus") or ()), facts.get("cpu_count") or 0
    if usable == 1:
        yield Finding(
            LIMIT, "cores", "1 usable",
            "server and load generator share a core, and rows across cores can't run: use 2 or "
            "more",
        )  # fmt: skip
    elif usable:
        left = f" of {total} (cpuset or taskset)" if usable < total else ""
        yield judge(
            usable < total, WARN, "cores", f"{usable} usable{left}",
            "others may be bound to the same ones and be in the way: take CPUs that are yours "
            "alone",
        )  # fmt: skip
    if quota := facts.get("cpu_quota"):
        yield judge(
            quota < usable, WARN, "CPU quota", f"{quota:g} of {usable} CPUs",
            "what has used it up is stopped: speed-ups and latencies are the quota's; lift it "
            "(cpu.max, docker's --cpus)",
        )  # fmt: skip
    if limit := facts.get("memory_limit_bytes"):
        yield judge(
            limit < warnings.MEMORY, LIMIT, "memory limit",
            f"{units.with_unit(limit, 'B')} for the control group",
            f"rows that need more, up to {units.with_unit(warnings.MEMORY, 'B')}, are killed: "
            "raise it (memory.max, docker's --memory)",
        )  # fmt: skip
    yield from _time(facts)
    yield from _inherited(facts)
    missing = [what for name, what in _TOLD.items() if facts.get(name) is False]
    if missing:
        yield Finding(
            WARN, "kernel's counters", f"no {' and no '.join(missing)}",
            "why a row is slow can't be told by them: another machine or container may have them",
        )  # fmt: skip


def _time(facts: Mapping[str, Any]) -> Iterator[Finding]:
    """What interrupts a row, and what reads the clock."""
    for cpu, rate in (facts.get("interrupts_per_second") or {}).items():
        yield judge(
            rate > warnings.INTERRUPTS, WARN, f"interrupts of {cpu}", f"{rate:,.0f} per second",
            "they hold up what is measured there: move them (/proc/irq/*/smp_affinity_list), or "
            "measure on other CPUs (taskset -c)",
        )  # fmt: skip
    if clock := facts.get("clocksource"):
        yield judge(
            clock not in _CHEAP_CLOCKS, WARN, "clock", clock,
            "to read it may take a system call, which latencies and short rows hold too; where "
            "tsc is there: /sys/devices/system/clocksource/clocksource0/current_clocksource",
        )  # fmt: skip


def _inherited(facts: Mapping[str, Any]) -> Iterator[Finding]:
    """What is launched has it from its caller."""
    if (nice := facts.get("nice")) is not None:
        yield judge(
            nice > 0, WARN, "nice", str(nice),
            "whatever else runs here goes first: start it without `nice`",
        )  # fmt: skip
    for name, value in (facts.get("environment_variables") or {}).items():
        yield Finding(
            WARN, "environment", f"{name}={value}",
            "what is launched has it too, and may have other figures for it: unset it",
        )  # fmt: skip
