"""The question of each workload that a run answers in one sentence, and the case that answers it.

The case is told at the end of a run, and the runner makes sure that it is measured: first, and
whatever else a budget leaves out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Params = tuple[tuple[str, int | float | str], ...]


@dataclass(frozen=True)
class Question:
    """`text` tells what is in `where`; without one nothing is asked."""

    text: str
    where: Mapping[str, int | str] = field(default_factory=dict)

    def is_of(self, case: Params) -> bool:
        return bool(self.text) and self.where.items() <= dict(case).items()


_NONE = Question("")
_QUESTIONS = {
    "switch": Question("a switch between two tasks on one CPU", {"tasks": 2, "placement": "same"}),
    "spawn": Question("a task created and joined", {"tasks": 100}),
    "sleep": Question("100 tasks that sleep 100 ms", {"tasks": 100, "ms": 100}),
    "echo": Question("messages echoed, 64 connections", {"connections": 64, "bytes": 64}),
    "echo_churn": Question(
        "CPU time of a server for a connection of one message, 64 at once", {"connections": 64}
    ),
    "echo_open": Question(
        "99 % of the messages are answered within, 20,000 a second", {"rate": 20_000}
    ),
    "echo_capacity": Question("messages answered, 10 % more due than it can", {"load": 110}),
    "http_fetch": Question(
        "fetches of 50 ms, 100 at once", {"urls": 100, "latency_ms": 50, "connection": "new"}
    ),
    "channel": Question(
        "items through a channel of 64 on one CPU",
        {"pairs": 1, "bytes": 8, "capacity": 64, "placement": "same"},
    ),
    "shared_counter": Question(
        "an addition to a shared number, 4 tasks on one CPU", {"tasks": 4, "placement": "same"}
    ),
    "cpu": Question("work for the CPU, cut into 2 tasks", {"tasks": 2}),
    "page_fault": Question("64 KiB mapped, touched and unmapped by 4 tasks", {"tasks": 4}),
    "blocking": Question("others are late by, while one blocks 100 ms", {"block_ms": 100}),
    "memory": Question(
        "memory of one of 100 idle tasks", {"of": "tasks", "count": 100, "stack_kib": 0}
    ),
    "limits": Question("tasks at once, until something stops it", {"of": "tasks"}),
}


def of(workload: str) -> Question:
    return _QUESTIONS.get(workload, _NONE)
