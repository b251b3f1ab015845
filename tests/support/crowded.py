"""Made-up results with as many runtimes as there are, for what has to be read all the same: those
that have no made-up figures of their own take another's, by a factor.
"""

from pathlib import Path

import made_up

from switchyard.suite.results import ResultsFolder, WorkloadResults

_WAITS = ("sleep", "echo", "echo_open", "echo_capacity", "http_fetch")
_SERVES = ("echo", "echo_open", "echo_capacity")
# Of whom, where, and the factor.
_LIKE = {
    "fiber_uring": ("fiber", _WAITS, 1.05),
    "coroutine": ("fiber", (*_WAITS, "switch", "spawn"), 1.1),
    "callback": ("fiber", _SERVES, 1.15),
    "uring": ("epoll", _SERVES, 1.2),
    "coroutine_handle": ("context", ("switch",), 0.8),
    "awaitable": ("greenlet", ("switch",), 3.0),
    "mine": ("gevent", ("echo",), 1.4),  # a server that nobody knows
}


def results(workload: str, rounds: int = 6) -> WorkloadResults:
    made = made_up.results(workload, rounds)
    described = made.workload.document() | {"workload": workload}
    for name, (other, where, factor) in _LIKE.items():
        if workload not in where:
            continue
        begins = f"{workload}/{other}/"
        for entry in [entry for entry in described["rows"] if entry["runtime"] == other]:
            alike = entry["name"].replace(begins, f"{workload}/{name}/")
            described["rows"].append(entry | {"name": alike, "runtime": name, "needs": None})
        for fields in [each for each in made.benchmarks if each["name"].startswith(begins)]:
            scaled = {
                key: value if isinstance(value, str) or key == "round" else value * factor
                for key, value in fields.items()
            }
            alike = fields["name"].replace(begins, f"{workload}/{name}/")
            made.benchmarks.append(scaled | {"name": alike})
    made.workload = made.workload.parse(described)
    return made


def folder() -> ResultsFolder:
    made = {name: results(name) for name in made_up.WORKLOADS}
    return ResultsFolder(Path("none"), made, made_up.ENVIRONMENT)
