"""Reads the machine's state from /proc and /sys.

Each probe returns a plain value, or None where the machine does not tell. The roots can be set, so
that tests read made-up machines.
"""

import os
import re
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HYPERVISORS = {
    "KVM": "kvm", "QEMU": "kvm", "VMware": "vmware", "VirtualBox": "oracle",
    "Xen": "xen", "Hyper-V": "microsoft", "Virtual Machine": "microsoft",
    "Amazon EC2": "amazon", "Google": "google", "Firecracker": "firecracker",
}  # fmt: skip


@dataclass(frozen=True)
class Machine:
    proc: Path = Path("/proc")
    sys: Path = Path("/sys")

    def _read(self, path: Path) -> str | None:
        try:
            return path.read_text(errors="replace").strip()
        except OSError:
            return None

    def _text(self, path: Path) -> str:
        return self._read(path) or ""

    def _find(self, pattern: str, file: str) -> str | None:
        """What the pattern's group is in a file below /proc."""
        found = re.search(pattern, self._text(self.proc / file), re.MULTILINE)
        return found and found[1]

    def _of_cpus(self, pattern: str) -> set[str]:
        """What files of the CPUs say."""
        files = (self.sys / "devices/system/cpu").glob(pattern)
        return {text for file in files if (text := self._read(file))}

    def _number(self, path: Path) -> int | None:
        text = self._read(path)
        return int(text) if text and re.fullmatch(r"-?\d+", text) else None

    def sysctl(self, name: str) -> int | None:
        """A single number, such as "kernel/pid_max"."""
        return self._number(self.proc / "sys" / name)

    def cpu_model(self) -> str | None:
        return self._find(r"^model name\s*:\s*(.+)$", "cpuinfo")

    def cpu_count(self) -> int:
        cpuinfo = self._text(self.proc / "cpuinfo")
        return len(re.findall(r"^processor\s*:", cpuinfo, re.MULTILINE))

    def usable_cpus(self) -> list[int]:
        """The CPUs this process may run on."""
        allowed = self._find(r"^Cpus_allowed_list:\s*(\S+)", "self/status")
        return _cpu_list(allowed) if allowed else list(range(self.cpu_count()))

    def governors(self) -> set[str]:
        return self._of_cpus("cpu[0-9]*/cpufreq/scaling_governor")

    def frequency_mhz(self) -> float | None:
        """Of the faster of the first two CPUs, where rows are placed; None where the kernel does
        not tell.
        """
        cpu = self.sys / "devices/system/cpu"
        files = [cpu / f"cpu{n}/cpufreq/scaling_cur_freq" for n in self.usable_cpus()[:2]]
        return max((khz / 1000 for file in files if (khz := self._number(file))), default=None)

    def turbo(self) -> bool | None:
        cpu = self.sys / "devices/system/cpu"
        no_turbo = self._number(cpu / "intel_pstate/no_turbo")
        boost = self._number(cpu / "cpufreq/boost") if no_turbo is None else not no_turbo
        return None if boost is None else bool(boost)

    def smt_siblings(self) -> list[str]:
        """Groups of CPUs that share a core, such as "0-1"."""
        groups = self._of_cpus("cpu[0-9]*/topology/thread_siblings_list")
        return sorted(group for group in groups if len(_cpu_list(group)) > 1)

    def siblings_of(self, cpu: int) -> list[int]:
        """CPUs that share its core, itself among them."""
        group = self._read(self.sys / f"devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        return _cpu_list(group) if group else [cpu]

    def mitigations(self) -> dict[str, str]:
        files = (self.sys / "devices/system/cpu/vulnerabilities").glob("*")
        return {file.name: self._text(file) for file in sorted(files)}

    def virtualisation(self) -> str | None:
        """The hypervisor's name, "unknown" when there is one that can't be named, None without."""
        dmi = self.sys / "class/dmi/id"
        said = " ".join(self._text(dmi / name) for name in ("sys_vendor", "product_name"))
        for text, name in _HYPERVISORS.items():
            if text in said:
                return name
        return "unknown" if self._find(r"^flags\s*:.*\b(hypervisor)\b", "cpuinfo") else None

    def load_average(self) -> float | None:
        text = self._read(self.proc / "loadavg")
        return float(text.split()[0]) if text else None

    def jiffies(self, name: str = "cpu") -> list[int]:
        """Of all CPUs or one since boot, the last of them steal; none where it is not told. What
        guests took is left out: it is counted as user time too.
        """
        line = self._find(rf"^{name} +(.+)$", "stat") or ""
        return [int(text) for text in line.split()][:8]

    def steal_s(self, cpu: int | None = None) -> float:
        """Seconds since boot that the hypervisor gave to others, of one CPU or of all; 0 if it
        does not tell. It counts in steps of a hundredth of a second.
        """
        jiffies = self.jiffies("cpu" if cpu is None else f"cpu{cpu}")
        return sum(jiffies[7:]) / os.sysconf("SC_CLK_TCK")

    def steal_percent(self, seconds: float) -> float | None:
        """Share of CPU time that the hypervisor gave to others, sampled over `seconds`."""
        before = self.jiffies()
        time.sleep(seconds)
        return self.steal_percent_since(before)

    def steal_percent_since(self, before: list[int]) -> float | None:
        """`before`: what jiffies() was."""
        spent = [late - early for late, early in zip(self.jiffies(), before, strict=False)]
        return 100 * sum(spent[7:]) / sum(spent) if sum(spent) > 0 else None

    def throttled_s(self) -> float:
        """Seconds that the kernel has held our control group up as its CPU quota was used up: of
        each CPU that had work. 0 if it does not tell.
        """
        seconds = [0.0]
        for folder in self._groups("cpu"):
            for name, count in re.findall(
                r"^throttled_(\w+) (\d+)$", self._text(folder / "cpu.stat"), re.M
            ):
                seconds.append(int(count) / {"usec": 1e6, "time": 1e9}[name])  # v2, v1
        return max(seconds)

    def cpu_quota(self) -> float | None:
        """How many CPUs our control group may use up; None without a limit."""
        quotas = []
        for folder in self._groups("cpu"):
            v1 = [self._text(folder / f"cpu.cfs_{part}_us") for part in ("quota", "period")]
            text = self._text(folder / "cpu.max") or " ".join(v1)
            if found := re.fullmatch(r"(\d+) (\d+)", text):  # not "max 100000" or "-1 100000"
                quotas.append(int(found[1]) / int(found[2]))
        return min(quotas, default=None)

    def memory_limit(self) -> int | None:
        """Bytes that our control group may have; None where that is no less than all there are."""
        limit = self._least("memory", "memory.max", "memory.limit_in_bytes")
        total = self.memory().get("MemTotal")
        return limit if limit is not None and (total is None or limit < total) else None

    def clocksource(self) -> str | None:
        return self._read(self.sys / "devices/system/clocksource/clocksource0/current_clocksource")

    def interrupts_per_s(self, seconds: float) -> dict[str, float]:
        """Of the first two CPUs, where rows are placed, the rate of devices' interrupts, sampled
        over `seconds`; none where it is not told.
        """
        before = self._interrupts()
        time.sleep(seconds if before else 0)
        after = self._interrupts()
        wanted = [f"CPU{cpu}" for cpu in self.usable_cpus()[:2]]
        return {
            cpu: round((after[cpu] - before[cpu]) / max(seconds, 1e-9))
            for cpu in wanted
            if cpu in before and cpu in after
        }

    def _interrupts(self) -> dict[str, int]:
        """Of devices by CPU, since boot: their lines begin with a number. Timers tick for all."""
        head, *lines = self._text(self.proc / "interrupts").splitlines() or [""]
        counts = dict.fromkeys(head.split(), 0)
        for line in lines:
            if re.match(r"\s*\d+:", line) and "timer" not in line:
                for cpu, count in zip(counts, line.split()[1:], strict=False):
                    counts[cpu] += int(count)
        return counts

    def tells_waits(self) -> bool:
        """Whether the kernel counts how long tasks wait for a CPU."""
        return (self.proc / "schedstat").exists()

    def counts_hardware(self) -> bool | None:
        """Whether programs of ours may count cycles, by what is to be seen; None if nothing is."""
        devices = self.sys / "bus/event_source/devices"
        paranoid = self.sysctl("kernel/perf_event_paranoid")
        if not devices.exists():
            return None
        allowed = paranoid is not None and (paranoid <= 2 or os.geteuid() == 0)
        return allowed and any(
            device.name.startswith(("cpu", "arm")) for device in devices.iterdir()
        )

    def memory(self) -> dict[str, int]:
        """/proc/meminfo in bytes."""
        pairs = re.findall(r"^(\S+):\s+(\d+) kB", self._text(self.proc / "meminfo"), re.M)
        return {name: int(kilobytes) * 1024 for name, kilobytes in pairs}

    def transparent_huge_pages(self) -> str | None:
        text = self._text(self.sys / "kernel/mm/transparent_hugepage/enabled")
        chosen = re.search(r"\[(\w+)\]", text)
        return chosen and chosen[1]

    def port_range(self) -> tuple[int, int] | None:
        text = self._read(self.proc / "sys/net/ipv4/ip_local_port_range")
        first, last = map(int, text.split()) if text else (0, 0)
        return (first, last) if text else None

    def tcp_congestion_control(self) -> str | None:
        return self._read(self.proc / "sys/net/ipv4/tcp_congestion_control")

    def time_wait_sockets(self) -> int | None:
        waiting = self._find(r"^TCP:.*\btw (\d+)", "net/sockstat")
        return waiting and int(waiting)

    def nice(self) -> int | None:
        """Of this process, and of what it launches: from -20 to 19, which yields to all others."""
        after_name = self._text(self.proc / "self/stat").rpartition(")")[2].split()
        return int(after_name[16]) if after_name else None

    def cgroup_pids_max(self) -> int | None:
        return self._least("pids", "pids.max")

    def _least(self, controller: str, *names: str) -> int | None:
        """The smallest number in such a file of our control groups; None without any."""
        files = [folder / name for folder in self._groups(controller) for name in names]
        return min((n for file in files if (n := self._number(file)) is not None), default=None)

    def _groups(self, controller: str) -> Iterator[Path]:
        """Our control groups with a controller, and those above them up to the root: of version 2,
        where one has all, and of version 1, where each is mounted by itself.
        """
        for line in self._text(self.proc / "self/cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers or controller in controllers.split(","):
                mount = self.sys / "fs/cgroup" / (controller if controllers else "")
                group = mount / path.lstrip("/")
                yield group
                yield from (above for above in group.parents if above.is_relative_to(mount))


def resource_limit(name: str) -> tuple[int | None, int | None]:
    """Soft and hard limit, None for unlimited; `name` as in "RLIMIT_NOFILE"."""
    soft, hard = resource.getrlimit(getattr(resource, name))
    return tuple(None if value == resource.RLIM_INFINITY else value for value in (soft, hard))


def _cpu_list(text: str) -> list[int]:
    """The kernel's list format: "0-2,5" is [0, 1, 2, 5]."""
    cpus: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        cpus += range(int(first), int(last or first) + 1)
    return cpus
