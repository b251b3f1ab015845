"""How probes launch what they measure: through the keeper, so that no process is left behind, and
with every way of going wrong turned into one line.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..suite.benchmark_row import rows_of, why
from ..system.interrupts import Interrupts
from ..system.launch import Outcome, launch
from ..system.tools import Tools
from .model import ProbeError

_SERVED = Path(__file__).with_name("served.py")
# Beyond what the client may take: for the server's start and end, and ours.
_SERVED_EXTRA_S = 40.0
_END_S = 5.0


@dataclass(frozen=True)
class Setting:
    """Where probes find what they launch, and where it runs: what is measured on `cpu`, the other
    side of a connection on `other_cpu`, which is the same where there is no second.
    """

    build: Path
    tools: Tools
    cpu: int
    other_cpu: int
    interrupts: Interrupts | None = None

    def program(self, name: str) -> Path:
        """Of ours."""
        path = self.build / "bin" / name
        if not path.exists():
            raise ProbeError(f"no {path}: build it with scripts/run.sh")
        return path.absolute()

    def run(
        self, command: Sequence[str], timeout_s: float, cpu: int | None = None, batch: bool = False
    ) -> Outcome:
        """To its end within the time, whatever its exit code."""
        outcome = launch(command, timeout_s, self.interrupts, cpu=cpu, batch=batch)
        return self.ended(outcome, Path(command[0]).name)

    def ended(self, outcome: Outcome, name: str) -> Outcome:
        if outcome.timed_out or outcome.code is None or outcome.code < 0:
            raise ProbeError(f"{name}: {outcome.ending}")
        return outcome


@dataclass(frozen=True)
class Served:
    """What a server and its client said; `tcp` is by how much the kernel's counters rose, and
    `is_alone` whether that was by the two alone.
    """

    server_stdout: str
    server_stderr: str
    client_stdout: str
    report: str
    tcp: dict[str, int]
    is_alone: bool


def serve(
    setting: Setting,
    server: Sequence[str],
    client: Sequence[str],
    patience_s: float,
    under: Sequence[str] = (),
) -> Served:
    """Run the client against the server: see served.py, also for the places in its arguments.
    `under` is a command that the server runs below.
    """
    spec = {
        "server": [*under, *server], "server_name": Path(server[0]).name, "client": client,
        "server_cpu": setting.cpu, "client_cpu": setting.other_cpu,
        "patience_s": patience_s, "end_s": _END_S,
    }  # fmt: skip
    command = [sys.executable, "-ISs", str(_SERVED), json.dumps(spec)]
    outcome = setting.run(command, patience_s + _SERVED_EXTRA_S)
    if outcome.code != 0:
        raise ProbeError((outcome.stderr.strip().splitlines() or [outcome.ending])[-1])
    said = json.loads(outcome.stdout)
    for side, argv in (("client", client), ("server", server)):
        ended = Outcome(wall_s=0.0, out_file="", **said[side])
        if ended.code != 0:
            raise ProbeError(f"{Path(argv[0]).name}: {why(ended)}")
    return Served(
        said["server"]["stdout"], said["server"]["stderr"], said["client"]["stdout"],
        said["report"], said["tcp"], said["is_alone"],
    )  # fmt: skip


def row_of(name: str, report: str, said: str) -> dict[str, Any]:
    """The row of this name in Google Benchmark's JSON; `said` is how its program ended."""
    try:
        rows = rows_of(name, json.loads(report)["benchmarks"])
    except (ValueError, KeyError, TypeError, AttributeError):
        rows = []
    if not rows:
        raise ProbeError(f"{name}: {said}")
    if rows[0].get("error_occurred"):
        raise ProbeError(f"{name}: {rows[0].get('error_message') or 'failed without a message'}")
    return rows[0]
