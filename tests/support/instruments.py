"""Made-up instruments, and programs of ours that stand in for the real ones in a validation.

They are Python scripts that speak the real ones' language. The echo client exchanges a few messages
over a real connection, so that the kernel has something to count.
"""

import sys
from pathlib import Path

from fakes import row, write_bench

from switchyard.agreement.served import Setting
from switchyard.system.tools import PERF_STAT, Tool, Tools

SWITCH_ROWS = [
    f"switch/{runtime}/via:pipe/tasks:2/placement:same" for runtime in ("thread", "process")
]
PERF_STAT_PRINTS = "1234.50,msec,task-clock,1234500000,100.00,0.998,CPUs utilized"
WRK_PRINTS = """Running 1s test @ http://127.0.0.1:1/
  1 threads and 100 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.05ms  118.33us   2.59ms   88.34%
  20000 requests in 1.00s, 23.17MB read
Requests/sec:  20010.11
"""
SERVER = """
signal.signal(signal.SIGTERM, lambda *_: (print({totals!r}), sys.stdout.flush(), os._exit(0)))
print("listening on 127.0.0.1:1", flush=True)
time.sleep(1000)
"""
HTTP_CLIENT = """
out = next(a for a in sys.argv if a.startswith("--benchmark_out=")).partition("=")[2]
name = "http_fetch/fiber/urls:100/latency_ms:0/bytes:1024/connection:keep"
row = {"name": name + "/iterations:20000/manual_time", "run_type": "iteration",
       "iterations": 20000, "real_time": 10.0, "time_unit": "us"}
json.dump({"context": {}, "benchmarks": [row]}, open(out, "w"))
"""
ECHO_CLIENT = """
import socket, threading
server = socket.create_server(("127.0.0.1", 0))
def serve():
    peer = server.accept()[0]
    while data := peer.recv(64): peer.sendall(data)
threading.Thread(target=serve, daemon=True).start()
peer = socket.create_connection(server.getsockname())
for _ in range(500): peer.sendall(b"x" * 64); peer.recv(64)
report = sys.argv[sys.argv.index("--json") + 1]
json.dump({"requests": 500, "server_cpu_s": 1.25}, open(report, "w"))
"""
PERF = f"""
import subprocess
if sys.argv[1] == "--version": print("perf version 6.1.0")
elif sys.argv[1] == "stat":
    command = sys.argv[sys.argv.index("--") + 1:]
    code = subprocess.call(command)
    print({PERF_STAT_PRINTS!r}, file=sys.stderr)
    sys.exit(code)
else: print("     5.000000 usecs/op")
"""
TIME = """
import subprocess
if sys.argv[1] == "--version": sys.exit(print("time (GNU Time) 1.9"))
code = subprocess.call(sys.argv[3:])
print("time 0.51 0.73", file=sys.stderr)
sys.exit(code)
"""
WRK = f"""
if "-v" in sys.argv: sys.exit(print("wrk 4.1.0 [epoll]"))
print({WRK_PRINTS!r})
"""
TOOLS = {"perf": PERF, "time": TIME, "wrk": WRK}


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable} -ISs\nimport json, os, signal, sys, time\n{body}")
    path.chmod(0o755)
    return path


def write_build(folder: Path, **bodies: str) -> Path:
    """All programs that a validation launches; `bodies` replace those of their name."""
    switch = {name: {"fields": {"real_time": 2}} for name in SWITCH_ROWS}  # microseconds
    write_bench(folder, [row(name) for name in SWITCH_ROWS], switch)
    programs = {
        "bench_http_fetch": HTTP_CLIENT,
        "http_origin": SERVER.format(totals="served 20000 requests on 101 connections, 1 body"),
        "echo_server": SERVER.format(totals="served 16 connections"),
        "echo_load": ECHO_CLIENT,
    }
    for name, body in (programs | bodies).items():
        script(folder / "bin" / name, body)
    return folder


def write_tools(folder: Path, **bodies: str) -> Path:
    for name, body in (TOOLS | bodies).items():
        script(folder / name, body)
    return folder


def setting(build: Path, *tools: str) -> Setting:
    """In which these tools are there, and no other."""
    names = ("perf", PERF_STAT, "wrk", "time")
    found = {
        name: Tool(name, str(build / "tools" / name.split()[0]), "1.0") for name in tools
    }  # fmt: skip
    missing = {name: f"{name}: not installed" for name in names if name not in found}
    return Setting(build, Tools(found, missing), cpu=0, other_cpu=0)
