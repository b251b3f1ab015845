"""Made-up results of every workload, with sizes and columns as the real ones have them."""

import json
import random
from collections.abc import Callable
from itertools import product
from pathlib import Path

from fakes import METRICS
from made_up_rows import WORKLOADS, MadeUp

from switchyard.suite.catalog import Workload
from switchyard.suite.results import ResultsFolder, WorkloadResults

ENVIRONMENT = {
    "machine": {"cpu_model": "Fast CPU", "cpu_count": 2, "usable_cpus": [0, 1], "kernel": "6.1.0"},
    "git": {"sha": "0123456789abcdef"},
    "build": {"compiler": "GNU 12.2.0", "boost": "1.81.0"},
    "run": {"complete": True, "started_at": "2026-01-01T00:00:00Z"},
}


def rows(workload: str) -> list[MadeUp]:
    """Rows of --describe, each with what a launch of it gives."""
    return list(WORKLOADS[workload]())


def results(
    workload: str, rounds: int = 6, keep: Callable[[dict], bool] = lambda row: True
) -> WorkloadResults | None:
    """Rounds that differ by some percent; None when no row is kept."""
    chosen = [(entry, fields) for entry, fields in rows(workload) if keep(entry)]
    if not chosen:
        return None
    described = {
        "workload": workload, "what": f"the made-up {workload}", "metric": METRICS[workload],
        "rows": [entry for entry, _ in chosen],
    }  # fmt: skip
    made = WorkloadResults(Workload.parse(described))
    noise = random.Random(workload)
    for round_, (entry, fields) in product(range(rounds), chosen):
        values = {
            key: value if isinstance(value, str) else value * noise.uniform(0.95, 1.1)
            for key, value in fields.items()
        }
        values |= {"name": entry["name"], "round": round_, "time_unit": "us"}
        made.benchmarks.append(values)
    return made


def folder(
    path: Path, rounds: int = 6, keep: Callable[[dict], bool] = lambda row: True
) -> ResultsFolder:
    """All workloads of which a row is kept; nothing is written."""
    made = {name: results(name, rounds, keep) for name in WORKLOADS}
    return ResultsFolder(path, {name: kept for name, kept in made.items() if kept}, ENVIRONMENT)


def written(path: Path, *workloads: str, rounds: int = 6) -> Path:
    """A results folder of these workloads, as a run would have left it."""
    path.mkdir()
    for name in workloads:
        (path / f"{name}.json").write_text(json.dumps(results(name, rounds).document()))
    (path / "environment.json").write_text(json.dumps(ENVIRONMENT))
    return path
