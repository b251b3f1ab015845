"""Made-up benchmark binaries that speak the real ones' language, and misbehave on demand.

A fake is one script plus a JSON file beside it with what it describes and, per row, what it does:
give plausible numbers, fail, report a limit, hang, kill itself, or leave processes behind. What it
does when it is asked for --describe or for a list stands there too. `write_foreign` makes a binary
of somebody else's, which knows nothing but Google Benchmark's own flags.
"""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

METRICS = {
    name: {"key": key, "label": label, "unit": unit, "better": better}
    for name, key, label, unit, better in (
        ("sleep", "real_time", "wall time", "s", "lower"),
        ("switch", "real_time", "time per switch", "s", "lower"),
        ("spawn", "real_time", "time per task", "s", "lower"),
        ("echo", "ops_per_s", "messages per second", "1/s", "higher"),
        ("echo_open", "p99_us", "99th percentile of the latency", "us", "lower"),
        ("echo_capacity", "ops_per_s", "messages answered per second", "1/s", "higher"),
        ("http_fetch", "ops_per_s", "fetches per second", "1/s", "higher"),
        ("channel", "ops_per_s", "items per second", "1/s", "higher"),
        ("shared_counter", "real_time", "time per addition", "s", "lower"),
        ("cpu", "real_time", "wall time of the whole work", "s", "lower"),
        ("blocking", "max_us", "worst lateness of the others", "us", "lower"),
        ("memory", "bytes_per_task", "pages, page tables and kernel stack of each", "B", "lower"),
        ("limits", "reached", "tasks or connections at once", "", "higher"),
        ("scale", "ops_per_s", "operations per second", "1/s", "higher"),
    )
}

_SCRIPT = """#!{python} -ISs
import json, os, pathlib, random, re, signal, sys, time
spec = json.loads(pathlib.Path(__file__ + ".json").read_text())
for name, _, command in (a[9:].partition("=") for a in sys.argv if a.startswith("--server=")):
    if command == "no-such-program":
        print(pathlib.Path(__file__).name + ": error: --server: no such program", file=sys.stderr)
        sys.exit(2)
    like = spec["described"]["rows"][0]
    row = like | {{"runtime": name, "outside": True, "command": command,
                  "name": like["name"].replace("/" + like["runtime"] + "/", "/" + name + "/")}}
    spec["described"]["rows"].append(row)
    spec["does"][row["name"]] = spec["does"].get(like["name"], {{}})
if "--describe" in sys.argv:
    if "describe" in spec["does"]:
        sys.exit(spec["does"]["describe"])
    print(json.dumps(spec["described"]))
    sys.exit(0)
flags = dict(a[len("--benchmark_"):].split("=", 1) for a in sys.argv[1:] if "=" in a)
if "list_tests" in flags:
    exec(spec["does"].get("list", ""))
    names = [row["name"] + "/manual_time" for row in spec["described"]["rows"]]
    names = [name for name in names if re.search(flags.get("filter", ""), name)]
    print(*names, sep="\\n")
    if not names:
        print("Failed to match any benchmarks against regex", file=sys.stderr)
    sys.exit(0 if names else 2)
with open(flags["out"], "w") as out:
    rows, code = [], 0
    for row in spec["described"]["rows"]:
        name = row["name"] + "/manual_time"
        if not re.search(flags["filter"], name):
            continue
        what = spec["does"].get(row["name"], {{}})
        result = {{"name": name, "run_name": name, "run_type": "iteration", "repetitions": 1,
                  "repetition_index": 0, "threads": 1, "family_index": 0, "iterations": 10,
                  "per_family_instance_index": 0,
                  "real_time": 0.0, "cpu_time": 0.0, "time_unit": "us"}}
        result |= {{k: v * random.uniform(0.97, 1.03) if isinstance(v, float) else v
                   for k, v in what.get("fields", {{}}).items()}}
        if "log" in what:
            with open(what["log"], "a") as log:
                log.write(row["name"] + "\\n")
        exec(what.get("code", ""))
        if "error" in what:
            result |= {{"error_occurred": True, "error_message": what["error"]}}
            code = 0 if what["error"].startswith("limit reached: ") else 1
        rows.append(result)
    json.dump({{"context": {{"date": "2026-01-01", "num_cpus": 2}}, "benchmarks": rows}}, out)
sys.exit(code)
"""

# In bash, which is there at once: a check launches its programs a hundred times.
_FOREIGN = """#!/bin/bash
names=(@names@) time=10.0 list= filter= rows= more=
for argument; do
  case $argument in
    --benchmark_list_tests=true) list=yes ;;
    --benchmark_filter=*) filter=${argument#*=} ;;
    --benchmark_out=*) out=${argument#*=} ;;
  esac
done
@code@
for name in "${names[@]}"; do
  [[ $name =~ $filter ]] || continue
  [[ $list ]] && echo "$name" && continue
  @row_code@
  [[ $rows ]] && rows+=", "
  rows+="{\\"name\\": \\"$name\\", \\"run_name\\": \\"$name\\", \\"iterations\\": 10,
    \\"run_type\\": \\"iteration\\", \\"time_unit\\": \\"us\\",
    \\"cpu_time\\": 9.0, \\"real_time\\": $time$more}"
done
[[ $list ]] || echo "{\\"context\\": {\\"num_cpus\\": 2}, \\"benchmarks\\": [$rows]}" >"$out"
"""

# Code for a row: a child that ignores what it can, a daemon in a session of its own, then forever.
STUBBORN_CHILD = """
if os.fork() == 0:
    for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(s, signal.SIG_IGN)
    time.sleep(1000)
"""
DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(s, signal.SIG_IGN)
        time.sleep(1000)
    os._exit(0)
os.wait()
"""
FOREVER = "time.sleep(1000)\n"
# Sends SIGTERM to the runner, which is the parent of our parent, the keeper; then forever.
INTERRUPT = (
    """
stat = pathlib.Path(f"/proc/{os.getppid()}/stat").read_text()
os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGTERM)
"""
    + FOREVER
)


def row(
    name: str, *, what: str = "", set_: str = "quick", control: str | None = None,
    needs: str | None = None, rounds: int | None = None, outside: bool | None = None,
) -> dict:  # fmt: skip
    """A row of --describe from its name."""
    _, runtime, *pairs = name.split("/")
    params: dict[str, Any] = {}
    for pair in pairs:
        key, value = pair.split(":")
        params[key] = int(value) if value.isdigit() else value
    is_outside = runtime == "gevent" if outside is None else outside
    return {
        "name": name, "runtime": runtime, "params": params, "outside": is_outside,
        "what": what or f"measures {name}", "set": set_, "control": control, "needs": needs,
        "rounds": rounds, "command": None,
    }  # fmt: skip


def write_bench(
    build: Path, rows: list[dict], does: dict[str, Any] | None = None,
    hardware: Sequence[str] = (), lacks: dict[str, str] | None = None,
    takes_servers: bool = False,
) -> Path:  # fmt: skip
    """Put a fake bench binary for these rows (of one workload) into `build`/bin. `hardware` names
    the counters that it has of its machine, `lacks` what that has not, each with the reason. One
    that `takes_servers` has a row like its first one for each.
    """
    workload = rows[0]["name"].split("/")[0]
    binary = build / "bin" / f"bench_{workload}"
    binary.parent.mkdir(parents=True, exist_ok=True)
    described = {
        "workload": workload, "what": f"the fake {workload}", "lacks": lacks or {},
        "hardware_counters": list(hardware), "takes_servers": takes_servers,
        "metric": METRICS[workload], "rows": rows,
    }  # fmt: skip
    binary.write_text(_SCRIPT.format(python=sys.executable))
    Path(f"{binary}.json").write_text(json.dumps({"described": described, "does": does or {}}))
    binary.chmod(0o755)
    return binary


def write_foreign(binary: Path, names: Sequence[str], code: str = "", row_code: str = ":") -> Path:
    """A binary with these rows, named as Google Benchmark prints them. `code` (for bash) runs first
    and may change the `names`; `row_code` runs before each row and may change its `time`.
    """
    binary.parent.mkdir(parents=True, exist_ok=True)
    parts = {"names": shlex.join(names), "code": code, "row_code": row_code}
    binary.write_text(re.sub("@(\\w+)@", lambda part: parts[part[1]], _FOREIGN))
    binary.chmod(0o755)
    return binary


def write_machine_code(binary: Path, name: str) -> Path:
    """A compiled binary that lists one benchmark, by a filter too, and knows nothing else."""
    binary.parent.mkdir(parents=True, exist_ok=True)
    source = f"""#include <cstdio>
#include <cstring>
int main(int n, char** told) {{
  if (n == 2 || std::strstr(told[2], "{name}")) std::puts("{name}");
}}
"""
    compiler = ["c++", "-x", "c++", "-o", str(binary), "-"]
    subprocess.run(compiler, input=source, text=True, check=True)
    return binary
