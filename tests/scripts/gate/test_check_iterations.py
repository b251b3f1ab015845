"""How many iterations a launch is told to do, from what the warm-up says of them."""

from pathlib import Path

import pytest

from switchyard.gate.model import Benchmark, Plan, Sample
from switchyard.gate.sampling import Sampler
from switchyard.system.machine import Machine

BENCHMARK = Benchmark("BM_a", "bench", "BM_a")
ROW = {"name": "BM_a", "run_type": "iteration", "iterations": 5_600_000, "threads": 1}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (ROW, "--benchmark_min_time=5600000x"),
        # The library adds up those of all threads, and is told those of each.
        (ROW | {"threads": 8}, "--benchmark_min_time=700000x"),
        (ROW | {"iterations": 3, "threads": 8}, "--benchmark_min_time=1x"),
        # Of a mean, or a median, it is the number of repetitions.
        (ROW | {"run_type": "aggregate", "iterations": 5}, "--benchmark_min_time=0.05"),
        ({}, "--benchmark_min_time=0.05"),
    ],
)
def test_a_launch_is_told_as_many_iterations_as_the_warm_up_did(
    row: dict, told: str, monkeypatch: pytest.MonkeyPatch
):
    """Of Google Benchmark 1.8 or newer."""
    commands = []
    monkeypatch.setattr(
        "switchyard.gate.sampling.exact_iterations", lambda *_: "--benchmark_min_time={}x"
    )
    monkeypatch.setattr(
        "switchyard.gate.sampling.launch_in_turn", lambda asked, *_, **__: commands.extend(asked)
    )
    sampler = Sampler(Plan(1), {"candidate": Path("c")}, None, Machine())
    sampler._fix_iterations(BENCHMARK, Sample({"real_time": 1e-8}, row=row))
    sampler._launch(1, [BENCHMARK], ["candidate"])
    ((*_, given, _, _),) = commands
    assert given == told
