"""Probes and checks on made-up machines."""

import re
import resource
from pathlib import Path

import pytest
from fakes import row, write_bench

from switchyard.suite import environment, readiness, warnings
from switchyard.suite.findings import LIMIT, OK, WARN, Finding, surroundings
from switchyard.system.machine import Machine
from switchyard.system.paths import ROOT

_CLOCK = "sys/devices/system/clocksource/clocksource0/current_clocksource"
_HUGE = "sys/kernel/mm/transparent_hugepage/enabled"
GOOD = {
    "proc/interrupts": "     CPU0 CPU1\n 24: 1 2 IO-APIC eth0\nLOC: 7 8 Local timer interrupts\n",
    "proc/schedstat": "version 17\n",
    "proc/sys/kernel/perf_event_paranoid": "2\n",
    "proc/cpuinfo": "processor : 0\nmodel name : Fast CPU\nflags : fpu sse\n\nprocessor : 1\n",
    "proc/self/status": "Name: x\nCpus_allowed_list:\t0-1\n",
    "proc/self/cgroup": "0::/user/me\n",
    "proc/self/stat": "7 (a (b) c) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 9\n",
    "proc/stat": "cpu  100 0 50 800 0 0 0 20 0 0\ncpu0 1 2 3\n",
    "proc/loadavg": "0.10 0.20 0.30 1/100 5\n",
    "proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\n"
    "SwapTotal: 1000 kB\nSwapFree: 1000 kB\n",
    "proc/net/sockstat": "sockets: used 5\nTCP: inuse 4 orphan 0 tw 7 alloc 5 mem 1\n",
    "proc/sys/kernel/pid_max": "4194304\n",
    "proc/sys/kernel/threads-max": "120000\n",
    "proc/sys/vm/max_map_count": "65530\n",
    "proc/sys/net/core/somaxconn": "4096\n",
    "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
    "proc/sys/net/ipv4/tcp_congestion_control": "cubic\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    "sys/devices/system/cpu/cpu0/topology/thread_siblings_list": "0\n",
    "sys/devices/system/cpu/intel_pstate/no_turbo": "1\n",
    "sys/devices/system/cpu/vulnerabilities/meltdown": "Mitigation: PTI\n",
    "sys/bus/event_source/devices/cpu/type": "4\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "sys/fs/cgroup/user/cpu.max": "400000 100000\n",
    "sys/fs/cgroup/user/me/cpu.max": "max 100000\n",
    "sys/fs/cgroup/user/memory.max": "4000000000\n",
    "sys/fs/cgroup/user/pids.max": "50000\n",
    "sys/fs/cgroup/user/me/pids.max": "max\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
}


@pytest.fixture
def machine(tmp_path: Path):
    def make(**changes: str) -> Machine:
        for name, text in {**GOOD, **changes}.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return Machine(tmp_path / "proc", tmp_path / "sys")

    return make


def findings(machine: Machine) -> dict[str, Finding]:
    found = [
        *surroundings(environment.machine_facts(machine)),
        *readiness.siblings(machine), *readiness.frequency(machine),
        *readiness.neighbours(machine, 0.0), *readiness.memory(machine),
        *readiness.tasks(machine, None), *readiness.mappings(machine), *readiness.sockets(machine),
    ]  # fmt: skip
    return {finding.subject: finding for finding in found}


def test_frequency_is_that_of_the_faster_cpu(machine):
    assert machine().frequency_mhz() is None
    cpus = {f"sys/devices/system/cpu/cpu{n}/cpufreq/scaling_cur_freq": f"{khz}\n"
            for n, khz in enumerate((800_000, 2_600_500))}  # fmt: skip
    assert machine(**cpus).frequency_mhz() == 2600.5


def test_good_machine_is_all_ok(machine):
    assert {f.level for f in findings(machine()).values()} == {OK}


BAD = [
    ("proc/self/status", "Cpus_allowed_list:\t1\n", "cores", LIMIT),
    ("proc/cpuinfo", "processor : 0\nprocessor : 1\nprocessor : 2\n", "cores", WARN),
    ("sys/fs/cgroup/user/cpu.max", "50000 100000\n", "CPU quota", WARN),
    ("sys/fs/cgroup/user/me/memory.max", "1000000000\n", "memory limit", LIMIT),
    (_CLOCK, "hpet\n", "clock", WARN),
    (_CLOCK, "kvm-clock\n", "clock", WARN),
    ("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0-1\n", "SMT", WARN),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n", "governor", WARN),
    ("sys/devices/system/cpu/intel_pstate/no_turbo", "0\n", "turbo", WARN),
    ("sys/class/dmi/id/sys_vendor", "QEMU\n", "virtual machine", WARN),
    ("proc/self/stat", "7 (a) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 39 19 1 0 9\n", "nice", WARN),
    ("proc/loadavg", "3.00 1 1 1/1 1\n", "load", WARN),
    ("proc/meminfo", "MemAvailable: 1000 kB\n", "memory", LIMIT),
    ("proc/meminfo", "SwapTotal: 1000 kB\nSwapFree: 500 kB\n", "swap", WARN),
    (_HUGE, "[always] never\n", "transparent huge pages", WARN),
    ("sys/fs/cgroup/user/pids.max", "512\n", "processes and threads", LIMIT),
    ("proc/sys/kernel/pid_max", "1000\n", "processes and threads", LIMIT),
    ("proc/sys/vm/max_map_count", "1000\n", "memory mappings", LIMIT),
    ("proc/sys/net/core/somaxconn", "128\n", "listen backlog", LIMIT),
    ("proc/sys/net/ipv4/ip_local_port_range", "60000 60999\n", "ports", LIMIT),
    ("proc/net/sockstat", "TCP: inuse 4 orphan 0 tw 28000 alloc 5\n", "ports", LIMIT),
]  # fmt: skip


@pytest.mark.parametrize(("file", "text", "subject", "level"), BAD)
def test_each_trouble_is_found_with_advice(machine, file, text, subject, level):
    finding = findings(machine(**{file: text}))[subject]
    assert finding.level == level
    assert finding.advice


def test_each_finding_says_how_much(machine):
    made = machine(**{
        "proc/cpuinfo": "processor : 0\n" * 8, "sys/fs/cgroup/user/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/user/memory.max": f"{512 * 1024**2}\n",
    })  # fmt: skip
    found = findings(made)
    assert found["cores"].what == "2 usable of 8 (cpuset or taskset)"
    assert found["CPU quota"].what == "1.5 of 2 CPUs"
    assert found["memory limit"].what == "512 MiB for the control group"


def test_limits_of_cgroup_version_1(machine):
    made = machine(**{
        "proc/self/cgroup": "5:memory:/box\n4:cpu,cpuacct:/box/in\n",
        "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "50000\n",
        "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/cpu/box/in/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu/box/in/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/cpu/box/cpu.stat": "nr_periods 9\nthrottled_time 2500000000\n",
        "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "3000000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    })  # fmt: skip
    assert (made.cpu_quota(), made.throttled_s(), made.memory_limit()) == (0.5, 2.5, 3_000_000)


def test_throttled_time_is_that_of_whatever_group_was_held_up_most(machine):
    assert machine().throttled_s() == 0
    stat = "usage_usec 5\nnr_throttled 3\nthrottled_usec {}\n"
    made = machine(**{
        "sys/fs/cgroup/user/cpu.stat": stat.format(1_500_000),
        "sys/fs/cgroup/user/me/cpu.stat": stat.format(20),
    })  # fmt: skip
    assert made.throttled_s() == 1.5


def test_interrupts_of_devices_are_counted_by_cpu(machine, monkeypatch):
    made, lines = machine(), GOOD["proc/interrupts"]

    def sleep(seconds: float) -> None:
        busy = lines.replace("24: 1 2", "24: 1101 7").replace("LOC: 7 8", "LOC: 9007 8")
        (made.proc / "interrupts").write_text(busy)

    monkeypatch.setattr("time.sleep", sleep)
    facts = environment.machine_facts(made)
    assert facts["interrupts_per_second"] == {"CPU0": 11_000, "CPU1": 50}
    found = {finding.subject: finding for finding in surroundings(facts)}
    assert found["interrupts of CPU0"].level == WARN
    assert found["interrupts of CPU0"].what == "11,000 per second"
    assert found["interrupts of CPU1"].level == OK


def test_counters_that_the_kernel_does_not_have_are_named(machine):
    made = machine()
    (made.proc / "schedstat").unlink()
    assert findings(made)["kernel's counters"].what == "no waits for a CPU (/proc/schedstat)"
    (made.sys / "bus/event_source/devices/cpu").rename(made.sys / "bus/event_source/devices/msr")
    what = findings(made)["kernel's counters"].what
    assert what.endswith(" and no cycles, instructions and cache misses (perf)")


def test_what_older_runs_do_not_tell_is_no_finding():
    assert list(surroundings({})) == []


def test_of_open_files_the_hard_limit_alone_counts(cli):
    """The programs raise their soft limit themselves (bench/harness/limits.cpp)."""
    levels = [found.level for hard in (None, 20_000, 64) for found in readiness.open_files(hard)]
    assert levels == [OK, OK, LIMIT]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= warnings.OPEN_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        assert re.search("^ok +open files: ", cli("doctor").stdout, re.MULTILINE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_machine_that_tells_nothing_is_no_error(tmp_path):
    silent = Machine(tmp_path / "proc", tmp_path / "sys")
    assert silent.cpu_model() is None
    assert silent.steal_percent(0.0) is None
    assert silent.cgroup_pids_max() is None
    findings(silent)


def test_environment_names_the_congestion_control(machine, tmp_path):
    limits = environment.collect(tmp_path, machine())["limits"]
    assert limits["net.ipv4.tcp_congestion_control"] == "cubic"


def test_pids_limit_of_cgroup_version_1(machine):
    made = machine(**{
        "proc/self/cgroup": "8:pids:/box\n3:cpu:/box\n", "sys/fs/cgroup/pids/box/pids.max": "99\n",
    })  # fmt: skip
    assert made.cgroup_pids_max() == 99


def test_doctor_says_what_makes_a_run_impossible(cli, tmp_path):
    done = cli("doctor", "--build", tmp_path / "nowhere")
    assert done.returncode == 1
    assert "A run is impossible: binaries" in done.stdout
    fine = cli("doctor")
    assert fine.returncode == 0
    assert re.search(r"^(ok|warn|limit) +cores: \d+ usable$", fine.stdout, re.MULTILINE)


def test_doctor_names_a_binary_that_can_not_start(cli, build):
    write_bench(build, [row("spawn/thread/tasks:1")], {"describe": "no libboost_fiber.so"})
    done = cli("doctor")
    assert done.returncode == 1
    line = "A run is impossible: binaries: bench_spawn --describe failed (exit code 1)"
    assert line in done.stdout.replace("\n", " ")
    assert "no libboost_fiber.so" in done.stdout.replace("\n", "")
    assert "io_uring" not in done.stdout  # nobody has told


def test_sources_of_another_user_are_told_with_how_to_allow_them(monkeypatch):
    """As in a container."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    (found,) = readiness.source(ROOT)
    assert found.level == WARN
    assert "dubious ownership" in found.what
    assert "git config --global --add safe.directory" in found.what


def test_a_git_hook_does_not_mislead_what_is_said_of_the_sources(monkeypatch):
    before = environment.git_state(ROOT)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert environment.git_state(ROOT) == before
