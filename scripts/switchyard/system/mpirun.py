"""Programs on several hosts by Open MPI's mpirun: the hosts, how it is told, what it complains of.

It is told by variables rather than options, which those of the user can then replace. Its notes on
what went wrong are pages of advice that name the host somewhere, or not at all, and some things it
never notices. So the agent's keeper (_AGENT), which stands before ssh, names each host on which a
daemon is asked for or can't be had, and each rank says that it is there (_RANK).
"""

import os
import re
import socket
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import psutil

from .errors import BadInputError
from .launch import Outcome

# Ends what it started within three seconds of SIGTERM.
GRACE_S = 4.0
# For a daemon that can't connect back it waits without an end. Logins of many hosts take a while.
START_S = 60.0
# A host that does not answer is told in seconds; and nobody is there to type a password.
_SSH = "ssh -x -o BatchMode=yes -o ConnectTimeout=4"
_AGENT = """\
echo "switchyard: a daemon is asked for on $1" >&2
$SWITCHYARD_AGENT "$@"
code=$?
[ $code -eq 0 ] || echo "switchyard: no daemon on $1: exit code $code" >&2
exit $code
"""
_RANK = """\
echo "switchyard: a rank is on $(uname -n)" >&2
[ -x "$0" ] || { echo "switchyard: no $0 on $(uname -n)" >&2; exit 127; }
exec "$0" "$@"
"""
_VARIABLES = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    # Where the kernel puts the threads of a load is --cpus' affair, and else the kernel's own.
    "OMPI_MCA_hwloc_base_binding_policy": "none",
}
_OF_HOSTS = {
    # What ranks say to each other is little: by TCP, which leaves nothing in /dev/shm.
    "OMPI_MCA_pml": "ob1",
    "OMPI_MCA_btl": "self,tcp",
    # A host that is cut off is found out after four seconds; after eight minutes as it comes.
    "OMPI_MCA_oob_tcp_keepalive_time": "1",
    "OMPI_MCA_oob_tcp_keepalive_intvl": "1",
    "OMPI_MCA_oob_tcp_keepalive_probes": "3",
    # Started from elsewhere, a daemon would not find our agent.
    "OMPI_MCA_plm_rsh_no_tree_spawn": "1",
}


def check_hosts(path: Path) -> None:
    """A line for each host: its name, and how many ranks it gets. Raises BadInputError that names
    the first line that is none.
    """
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError as error:
        raise BadInputError(f"cannot read {path}: {error.strerror}") from None
    hosts = 0
    for number, line in enumerate(lines, 1):
        if not (told := line.partition("#")[0].strip()):
            continue
        if not re.fullmatch(r"[\w.:@%][\w.:@%-]*(\s+(slots|max[-_]slots)\s*=\s*0*[1-9]\d*)*", told):
            raise BadInputError(f"{path}, line {number}: want HOST slots=N, not '{line.strip()}'")
        hosts += 1
    if not hosts:
        raise BadInputError(f"{path} names no host: a line for each, HOST slots=N")


def has_network() -> bool:
    """Beside loopback, over which Open MPI has no TCP between ranks."""
    return any(
        one.family == socket.AF_INET and not ip_address(one.address).is_loopback
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
    )


def folder() -> tempfile.TemporaryDirectory:
    """For its files, which it leaves where it is killed: they go with the folder."""
    return tempfile.TemporaryDirectory(prefix="switchyard-", ignore_cleanup_errors=True)


def variables(temporary: Path | str, is_local: bool) -> dict[str, str]:
    """What mpirun is told by its environment, and what that says already stays. `temporary` is the
    folder for its files; is_local: all ranks are on this host, even if they are more than its CPUs,
    and may share memory, in that folder.
    """
    of_here = {
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "OMPI_MCA_btl_vader_backing_directory": str(temporary),
    }
    told = _VARIABLES | (of_here if is_local else _OF_HOSTS)
    kept = {name: os.environ.get(name, value) for name, value in told.items()}
    return kept | {"TMPDIR": str(temporary)}


def agent_variables(agent: str | None) -> dict[str, str]:
    """The same of what starts programs on other hosts, as ssh does (default: what the environment
    says, else ssh).
    """
    own = "OMPI_MCA_plm_rsh_agent"
    keeper = os.memfd_create("agent")
    os.write(keeper, _AGENT.encode())
    return {
        # Open MPI takes words apart at blanks, which a path to a file of ours could have.
        own: f"/bin/sh /proc/{os.getpid()}/fd/{keeper}",
        "SWITCHYARD_AGENT": agent or os.environ.get(own) or _SSH,
    }


def rank_command(program: Path, arguments: Sequence[str]) -> list[str]:
    """The program, for mpirun to start: what Complaints waits for is said before it."""
    return ["/bin/sh", "-c", _RANK, str(program), *arguments]


_RULE = re.compile(r"-{60,}\s*")
# How often it left a note out, as it had said it; and a slip of its own while it counts them.
_AGAIN = re.compile(
    r"\[\S+:\d+\] (\d+ more process\w* ha\w+ sent help|.*orte_base_help_aggregate|.*show_help\.c)"
)
# Of _AGENT and _RANK, behind whatever mpirun was told to put before a line.
_ASKED = re.compile(r"switchyard: a daemon is asked for on (\S+)$")
_NO_DAEMON = re.compile(r"switchyard: no daemon on (\S+): (exit code \d+)$")
_RANK_IS_THERE = re.compile(r"switchyard: a rank is on \S+$")
_NO_PROGRAM = re.compile(r"switchyard: no (/.*) on (\S+)$")


def _of_signal(told: re.Match[str]) -> str:
    return f"rank {told[1]} on {told[2]} was {_ended_by(int(told[3]))}"


def _ended_by(signum: int) -> str:
    return Outcome(-signum, 0.0, "", "", "").ending


# A pattern in a note of mpirun's, and what it is in our words: nothing where the program has said
# it, or another note does.
_NOTES: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"process rank (\d+) with PID \d+ on node (\S+) exited on signal (\d+)", _of_signal),
    (
        r"lost communication with a remote daemon.*Remote daemon: \S+ on node (\S+)",
        lambda told: f"the connection to {told[1]} is lost",
    ),
    (r"MPI_ABORT was invoked|Primary job +terminated normally", lambda _: ""),
    (r"exited with non-zero status|does not know how to route", lambda _: ""),
    # Of a rank that still greets others when all are ended: no network says that.
    (r"failed to TCP connect to a peer.*Operation now in progress", lambda _: ""),
)
_NOT_STARTED = "unable to reliably start one or more daemons"


@dataclass
class Complaints:
    """Reads what comes on mpirun's stderr, and keeps its notes. `causes`: in our words; has_begun:
    a rank has told that it is there.
    """

    causes: list[str] = field(default_factory=list)
    has_begun: bool = False
    _asked: list[str] = field(default_factory=list)  # hosts, as _without_daemon's
    _without_daemon: list[str] = field(default_factory=list)
    _note: list[str] | None = None  # of lines between two rules
    _said: set[str] = field(default_factory=set)

    def feed(self, line: str) -> str:
        """What is to be shown."""
        if self._is_ours(line.strip()):
            return ""
        if _RULE.fullmatch(line):
            if self._note is None:
                self._note = []
                return ""
            note, self._note = "".join(self._note), None
            return self._understood(note, line)
        if self._note is not None:
            self._note.append(line)
            return ""
        # Each rank says what is wrong with its arguments: once is enough.
        shown = "" if line in self._said or _AGAIN.match(line) else line
        self._said.add(line)
        return shown

    def _is_ours(self, line: str) -> bool:
        if _RANK_IS_THERE.search(line):
            self.has_begun = True
        elif told := _ASKED.search(line):
            self._asked.append(told[1])
        elif told := _NO_DAEMON.search(line):
            self._without_daemon.append(f"no daemon of Open MPI on {told[1]}: {told[2]}")
        elif told := _NO_PROGRAM.search(line):
            self.causes.append(f"no {told[1]} on {told[2]}: each host needs this build there")
        else:
            return False
        return True

    def _understood(self, note: str, rule: str) -> str:
        if _NOT_STARTED in note:
            self.causes += self._without_daemon[:1]
            return "" if self._without_daemon else rule + note + rule
        for pattern, words in _NOTES:
            if told := re.search(pattern, note, re.DOTALL):
                if cause := words(told):
                    self.causes.append(cause)
                return ""
        return rule + note + rule

    def rest(self) -> str:
        """What was begun and never ended. A host without a daemon is a cause now, if no other is:
        mpirun may have been told to be quiet of it.
        """
        if not self.causes and not self.has_begun:
            self.causes += self._without_daemon[:1]
        note, self._note = self._note or [], None
        return "".join(note)

    def why_none_begins(self) -> str:
        """What mpirun waits for when no rank has come for START_S."""
        if self._without_daemon:
            return self._without_daemon[0]
        waits = f"no rank has begun within {START_S:g} s"
        if not (hosts := ", ".join(dict.fromkeys(self._asked))):
            return waits
        return (
            f"{waits}: Open MPI waits for its daemons on {hosts}, which connect back to a port of "
            "this host that the kernel picks; a firewall, or another network, may keep them from it"
        )
