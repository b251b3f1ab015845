"""`switchyard.sh load` as a user meets it, with a made-up mpirun: what it passes on, how it ends,
and what it makes of what mpirun says.
"""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import SWITCHYARD, Cli
from living import DEADLINE_S, processes_of, wait_until

from switchyard.system import mpirun as telling

RULE = "-" * 74
VERSION = '[ "$1" = --version ] && { echo "mpirun (Open MPI) 4.1.4"; exit; }\n'


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    file = tmp_path / "hosts"
    file.write_text(
        "# ours\n\nnear slots=2\nfar max_slots=4 slots=1  # behind a line\nuser@v6::1\n"
    )
    return file


@pytest.fixture
def mpirun(build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a script there in its place. The program says what it was told."""
    folder = tmp_path / "tools"
    folder.mkdir()
    program = build / "bin" / "echo_load_mpi"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def put(script: str) -> Path:
        (folder / "mpirun").write_text(f"#!/bin/bash\n{VERSION}{script}\n")
        (folder / "mpirun").chmod(0o755)
        return folder

    put("")
    return put


@pytest.fixture
def load(cli: Cli, build: Path, hosts: Path, mpirun):
    def run(*arguments: str) -> subprocess.CompletedProcess:
        return cli("load", "--build", build, "--hosts", hosts, "--target", "x:7", *arguments)

    return run


def test_what_the_program_understands_is_passed_on_as_it_stands(load, mpirun, hosts):
    mpirun('printf "%s\\n" "${@:1:5}"; "${@:6}"')
    done = load(
        "--connections", "-3", "--rate", "", "--allow-remote", "--json", "/a b/x.json",
        "--mpirun-options", "--mca routed 'a b'", "--", "--probe-connections", "4",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "--hostfile", str(hosts), "--mca", "routed", "a b",
        "--host", "x", "--port", "7", "--allow-remote", "--connections", "-3", "--rate", "",
        "--json", "/a b/x.json", "--probe-connections", "4",
    ]  # fmt: skip
    assert done.stderr == ""


def test_mpirun_is_told_by_variables_that_a_user_can_replace(load, mpirun, monkeypatch):
    """That a host is cut off is told within seconds by those of the keepalive alone."""
    monkeypatch.setattr(telling, "has_network", lambda: True)
    monkeypatch.setenv("OMPI_MCA_oob_tcp_keepalive_probes", "10")
    mpirun("env | grep ^OMPI_")
    told = dict(line.split("=", 1) for line in load().stdout.splitlines())
    assert told.pop("OMPI_MCA_plm_rsh_agent").startswith("/bin/sh /proc/")
    assert told == {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_btl": "self,tcp",
        "OMPI_MCA_hwloc_base_binding_policy": "none",
        "OMPI_MCA_oob_tcp_keepalive_intvl": "1",
        "OMPI_MCA_oob_tcp_keepalive_probes": "10",
        "OMPI_MCA_oob_tcp_keepalive_time": "1",
        "OMPI_MCA_plm_rsh_no_tree_spawn": "1",
        "OMPI_MCA_pml": "ob1",
    }
    monkeypatch.delenv("OMPI_MCA_oob_tcp_keepalive_probes")
    assert "OMPI_MCA_oob_tcp_keepalive_probes=3\n" in load().stdout


def test_files_of_an_mpirun_that_is_killed_are_removed(load, mpirun):
    mpirun('touch "$TMPDIR/left"; echo "$TMPDIR"; kill -9 $$')
    folder = Path(load().stdout.strip())
    assert folder.name.startswith("switchyard-")
    assert not folder.exists()


def test_an_address_of_ipv6_has_its_port_behind_brackets(cli, build, hosts, mpirun):
    mpirun('echo "$8 ${10}"')
    done = cli("load", "--build", build, "--hosts", hosts, "--target", "[::1]:80")
    assert done.stdout == "::1 80\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "cannot read {}: No such file or directory"),
        ("", "{} names no host: a line for each, HOST slots=N"),
        ("# nothing\n\n", "{} names no host: a line for each, HOST slots=N"),
        ("a slots=1\nb slots=0\n", "{}, line 2: want HOST slots=N, not 'b slots=0'"),
        ("a slots=many\n", "{}, line 1: want HOST slots=N, not 'a slots=many'"),
        ("a 2\n", "{}, line 1: want HOST slots=N, not 'a 2'"),
        ("\n-oProxyCommand=x slots=1", "{}, line 2: want HOST slots=N, not '-oProxyCommand=x "),
    ],
)
def test_hosts_that_can_not_be_read_are_told_by_line(load, hosts: Path, text: str | None, why: str):
    if text is None:
        hosts.unlink()
    else:
        hosts.write_text(text)
    done = load()
    assert done.returncode == 2
    assert done.stderr.startswith("switchyard: error: " + why.format(hosts))
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("target", ["here", ":7", "here:", ""])
def test_a_target_is_a_host_and_a_port(load, target: str):
    done = load("--target", target)
    assert done.returncode == 2
    assert done.stderr == f"switchyard: error: --target wants HOST:PORT, not '{target}'\n"


def test_options_for_mpirun_are_words_of_a_shell(load):
    done = load("--mpirun-options", "--mca 'x")
    assert done.returncode == 2
    assert "--mpirun-options: No closing quotation" in done.stderr


def test_a_program_that_was_not_built_is_told_with_what_it_takes(load, build: Path):
    (build / "bin" / "echo_load_mpi").unlink()
    done = load()
    assert done.returncode == 2
    assert f"no {build}/bin/echo_load_mpi: it is built where Open MPI is" in done.stderr
    assert "scripts/setup.sh --mpi" in done.stderr


@pytest.mark.parametrize("script", [None, "#!/bin/sh\necho HYDRA build details\n"])
def test_an_mpirun_that_is_none_of_open_mpis_is_told(load, mpirun, monkeypatch, script):
    folder = mpirun("")
    if script:
        (folder / "mpirun").write_text(script)
    else:
        (folder / "mpirun").unlink()
        monkeypatch.setenv("PATH", str(folder))
    done = load()
    assert done.returncode == 2
    assert "scripts/setup.sh --mpi adds it" in done.stderr
    assert ("HYDRA" if script else "mpirun: not installed") in done.stderr


@pytest.mark.parametrize(("code", "ours"), [(0, 0), (1, 1), (2, 2), (205, 1)])
def test_it_ends_as_the_program_did_and_each_stream_stays_one(load, mpirun, code: int, ours: int):
    mpirun(f"echo right; echo 'echo_load_mpi: error: wrong' >&2; printf more; exit {code}")
    done = load()
    assert (done.returncode, done.stdout) == (ours, "right\nmore\n")
    assert done.stderr == "echo_load_mpi: error: wrong\n"


def test_what_all_ranks_say_is_told_once(load, mpirun):
    note = f"{RULE}\nMPI_ABORT was invoked on rank 0\n{RULE}\n"
    note += "[near:7] 2 more processes have sent help message help-mpi-api.txt / mpi-abort\n"
    note += '[near:7] Set MCA parameter "orte_base_help_aggregate" to 0 to see all help\n'
    note += "[near:7] [[1,0],0] ORTE_ERROR_LOG: Data unpack in file ../orte/util/show_help.c at 5"
    mpirun(f"for rank in 1 2 3; do echo 'echo_load_mpi: --bytes: no' >&2; done; echo '{note}' >&2")
    assert load().stderr == "echo_load_mpi: --bytes: no\n"


@pytest.mark.parametrize(
    ("note", "why"),
    [
        (
            "mpirun noticed that process rank 2 with PID 11190 on node far exited on signal 9 "
            "(Killed).",
            "rank 2 on far was ended by SIGKILL",
        ),
        (
            "ORTE has lost communication with a remote daemon.\n\n  HNP daemon   : [[1,0],0] on "
            "node near\n  Remote daemon: [[1,0],2] on node far\n\nThis is usually due to either",
            "the connection to far is lost",
        ),
    ],
)
def test_pages_of_mpirun_become_a_line_with_the_host(load, mpirun, note: str, why: str):
    first = f"{RULE}\nPrimary job  terminated normally, but 1 process returned\n{RULE}"
    mpirun(f"cat >&2 <<'end'\n{first}\n{RULE}\n{note}\n{RULE}\nend\nexit 137")
    done = load()
    assert done.returncode == 1
    assert done.stderr == f"switchyard: error: {why}\n"


@pytest.mark.parametrize(
    "page",
    [f"{RULE}\\nORTE was unable to reliably start one or more daemons.\\n{RULE}\\n", ""],
    ids=["told", "quiet"],
)
def test_a_host_that_can_not_be_reached_is_named(load, mpirun, page: str):
    mpirun(f"$OMPI_MCA_plm_rsh_agent far orted\nprintf '%b' '{page}' >&2\nexit 1")
    done = load("--agent", "false")
    assert done.returncode == 1
    assert done.stderr == "switchyard: error: no daemon of Open MPI on far: exit code 1\n"


def test_a_host_without_the_program_is_named(load, mpirun, build: Path):
    mpirun('"${@:3}"')
    (build / "bin" / "echo_load_mpi").chmod(0o644)
    done = load()
    assert done.returncode == 1
    assert done.stderr == (
        f"switchyard: error: no {build}/bin/echo_load_mpi on {os.uname().nodename}: each host "
        "needs this build there\n"
    )


def test_a_rank_that_never_begins_is_not_waited_for_without_an_end(
    load, mpirun, monkeypatch, tmp_path: Path
):
    monkeypatch.setattr(telling, "START_S", 0.5)
    mpirun("sleep 1000 & wait")
    done = load()
    assert done.returncode == 1
    assert done.stderr == "switchyard: error: no rank has begun within 0.5 s\n"
    assert processes_of(str(tmp_path / "tools" / "mpirun")) == []


def test_what_mpirun_says_that_nobody_knows_is_shown_whole(load, mpirun):
    note = f"{RULE}\nSomething new\n{RULE}\n{RULE}\nnever ended\n"
    mpirun(f"cat >&2 <<'end'\n{note}end\nexit 1")
    done = load()
    assert done.stderr == note.replace(f"{RULE}\nnever", "never")


def test_an_mpirun_that_is_killed_is_told(load, mpirun):
    mpirun("kill -9 $$")
    done = load()
    assert done.returncode == 1
    assert done.stderr == (
        "switchyard: error: mpirun was ended by SIGKILL; all ranks end with it\n"
    )


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_lets_mpirun_end_its_ranks_and_leaves_nothing(
    mpirun, hosts, build, tmp_path, name
):
    mpirun(f"trap 'echo gone; exit 1' TERM; echo here; sleep 1000 & echo {tmp_path} >&2; wait")
    argv = [SWITCHYARD, "load", "--build", build, "--hosts", hosts, "--target", "x:7"]
    (temporary := tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        ["env", "--default-signal=INT,TERM", f"TMPDIR={temporary}", *map(str, argv)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "here\n", "as it comes"
    wait_until(lambda: processes_of(str(tmp_path / "tools" / "mpirun")), "it runs")
    process.send_signal(signal.Signals[name])
    told, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 128 + signal.Signals[name]
    assert told == "gone\n"
    assert f"interrupted by {name}: all processes are ended" in said
    assert processes_of(str(tmp_path / "tools" / "mpirun")) == []
    assert list(temporary.iterdir()) == []
