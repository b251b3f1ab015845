"""What may spoil a run (warn) or keep rows from running (limit), one function per subject.

Each yields findings from what the machine says; where the machine says nothing (a container
without sysfs, say), it yields nothing. The thresholds are in warnings.py.
"""

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from ..system import tools, units
from ..system.errors import SwitchyardError
from ..system.machine import Machine, resource_limit
from ..system.paths import ROOT
from . import catalog, needs, warnings
from .catalog import Workload
from .environment import build_info, git_problem, git_state, machine_facts
from .findings import LIMIT, OK, WARN, Finding, judge, surroundings

_STEAL_SAMPLE_S = 1.0


def examine(
    machine: Machine, build: Path | None, steal_s: float = _STEAL_SAMPLE_S
) -> Iterator[Finding]:
    """Without a build it is about what `check` does with any binaries."""
    if build:
        workloads = yield from binaries(build)
        yield from source(ROOT or build)
        yield from optional()
        yield from kernel_features(workloads)
    yield from counting()
    yield from instruments()
    yield from surroundings(machine_facts(machine))
    yield from siblings(machine)
    yield from frequency(machine)
    yield from neighbours(machine, steal_s)
    yield from memory(machine)
    yield from open_files(resource_limit("RLIMIT_NOFILE")[1])
    yield from tasks(machine, resource_limit("RLIMIT_NPROC")[0])
    yield from mappings(machine)
    yield from sockets(machine)


def binaries(build: Path) -> Generator[Finding, None, list[Workload]]:
    """Gives back what they say of themselves, which is nothing where a run would refuse them."""
    try:
        workloads = catalog.load(build)
    except SwitchyardError as error:
        yield Finding(LIMIT, "binaries", str(error), "build them: scripts/run.sh", fatal=True)
        return []
    info = build_info(build) or {}
    kind = str(info.get("build_type") or "unknown")
    yield judge(
        kind.lower() not in ("release", "relwithdebinfo"), WARN, "build",
        f"{kind} build, {info.get('compiler', 'unknown compiler')}",
        "times of a build without optimisation mean nothing: use the release preset",
    )  # fmt: skip
    slowdown = info.get("injected_slowdown_percent")
    if slowdown:
        yield Finding(
            WARN, "slowdown", f"this build is slower on purpose, by {slowdown} %",
            "configure it again without SWITCHYARD_INJECT_SLOWDOWN",
        )  # fmt: skip
    return workloads


def source(folder: Path) -> Iterator[Finding]:
    git = git_state(folder)
    if git["dirty"] is None:
        yield Finding(WARN, "source", git_problem(folder), "results can't be traced to a commit")
        return
    state = "with changes that are not committed" if git["dirty"] else "clean"
    yield judge(
        git["dirty"], WARN, "source", f"commit {(git['sha'] or 'none')[:7]}, {state}",
        "commit before a run whose results you want to keep",
    )  # fmt: skip


def optional() -> Iterator[Finding]:
    """What some rows need, and a run can do without."""
    for name in needs.KNOWN:
        is_there = needs.is_there(name)
        versions = ", ".join(f"{part} {v}" for part, v in needs.versions(name).items())
        yield judge(
            not is_there, WARN, name, (versions or "installed") if is_there else "not installed",
            f"rows that need it are left out; {needs.advice(name)}",
        )  # fmt: skip


def kernel_features(workloads: Sequence[Workload]) -> Iterator[Finding]:
    """What the benchmarks say that they would need of the kernel and can't have."""
    if not workloads:
        return
    lack = next((of.lacks["io_uring"] for of in workloads if "io_uring" in of.lacks), None)
    yield judge(
        lack is not None, WARN, "io_uring", lack or "to be had",
        f"rows that need it are left out; {needs.advice('io_uring')}",
    )  # fmt: skip


def counting() -> Iterator[Finding]:
    """What `check` counts instructions with, where it is asked to."""
    tool = tools.find_counter()
    yield judge(
        tool is None, WARN, "instructions",
        f"counted by {tool.name} {tool.version}" if tool else "no tool that counts them",
        f"`check --instructions` needs one; {tools.advice('valgrind')}",
    )  # fmt: skip


def instruments() -> Iterator[Finding]:
    """What `validate` holds our figures against."""
    found = tools.find()
    for line in dict.fromkeys(found.missing.values()):
        yield Finding(WARN, "instruments", line, "`validate` leaves out what needs it")
    if found.versions:
        versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
        yield Finding(OK, "instruments", versions)


def siblings(machine: Machine) -> Iterator[Finding]:
    if groups := machine.smt_siblings():
        yield Finding(
            WARN, "SMT", f"CPUs that share a core: {', '.join(groups)}",
            "place server and load on different cores: --server-cpus, --load-cpus; or switch it "
            "off: echo off > /sys/devices/system/cpu/smt/control",
        )  # fmt: skip


def frequency(machine: Machine) -> Iterator[Finding]:
    governors = machine.governors()
    if governors:
        yield judge(
            governors != {"performance"}, WARN, "governor", ", ".join(sorted(governors)),
            "cpupower frequency-set -g performance",
        )  # fmt: skip
    else:
        yield Finding(OK, "governor", "not visible here (usual in a virtual machine)")
    turbo = machine.turbo()
    if turbo is not None:
        yield judge(
            turbo, WARN, "turbo", "on" if turbo else "off",
            "clocks depend on heat: switch it off in the firmware, or in intel_pstate/no_turbo or "
            "cpufreq/boost below /sys/devices/system/cpu",
        )  # fmt: skip


def neighbours(machine: Machine, steal_s: float) -> Iterator[Finding]:
    hypervisor = machine.virtualisation()
    if hypervisor:
        yield Finding(
            WARN, "virtual machine", f"hypervisor: {hypervisor}",
            "switches and timers cost more than on bare metal: compare runtimes with each other, "
            "not with other machines",
        )  # fmt: skip
    steal = machine.steal_percent(steal_s)
    if steal is not None:
        yield judge(
            steal > warnings.STEAL.above, WARN, "steal", f"{steal:.1f} % over {steal_s:g} s",
            "the hypervisor gives CPU time to others: repeat at a quieter time",
        )  # fmt: skip
    load, count = machine.load_average(), max(len(machine.usable_cpus()), 1)
    if load is not None:
        yield judge(
            load > warnings.BUSY * count, WARN, "load", f"{load:.2f} on {count} CPUs",
            warnings.STOP_OTHERS,
        )  # fmt: skip


def memory(machine: Machine) -> Iterator[Finding]:
    info = machine.memory()
    if "MemAvailable" in info:
        available = info["MemAvailable"]
        yield judge(
            available < warnings.MEMORY, LIMIT, "memory",
            f"{units.with_unit(available, 'B')} available",
            f"the largest rows need about {units.with_unit(warnings.MEMORY, 'B')}",
        )  # fmt: skip
    used_swap = info.get("SwapTotal", 0) - info.get("SwapFree", 0)
    if "SwapTotal" in info:
        yield judge(
            used_swap > 0, WARN, "swap", f"{units.with_unit(used_swap, 'B')} in use",
            "swapping spoils latencies: free memory, then swapoff -a",
        )  # fmt: skip
    huge = machine.transparent_huge_pages()
    if huge:
        yield judge(
            huge == "always", WARN, "transparent huge pages", huge,
            "memory per task may be rounded up to 2 MiB: "
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        )  # fmt: skip


def open_files(hard: int | None) -> Iterator[Finding]:
    """Benchmarks and servers raise the soft limit by themselves."""
    yield judge(
        hard is not None and hard < warnings.OPEN_FILES, LIMIT, "open files",
        f"hard limit {hard or 'none'}",
        f"{warnings.CONNECTIONS} connections need {warnings.OPEN_FILES}: raise the hard limit in "
        "/etc/security/limits.conf",
    )  # fmt: skip


def tasks(machine: Machine, nproc: int | None) -> Iterator[Finding]:
    """Whichever of the four limits is the smallest decides."""
    limits = {
        "ulimit -u": nproc,
        "kernel.pid_max": machine.sysctl("kernel/pid_max"),
        "kernel.threads-max": machine.sysctl("kernel/threads-max"),
        "pids.max of the control group": machine.cgroup_pids_max(),
    }
    known = {name: limit for name, limit in limits.items() if limit is not None}
    if not known:
        return
    name = min(known, key=known.get)
    yield judge(
        known[name] < warnings.TASKS + warnings.OTHER_TASKS, LIMIT, "processes and threads",
        f"{known[name]:,} ({name})",
        f"rows with {warnings.TASKS:,} tasks will report a limit: raise {name}",
    )  # fmt: skip


def mappings(machine: Machine) -> Iterator[Finding]:
    """A thread's stack takes two mappings (stack and guard page)."""
    count = machine.sysctl("vm/max_map_count")
    if count is not None:
        yield judge(
            count < warnings.MAPPINGS, LIMIT, "memory mappings", f"vm.max_map_count {count:,}",
            "thread stacks take two each: sysctl vm.max_map_count=262144",
        )  # fmt: skip


def sockets(machine: Machine) -> Iterator[Finding]:
    backlog = machine.sysctl("net/core/somaxconn")
    if backlog is not None:
        yield judge(
            backlog < warnings.CONNECTIONS, LIMIT, "listen backlog",
            f"net.core.somaxconn {backlog}",
            f"{warnings.CONNECTIONS} connections at once may wait: sysctl net.core.somaxconn=4096",
        )  # fmt: skip
    ports, waiting = machine.port_range(), machine.time_wait_sockets() or 0
    if ports:
        free = ports[1] - ports[0] + 1 - waiting
        yield judge(
            free < warnings.PORTS, LIMIT, "ports",
            f"{ports[0]}-{ports[1]}, {waiting} in TIME_WAIT",
            "wait a minute, or: sysctl net.ipv4.ip_local_port_range='15000 60999'",
        )  # fmt: skip
