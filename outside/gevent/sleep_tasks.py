"""The article's sleeping tasks: N greenlets sleep D ms each, and all are joined.

--synchronous is its other version, one task after another. --order shows its three functions: who
sleeps how long, and who wakes when. Otherwise one line of figures: the wall time of all batches,
each from its first spawn to its last join, how late the tasks woke, and what that used. With
--memory, a pass of its own looks at the memory while all of them sleep.
"""

import argparse
import contextlib
import time
from dataclasses import dataclass

import gevent

import common


@dataclass
class Slept:
    """Batches so far, in seconds."""

    wall: float = 0.0
    tasks: int = 0
    late_sum: float = 0.0
    late_max: float = 0.0

    def add(self, wall: float, lateness: list[float]) -> None:
        if min(lateness) < 0:
            raise RuntimeError(f"a task woke {-min(lateness) * 1e3:.3f} ms too early")
        self.wall += wall
        self.tasks += len(lateness)
        self.late_sum += sum(lateness)
        self.late_max = max(self.late_max, *lateness)


def sleep_for(seconds: float) -> float:
    """How much longer it took, in seconds."""
    before = time.monotonic()
    gevent.sleep(seconds)
    return time.monotonic() - before - seconds


def asynchronous(tasks: int, seconds: float) -> list[float]:
    sleepers = [gevent.spawn(sleep_for, seconds) for _ in range(tasks)]
    gevent.joinall(sleepers, raise_error=True)
    return [sleeper.value for sleeper in sleepers]


def synchronous(tasks: int, seconds: float) -> list[float]:
    return [sleep_for(seconds) for _ in range(tasks)]


def memory_of_a_sleeper(tasks: int, empty_bytes: int) -> float:
    """In bytes. `empty_bytes` is what the process held before it had any task.

    They do not wake again: to end them would take longer than all that was measured.
    """
    asleep = 0

    def sleeper() -> None:
        nonlocal asleep
        asleep += 1
        gevent.sleep(3600)

    for _ in range(tasks):
        gevent.spawn(sleeper)
    while asleep < tasks:
        gevent.sleep(0.001)
    all_bytes = common.pss_bytes()
    return (all_bytes - empty_bytes) / tasks


def measure(args: argparse.Namespace) -> None:
    seconds = args.ms / 1e3
    one_batch = synchronous if args.synchronous else asynchronous
    gevent.sleep(0)  # the first one makes the hub
    empty_bytes = common.pss_bytes()
    slept = Slept()
    used = common.Usage.now()
    for _ in range(args.batches):
        begin = time.monotonic()
        lateness = one_batch(args.tasks, seconds)
        slept.add(time.monotonic() - begin, lateness)
    figures = {
        "tasks": slept.tasks,
        "seconds": slept.wall,
        "oversleep_mean_ms": slept.late_sum / slept.tasks * 1e3,
        "oversleep_max_ms": slept.late_max * 1e3,
        **used.figures_since(),
    }
    if args.memory:
        figures["pss_bytes_per_task"] = memory_of_a_sleeper(args.tasks, empty_bytes)
    common.print_figures(figures)


def show_order(sleeps: list[float]) -> None:
    def function(number: int, seconds: float) -> None:
        print(f"func{number}: sleeps {seconds:g} s")
        gevent.sleep(seconds)
        print(f"func{number}: woke after {seconds:g} s")

    gevent.joinall(
        [gevent.spawn(function, i, seconds) for i, seconds in enumerate(sleeps, start=1)],
        raise_error=True,
    )


def in_seconds(text: str) -> float:
    """A type for arguments: a time from 0 to an hour."""
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) <= 3600:
            return seconds
    raise argparse.ArgumentTypeError(f"'{text}' is no time in seconds, from 0 to 3600")


def main(args: argparse.Namespace) -> int:
    if args.order:
        show_order(args.order)
    else:
        measure(args)
    return 0


if __name__ == "__main__":
    parser = common.Parser("sleep_tasks.py", "Greenlets that sleep at the same time.")
    count = common.whole_number(1)
    parser.add_argument("--tasks", type=count, default=10, metavar="N", help="default: 10")
    parser.add_argument("--ms", type=count, default=500, metavar="D", help="default: 500")
    parser.add_argument("--batches", type=count, default=1, metavar="B", help="default: 1")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--synchronous", action="store_true", help="one task after another")
    way.add_argument("--memory", action="store_true", help="also the memory of a sleeping task")
    way.add_argument(
        "--order", type=in_seconds, nargs="+", metavar="S", help="print who sleeps and wakes when"
    )
    common.run(parser, main)
