"""Load an echo server from several machines at once: one result, one histogram.

Ranks of Open MPI on the hosts of a file do what threads of echo_load do on one; what is wrong with
their options they say themselves. Here they are started and watched over, and whatever ends one of
them is told with the name of its host.
"""

import argparse
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from ..suite import options
from ..system import mpirun, tools
from ..system.errors import BadInputError, SwitchyardError
from ..system.interrupts import Interrupted, Interrupts
from ..system.launch import Outcome
from ..system.streaming import STDERR, stream

_PROGRAM = "echo_load_mpi"
# Of echo_load_mpi, each as it says itself.
_PASSED_ON = {
    "--connections": ("N", "connections that are open, of all ranks together"),
    "--active": ("N", "of these, how many get messages (default: all)"),
    "--bytes": ("N", "bytes per message"),
    "--threads": ("N", "threads of each rank"),
    "--duration": ("TIME", "measured time, such as 500ms or 5s"),
    "--warmup": ("TIME", "time before it, not measured"),
    "--rate": ("R", "open loop: so many messages per second, of all ranks together"),
    "--schedule": ("HOW", "of the open loop: constant or poisson"),
    "--seed": ("N", "of the times of a poisson schedule"),
    "--probe": ("R", "set rank 0 apart: it measures, at R messages per second, while others load"),
    "--cpus": ("LIST", "CPUs of each host to run on, such as 0,1"),
    "--json": ("FILE", "also write the figures to this file, on rank 0's host"),
    "--histogram": ("FILE", "also write the latency histograms to this file, there too"),
}
_FILES = ("--json", "--histogram")
_EXAMPLES = """\
examples:
  load --hosts hosts --target 10.0.0.9:7000 --allow-remote --connections 1000 --duration 30s
  load --hosts hosts --target server:7000 --allow-remote --rate 200000 --probe 100
  load --hosts hosts --target server:7000 --allow-remote --mpirun-options \\
      '--mca oob_tcp_if_include eth0 --mca btl_tcp_if_include eth0'

Each host needs this build at the same path, Open MPI, and a login without a password. Rank 0 is on
this host if FILE has it, else on its first. Further options of echo_load_mpi go behind --.
docs/scale.md says more.

exit codes: 0 all replies were right, 1 some were not or it failed, 2 bad arguments, 128 + N ended
by signal N"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.set_defaults(arguments=())  # of echo_load_mpi: what is behind --
    parser.add_argument(
        "--hosts", type=Path, required=True, metavar="FILE",
        help="an Open MPI hostfile: a line for each host, HOST slots=RANKS",
    )  # fmt: skip
    parser.add_argument("--target", required=True, metavar="HOST:PORT", help="the server")
    for name, (metavar, what) in _PASSED_ON.items():
        parser.add_argument(name, metavar=metavar, help=what)
    parser.add_argument(
        "--allow-remote", action="store_true",
        help="load a host other than the ranks' own; its owner has to agree",
    )  # fmt: skip
    parser.add_argument(
        "--agent", metavar="COMMAND", help="what starts programs on other hosts (default: ssh)"
    )
    parser.add_argument(
        "--mpirun-options", default="", metavar="OPTIONS", help="further ones, as in a shell"
    )
    options.add_build(parser)


@dataclass(frozen=True)
class _Plan:
    """`command` is mpirun's, `agent` the variables that tell it what starts programs elsewhere."""

    command: list[str]
    agent: dict[str, str]


def main(args: argparse.Namespace) -> int:
    return _run(_plan(args))


def _plan(args: argparse.Namespace) -> _Plan:
    mpirun.check_hosts(args.hosts)
    arguments = [*_target(args.target), *_passed_on(args), *args.arguments]
    try:
        further = shlex.split(args.mpirun_options)
    except ValueError as error:
        raise BadInputError(f"--mpirun-options: {error}") from None
    program = (options.build_of(args) / "bin" / _PROGRAM).absolute()
    if not program.exists():
        raise BadInputError(
            f"no {program}: it is built where Open MPI is; scripts/setup.sh --mpi adds it, then "
            f"`cmake --preset release && cmake --build --preset release --target {_PROGRAM}`"
        )
    found = tools.find_one("mpirun")
    if not isinstance(found, tools.Tool):
        raise BadInputError(f"mpirun: {found}; {tools.advice('mpirun')}")
    ranks = mpirun.rank_command(program, arguments)
    command = [found.path, "--hostfile", str(args.hosts), *further, *ranks]
    return _Plan(command, mpirun.agent_variables(args.agent))


def _target(told: str) -> list[str]:
    host, colon, port = told.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and colon and port):
        raise BadInputError(f"--target wants HOST:PORT, not '{told}'")
    return ["--host", host, "--port", port]


def _passed_on(args: argparse.Namespace) -> list[str]:
    passed = ["--allow-remote"] if args.allow_remote else []
    for name in _PASSED_ON:
        value = getattr(args, name[2:])
        if value is not None:  # not empty either: what is wrong with that, the program says
            passed += [name, str(Path(value).absolute()) if name in _FILES and value else value]
    return passed


def _run(plan: _Plan) -> int:
    complaints = mpirun.Complaints()

    def on_line(where: int, line: str) -> None:
        file = sys.stderr if where == STDERR else sys.stdout
        file.write(complaints.feed(line) if where == STDERR else line)
        file.flush()

    with Interrupts() as interrupts, mpirun.folder() as temporary:
        variables = mpirun.variables(temporary, is_local=not mpirun.has_network())
        try:
            outcome = stream(
                plan.command, interrupts, on_line, variables | plan.agent, mpirun.GRACE_S,
                lambda: complaints.has_begun, mpirun.START_S,
            )  # fmt: skip
        except Interrupted as interrupted:
            print(f"switchyard: {interrupted}", file=sys.stderr)
            return interrupted.exit_code
        finally:
            sys.stderr.write(complaints.rest())
    return _exit_code(outcome, complaints)


def _exit_code(outcome: Outcome, complaints: mpirun.Complaints) -> int:
    if outcome.timed_out:
        raise SwitchyardError(complaints.why_none_begins())
    if outcome.code is None or outcome.code < 0:
        raise SwitchyardError(f"mpirun was {outcome.ending}; all ranks end with it")
    if complaints.causes and outcome.code:
        raise SwitchyardError(complaints.causes[0])
    return outcome.code if outcome.code in (0, 2) else 1
