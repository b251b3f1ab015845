"""The rows of the made-up results (made_up.py), each with what a launch of it gives.

The figures are plausible, so that what is drawn from them looks as real ones do. Times of Google
Benchmark (`real_time`) are in microseconds, as those of the fakes.
"""

from collections.abc import Iterator
from itertools import product

from fakes import row

MadeUp = tuple[dict, dict[str, float | str]]

_ECHO = {"process": 95e3, "thread": 120e3, "fiber": 170e3, "epoll": 190e3}  # messages per second
_RUNTIMES = ("serial", "process", "thread", "fiber")


def _named(name: str, control: str | None, quick: bool, **fields: float | str) -> MadeUp:
    runtime = name.split("/")[1]
    needs = runtime if runtime in ("gevent", "wrk") else None
    limit = None if control == runtime else control
    return row(name, control=limit, needs=needs, set_="quick" if quick else "full"), fields


def _sleep() -> Iterator[MadeUp]:
    each_us = {"serial": 100e3, "process": 130.0, "thread": 35.0, "fiber": 3.0, "gevent": 25.0}
    bytes_per_task = {"process": 120e3, "thread": 12e3, "fiber": 9e3, "gevent": 6e3}
    for runtime, tasks in product(each_us, (1, 10, 100, 1_000, 10_000)):
        if runtime != "serial" or tasks <= 10:
            wall = each_us[runtime] * tasks + (0 if runtime == "serial" else 100e3)
            memory = {"pss_bytes_per_task": bytes_per_task.get(runtime, 0.0)}
            name = f"sleep/{runtime}/tasks:{tasks}/ms:100"
            yield _named(name, None, tasks < 10_000, real_time=wall, **memory)
    yield _named("sleep/fiber/tasks:100000/ms:500", None, True, real_time=770e3)
    million = "sleep/fiber/tasks:1000000/ms:1000"
    yield _named(million, None, False, real_time=3.7e6, pss_bytes_per_task=4.2e3)


def _switch() -> Iterator[MadeUp]:
    mechanisms = {
        "process/via:futex": (3.1, 25.0), "process/via:pipe": (2.9, 24.0),
        "process/via:sched_yield": (1.3, None), "thread/via:futex": (3.0, 24.0),
        "thread/via:pipe": (2.7, 23.0), "thread/via:sched_yield": (1.2, None),
        "fiber/via:yield": (0.021, None), "context/via:resume": (0.006, None),
    }  # fmt: skip
    for (mechanism, (same, cross)), tasks in product(mechanisms.items(), (2, 16, 128)):
        name = f"switch/{mechanism}/tasks:{tasks}/placement"
        quick = tasks == 2 or "via:pipe" not in mechanism
        yield _named(f"{name}:same", None, quick, real_time=same)
        if cross:
            yield _named(f"{name}:cross", None, tasks == 2, real_time=cross)
    for mechanism, cost in (
        ("greenlet/via:switch", 0.009), ("gevent/via:switch", 0.22), ("gevent/via:sleep0", 1.6),
    ):  # fmt: skip
        name = f"switch/{mechanism}/tasks:2/placement:same"
        yield _named(name, None, True, real_time=cost)
    yield _named("switch/self_pipe/via:pipe/tasks:1/placement:same", None, True, real_time=0.6)
    yield from _switch_with_memory()


def _switch_with_memory() -> Iterator[MadeUp]:
    mechanisms = {
        "process/via:futex": 3.1e3, "thread/via:futex": 3.0e3, "fiber/via:yield": 21.0,
        "context/via:resume": 6.0,
    }  # fmt: skip
    blocks = {"0": 0.0, "16K": 120.0, "256K": 4e3, "4M": 180e3}
    for (mechanism, direct), tasks, (size, block) in product(
        mechanisms.items(), (2, 16), blocks.items()
    ):
        refill = 0.3 * block * (1 if tasks == 2 else 2)
        name = f"switch/{mechanism}/tasks:{tasks}/placement:same/working_set:{size}"
        yield _named(
            name, None, False, real_time=(direct + block + refill) / 1e3,
            switch_ns=direct + refill, block_ns=block,
        )  # fmt: skip
    for mechanism in ("process/via:futex", "thread/via:futex"):
        yield _named(f"switch/{mechanism}/tasks:2/placement:free", None, False, real_time=9.0)


def _spawn() -> Iterator[MadeUp]:
    for (runtime, cost), tasks in product(
        (("process", 300.0), ("thread", 25.0), ("fiber", 0.4)), (1, 100, 1_000)
    ):
        yield _named(f"spawn/{runtime}/tasks:{tasks}", None, True, real_time=cost)


def _echo() -> Iterator[MadeUp]:
    for (runtime, speed), clients, size in product(
        {**_ECHO, "gevent": 28e3}.items(), (1, 64, 1_024), (64, 4_096)
    ):
        speed = min(speed, 15e3 * clients) * (1 if size == 64 else 0.8)
        p50 = 1e6 * clients / speed
        yield _named(
            f"echo/{runtime}/connections:{clients}/bytes:{size}", "epoll",
            size == 64 or clients == 64, ops_per_s=speed, p50_us=p50, p99_us=3 * p50,
            pss_bytes_per_task=9e3 if runtime == "fiber" else 14e3,
        )  # fmt: skip
    for runtime in ("thread", "fiber", "epoll"):
        yield _named(
            f"echo/{runtime}/connections:10000/active:1000/bytes:64", "epoll", False,
            ops_per_s=0.7 * _ECHO[runtime], p50_us=9e3, p99_us=2e4,
            pss_bytes_per_task=9e3 if runtime == "fiber" else 14e3,
        )  # fmt: skip


def _echo_open() -> Iterator[MadeUp]:
    rates = (("load", load, load / 100) for load in (10, 50, 90))
    for (runtime, speed), (kind, number, share) in product(
        _ECHO.items(), (*rates, ("rate", 20_000, 0.2), ("rate", 80_000, 0.8))
    ):
        p50 = 40.0 / (1.15 - share)
        tail = {"p90_us": 1.5, "p99_us": 3, "p999_us": 6, "p9999_us": 10}
        yield _named(
            f"echo_open/{runtime}/connections:64/bytes:64/{kind}:{number}", "epoll",
            number == 20_000, ops_per_s=speed * share, p50_us=p50, late_p99_us=0.02 * p50,
            **{key: p50 * times for key, times in tail.items()},
        )  # fmt: skip


def _echo_capacity() -> Iterator[MadeUp]:
    for runtime, speed in _ECHO.items():
        name = f"echo_capacity/{runtime}/connections:64/bytes:64"
        for load in (100, 110):
            due = speed * load / 100
            yield _named(
                f"{name}/load:{load}", "epoll", False,
                ops_per_s=0.99 * speed, due_per_s=due, queue_growth_per_s=due - 0.99 * speed,
            )  # fmt: skip
        yield _named(
            f"{name}/find:slo", "epoll", False, ops_per_s=0.9 * speed, slo_ops_per_s=0.9 * speed,
            slo_low_ops_per_s=0.88 * speed, slo_high_ops_per_s=0.93 * speed,
        )  # fmt: skip


def _http_fetch() -> Iterator[MadeUp]:
    speeds = {
        "serial": 9e3, "process": 2.2e3, "thread": 14e3, "fiber": 31e3, "wrk": 38e3, "gevent": 1.9e3
    }  # fmt: skip
    for runtime, urls, latency, size, kind in product(
        speeds, (1, 10, 100, 1_000), (0, 50), (1_024, 262_144), ("new", "keep")
    ):
        limited = latency > 0 or kind == "new"
        if (runtime == "wrk" and limited) or (runtime == "serial" and urls > 10):
            continue
        each = 10 if kind == "keep" else 1
        speed = speeds[runtime] * (1 if kind == "keep" else 0.5) * (1 if size == 1_024 else 0.15)
        slowest_ms = latency * (urls if runtime == "serial" else 1)
        batch_ms = each * (slowest_ms + 1e3 * urls / speed)
        over = {"over_ideal": batch_ms / (each * latency)} if latency else {}
        yield _named(
            f"http_fetch/{runtime}/urls:{urls}/latency_ms:{latency}/bytes:{size}/connection:{kind}",
            None if limited else "wrk", size == 1_024 and urls >= 100,
            ops_per_s=1e3 * urls * each / batch_ms, batch_ms=batch_ms, **over,
        )  # fmt: skip


def _channel() -> Iterator[MadeUp]:
    speeds = {
        "process/via:pipe": 0.5e6, "process/via:shared_memory": 0.7e6, "thread/via:mutex": 0.9e6,
        "fiber/via:buffered_channel": 12e6, "plain_queue/via:ring": 180e6,
    }  # fmt: skip
    for mechanism, pairs, size, capacity, place in product(
        speeds, (1, 4), (8, 1_024), (1, 64, 1_024), ("same", "cross")
    ):
        if place == "cross" and mechanism.startswith(("fiber", "plain")):
            continue
        speed = speeds[mechanism] * (1 if capacity > 1 else 0.12) * (1 if place == "same" else 0.5)
        params = f"pairs:{pairs}/bytes:{size}/capacity:{capacity}/placement:{place}"
        quick = (size, capacity) == (8, 64) and (place == "same" or pairs == 1)
        yield _named(f"channel/{mechanism}/{params}", "plain_queue", quick, ops_per_s=speed)


def _shared_counter() -> Iterator[MadeUp]:
    costs = {
        "process/via:atomic": 0.006, "process/via:messages": 0.35, "thread/via:mutex": 0.014,
        "thread/via:atomic": 0.006, "fiber/via:plain": 0.0007, "plain/via:loop": 0.0003,
    }  # fmt: skip
    for mechanism, tasks, place in product(costs, (1, 4, 16), ("same", "cross")):
        if place == "cross" and (tasks == 1 or mechanism.startswith("fiber")):
            continue
        cost = costs[mechanism] * (3 if place == "cross" else 1)
        name = f"shared_counter/{mechanism}/tasks:{tasks}/placement:{place}"
        yield _named(name, "plain", tasks == 4, real_time=cost)


def _cpu() -> Iterator[MadeUp]:
    for runtime, tasks in product(_RUNTIMES, (1, 2, 4, 8)):
        gain = min(tasks, 2) if runtime in ("process", "thread") else 1
        name = f"cpu/{runtime}/tasks:{tasks}"
        yield _named(name, "serial", tasks in (2, 4), real_time=28e3 / gain)


def _blocking() -> Iterator[MadeUp]:
    for column, block_ms in product(
        ("process/via:direct", "thread/via:direct", "fiber/via:direct", "fiber/via:offloaded"),
        (0, 20, 100),
    ):
        if column == "fiber/via:offloaded" and block_ms == 0:
            continue
        late = 1e3 * block_ms if column == "fiber/via:direct" else 0.0
        yield _named(
            f"blocking/{column}/block_ms:{block_ms}", None, block_ms != 20,
            p50_us=70.0, p99_us=120.0 + 0.95 * late, max_us=500.0 + late,
        )  # fmt: skip


def _memory() -> Iterator[MadeUp]:
    held = {"process": (95e3, 68e3, 16_384), "thread": (9e3, 300, 16_384), "fiber": (4.4e3, 270, 0)}
    for (runtime, parts), count in product(held.items(), (10, 100, 1_000, 10_000)):
        for kib in (0, 4, 16, 64):
            name = f"memory/{runtime}/of:tasks/count:{count}/stack_kib:{kib}"
            quick = count == 100 and kib in (0, 16)
            yield _named(name, None, quick, **_parts_of_memory(parts, 1_024 * kib))
        name = f"memory/{runtime}/of:connections/count:{count}"
        sockets = {"socket_bytes_per_task": 0.0 if count < 1_000 else 410.0}
        yield _named(name, None, count == 100, **_parts_of_memory(parts, 2_000), **sockets)


def _parts_of_memory(parts: tuple[float, float, float], touched: int) -> dict[str, float]:
    pages, tables, stack = parts
    return {
        "bytes_per_task": pages + touched + tables + stack, "pss_bytes_per_task": pages + touched,
        "page_table_bytes_per_task": tables, "kernel_stack_bytes_per_task": stack,
    }  # fmt: skip


def _limits() -> Iterator[MadeUp]:
    pids, none = "kernel.pid_max: 80 % of 32768", "no limit up to 1048576"
    most = {"process": (16_384.0, pids), "thread": (16_384.0, pids), "fiber": (1_048_576.0, none)}
    for runtime, (tasks, ending) in most.items():
        name, files = f"limits/{runtime}/of", {"label": "RLIMIT_NOFILE: 20000"}
        yield _named(f"{name}:tasks", None, False, reached=tasks, label=ending)
        label = "no limit up to 1024"
        yield _named(f"{name}:tasks/most:1024", None, True, reached=1_024.0, label=label)
        yield _named(f"{name}:connections", None, False, reached=16_384.0, **files)


def _scale() -> Iterator[MadeUp]:
    """By laws: threads share what mapping memory locks, and everybody a little."""
    on_one = {"cpu": 1e3, "page_fault": 34e3, "spawn": 50e3, "echo": 170e3, "echo_shared": 90e3}
    runtimes = ("process", "thread", "fiber", "coroutine")
    for work, runtime, cpus in product(on_one, runtimes, (1, 2, 4, 8)):
        contention = 0.5 if (work, runtime) == ("page_fault", "thread") else 0.02
        lost = contention * (cpus - 1) + contention / 20 * cpus * (cpus - 1)
        name = f"scale/{runtime}/work:{work}/cpus:{cpus}"
        yield _named(name, None, False, ops_per_s=on_one[work] * cpus / (1 + lost))


WORKLOADS = {
    "sleep": _sleep, "switch": _switch, "spawn": _spawn, "echo": _echo, "echo_open": _echo_open,
    "echo_capacity": _echo_capacity, "http_fetch": _http_fetch, "channel": _channel,
    "shared_counter": _shared_counter, "cpu": _cpu, "blocking": _blocking, "memory": _memory,
    "limits": _limits, "scale": _scale,
}  # fmt: skip
