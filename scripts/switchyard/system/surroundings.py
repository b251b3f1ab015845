"""What a program that we launch finds around it: an environment, and where and how it is
scheduled. Whatever else was exported, or set for the caller, must not change what is measured.
"""

import os
import re
from collections.abc import Collection, Mapping

# Google Benchmark takes each of its flags from the environment too: a filter or an output file that
# some other job exported would change what is launched here without a word.
GOOGLE_BENCHMARK_VARIABLES = tuple(
    f"BENCHMARK_{flag}"
    for flag in (
        "COLOR", "CONTEXT", "COUNTERS_TABULAR", "DISPLAY_AGGREGATES_ONLY", "DRY_RUN",
        "ENABLE_RANDOM_INTERLEAVING", "FILTER", "FORMAT", "LIST_TESTS", "MIN_TIME",
        "MIN_WARMUP_TIME", "OUT", "OUT_FORMAT", "PERF_COUNTERS", "REPETITIONS",
        "REPORT_AGGREGATES_ONLY", "TIME_UNIT",
    )
)  # fmt: skip

# Go's runtime takes its threads and its garbage collector's habits from these.
GO_VARIABLES = ("GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG")
# With what loaders and allocators are made to work otherwise, mostly on purpose: kept, and told.
_TOLD = re.compile("LD_PRELOAD|GLIBC_TUNABLES|MALLOC_.*")


def told_variables() -> dict[str, str]:
    """What the caller's environment has that changes figures, and all that is launched has too."""
    return {name: value for name, value in os.environ.items() if _TOLD.fullmatch(name) and value}


def settle_in(
    cpu: int | None, batch: bool, without: Collection[str], variables: Mapping[str, str]
) -> None:
    """Where and how the command is scheduled, and all that it starts, and what its environment has
    unlike ours. Raises OSError.
    """
    for variable in without:
        os.environ.pop(variable, None)
    os.environ.update(variables)
    _write_numbers_as_c()
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    if batch:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _write_numbers_as_c() -> None:
    """Numbers with a decimal comma are neither an argument of Google Benchmark's nor JSON, and perf
    writes them too. In all else the caller's locale stays: LC_ALL would stand above LC_NUMERIC.
    """
    if everything := os.environ.pop("LC_ALL", ""):
        for name in [name for name in os.environ if name.startswith("LC_")]:
            del os.environ[name]
        os.environ["LANG"] = everything
    os.environ["LC_NUMERIC"] = "C"
