"""What a result can't be understood without: the code, the compiler, the machine and its limits.

Collected once at the start of a run and kept beside the results, as environment.json.
"""

import json
import platform
import re
from pathlib import Path
from typing import Any, TypedDict

from .. import __version__
from ..system.files import now_in_names
from ..system.git import git
from ..system.machine import Machine, resource_limit
from ..system.paths import ROOT
from ..system.surroundings import told_variables
from . import needs

_RLIMITS = ("RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_STACK", "RLIMIT_AS", "RLIMIT_MEMLOCK")
_SYSCTLS = (
    "kernel/pid_max", "kernel/threads-max", "vm/max_map_count", "vm/overcommit_memory",
    "net/core/somaxconn", "net/ipv4/tcp_max_syn_backlog", "fs/nr_open", "fs/file-max",
)  # fmt: skip
_INTERRUPTS_SAMPLE_S = 0.1
_LIBRARIES = ("numpy", "scipy", "matplotlib", "rich")


def _facts(**types: Any) -> Any:  # noqa: ANN401 (types)
    return TypedDict("_facts", {name: kind | None for name, kind in types.items()}, total=False)


# The types of what is computed with when results are read back; the rest is only shown.
Facts = _facts(
    git=_facts(sha=str),
    build=_facts(injected_slowdown_percent=float),
    machine=_facts(
        cpu_count=int, usable_cpus=list, load_average=float, virtualisation=str, mitigations=dict,
        cpu_quota=float, memory_limit_bytes=int, clocksource=str, interrupts_per_second=dict,
        waits_told=bool, hardware_counters=bool, nice=int, environment_variables=dict[str, str],
    ),
    limits=dict, python=dict, programs=dict,
    run=_facts(
        options=dict, started_at=str, ended_at=str, rounds_wanted=int, rounds_done=int,
        launches=int, measured_s=float, min_time_s=float, budget_s=float, never_launched=list,
        left_out=dict, interrupted_by=int, cut_off=dict[str, float],
        hardware_wanted=int, hardware_counted=int,
    ),
)  # fmt: skip


def git_state(root: Path) -> dict[str, Any]:
    """{"sha": 40 hex digits or None, "dirty": True, False, or None outside of git}."""
    status = git(root, "status", "--porcelain", "--untracked-files=normal")
    head = git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    return {
        "sha": head.stdout.strip() if head.code == 0 else None,
        "dirty": bool(status.stdout.strip()) if status.code == 0 else None,
    }


def git_problem(root: Path) -> str:
    """Why git can't say anything of it: it is no repository, or, in a container, another user's,
    where git also says how to allow it.
    """
    return git(root, "status", "--porcelain").complaint


def build_info(build: Path) -> dict[str, Any] | None:
    """What CMake wrote about compiler, flags and libraries."""
    try:
        return json.loads((build / "build_info.json").read_bytes())
    except (OSError, ValueError):
        return None


def collect(build: Path, machine: Machine | None = None) -> dict[str, Any]:
    machine = machine or Machine()
    return {
        "switchyard": __version__,
        "git": git_state(ROOT or build),
        "build": build_info(build),
        "machine": machine_facts(machine),
        "limits": _limits(machine),
        "python": {
            "version": platform.python_version(),
            **needs.versions_of_packages(*_LIBRARIES),
            **needs.versions("gevent"),
            **needs.versions("uvloop"),
        },
        "programs": needs.versions("wrk") | needs.versions("go"),
    }


def folder_name(facts: dict[str, Any]) -> str:
    """Of results: sorts by time; says where and what was measured."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", facts["machine"]["host"] or "unknown").split(".")[0]
    sha = (facts["git"]["sha"] or "nocommit")[:7]
    return f"{now_in_names()}-{host}-{sha}"


def in_short(facts: dict[str, Any]) -> list[str]:
    """Machine, kernel, commit, build and date, each as far as it is known."""
    git, build, run = (facts.get(part) or {} for part in ("git", "build", "run"))
    parts = [
        *machine_in_short(facts.get("machine") or {}),
        f"commit {(git.get('sha') or 'none')[:7]}" + (" with changes" if git.get("dirty") else ""),
        f"{build.get('compiler')}, Boost {build.get('boost')}" if build else "",
        (run.get("started_at") or "")[:10],
    ]
    return [part for part in parts if part]


def machine_in_short(facts: dict[str, Any]) -> list[str]:
    virtual = facts.get("virtualisation")
    named = "" if virtual == "unknown" else f", {virtual}"
    return [
        f"{facts.get('cpu_model') or 'unknown CPU'}, {facts.get('cpu_count') or '?'} CPUs"
        + (f" (virtual machine{named})" if virtual else ""),
        f"Linux {facts.get('kernel') or '?'}",
    ]


def machine_facts(machine: Machine) -> dict[str, Any]:
    memory = machine.memory()
    return {
        "host": platform.node(),
        "kernel": platform.release(),
        "cpu_model": machine.cpu_model(),
        "cpu_count": machine.cpu_count(),
        "usable_cpus": machine.usable_cpus(),
        "smt_siblings": machine.smt_siblings(),
        "governors": sorted(machine.governors()),
        "turbo": machine.turbo(),
        "virtualisation": machine.virtualisation(),
        "mitigations": machine.mitigations(),
        "memory_bytes": memory.get("MemTotal"),
        "memory_available_bytes": memory.get("MemAvailable"),
        "swap_bytes": memory.get("SwapTotal"),
        "transparent_huge_pages": machine.transparent_huge_pages(),
        "load_average": machine.load_average(),
        "cpu_quota": machine.cpu_quota(),
        "memory_limit_bytes": machine.memory_limit(),
        "clocksource": machine.clocksource(),
        "interrupts_per_second": machine.interrupts_per_s(_INTERRUPTS_SAMPLE_S),
        "waits_told": machine.tells_waits(),
        "hardware_counters": machine.counts_hardware(),
        "nice": machine.nice(),
        "environment_variables": told_variables(),
    }


def _limits(machine: Machine) -> dict[str, Any]:
    return {
        **{name: resource_limit(name) for name in _RLIMITS},
        **{name.replace("/", "."): machine.sysctl(name) for name in _SYSCTLS},
        "cgroup.pids.max": machine.cgroup_pids_max(),
        "net.ipv4.ip_local_port_range": machine.port_range(),
        "net.ipv4.tcp_congestion_control": machine.tcp_congestion_control(),
    }
