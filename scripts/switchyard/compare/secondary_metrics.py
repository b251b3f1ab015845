"""What a workload is about besides its metric: other numbers of its rows, where they were measured.

The terminal's tables and the report's show the same ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ..suite.results import WorkloadResults
from .comparison import Comparison, compare, speed_up

RATIO = "x"  # the unit of numbers that are ratios themselves
_LATENCY_OF = {
    "echo": "latency", "echo_open": "latency since due", "blocking": "lateness of the others"
}  # fmt: skip
_PARTS_OF_MEMORY = {
    "pages (PSS)": "pss", "page tables": "page_table", "kernel stack": "kernel_stack",
    "TCP buffers": "socket",
}  # fmt: skip
_MEMORY_PER = {"echo": "connection", "sleep": "task"}


@dataclass(frozen=True)
class SecondaryMetric:
    """`parts`: what stands together, by its name; `unit`: as in system/units.py, or RATIO."""

    title: str
    unit: str
    parts: dict[str, Comparison]


def secondary_metrics(results: WorkloadResults, comparison: Comparison) -> list[SecondaryMetric]:
    """`comparison`: that of the workload's metric."""
    return [
        metric
        for metric in _all(results, comparison)
        if any(c.cells for c in metric.parts.values())
    ]


def _all(results: WorkloadResults, comparison: Comparison) -> Iterator[SecondaryMetric]:
    def by(key: str) -> Comparison:
        return compare(results, key).measured()

    name = results.workload.name
    if name in _LATENCY_OF:
        yield SecondaryMetric(_LATENCY_OF[name], "us", {"p50": by("p50_us"), "p99": by("p99_us")})
    if name == "echo_open":
        title = "highest rate that the objective allows"
        yield SecondaryMetric(title, "1/s", {"slo_ops_per_s": by("slo_ops_per_s")})
    if name == "switch":
        title = "time beyond the task's own block (below zero: less than the noise)"
        yield SecondaryMetric(title, "ns", {"switch_ns": by("switch_ns")})
    if name == "http_fetch":
        title = "wall time, in times of the latency"
        yield SecondaryMetric(title, RATIO, {"over_ideal": by("over_ideal")})
    if name == "cpu":
        yield SecondaryMetric(
            "speed-up against serial", RATIO, {"speed-up": speed_up(comparison, "serial")}
        )
    if name in _MEMORY_PER:
        title = f"memory per {_MEMORY_PER[name]}"
        yield SecondaryMetric(title, "B", {"bytes_per_task": by("bytes_per_task")})
    if name == "memory":
        parts = {part: by(f"{key}_bytes_per_task") for part, key in _PARTS_OF_MEMORY.items()}
        yield SecondaryMetric(
            "what it is made of", "B", {part: c for part, c in parts.items() if c.cells}
        )
