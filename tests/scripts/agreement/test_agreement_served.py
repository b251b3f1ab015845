"""A server and its client, run below one keeper: what comes back, and how they may misbehave."""

import os
import socket
import threading
from pathlib import Path

import pytest
from instruments import SERVER, script
from living import processes_of

from switchyard.agreement import served as serving
from switchyard.agreement.model import ProbeError
from switchyard.agreement.served import Setting, serve
from switchyard.system.tools import Tools

STUBBORN = 'signal.signal(signal.SIGTERM, signal.SIG_IGN); print("listening on x:1", flush=True)\n'


@pytest.fixture
def served(tmp_path: Path):
    """Runs a client of this body against a server of that; no process of them is left."""
    cpu = min(os.sched_getaffinity(0))
    setting = Setting(tmp_path, Tools({}, {}), cpu, cpu)

    def run(
        client: str,
        server: str = SERVER.format(totals="served all"),
        under: str = "",
        patience_s: float = 60,
    ):
        programs = {"server": server, "client": client}
        paths = {name: script(tmp_path / name, body) for name, body in programs.items()}
        above = [str(script(tmp_path / "above", under))] if under else []
        argv = [str(paths["client"]), "{port}", "{pid}", "{report}"]
        try:
            return serve(setting, [str(paths["server"])], argv, patience_s, above)
        finally:
            assert processes_of(str(tmp_path)) == []

    return run


def test_gives_back_what_both_said_and_the_report(served):
    done = served("print('port', sys.argv[1]); open(sys.argv[3], 'w').write('kept')")
    assert done.server_stdout.splitlines() == ["listening on 127.0.0.1:1", "served all"]
    assert (done.client_stdout, done.report) == ("port 1\n", "kept")
    assert set(done.tcp) == {"InSegs", "OutSegs", "RetransSegs"}


def test_the_pid_is_the_servers_also_below_an_instrument(served):
    under = "import subprocess; sys.exit(subprocess.call(sys.argv[1:]))"
    client = "print(open(f'/proc/{sys.argv[2]}/cmdline').read().replace(chr(0), ' '))"
    said = served(client, under=under).client_stdout.split()
    assert said[-1].endswith("/server")
    assert not any(word.endswith("/above") for word in said)


def test_the_traffic_of_others_is_not_counted(served):
    is_over = threading.Event()

    def make_traffic():
        with socket.create_server(("127.0.0.1", 0)) as server:
            while not is_over.wait(0.01):
                socket.create_connection(server.getsockname()).close()
                server.accept()[0].close()

    others = threading.Thread(target=make_traffic)
    others.start()
    try:
        done = served("time.sleep(0.5)")
    finally:
        is_over.set()
        others.join()
    if not done.is_alone:
        pytest.skip("a network of one's own is not allowed here")
    assert done.tcp == {"InSegs": 0, "OutSegs": 0, "RetransSegs": 0}


def test_both_sides_run_where_they_are_told(served):
    client = "print(os.sched_getaffinity(0), os.sched_getaffinity(int(sys.argv[2])))"
    cpu = min(os.sched_getaffinity(0))
    assert served(client).client_stdout == f"{{{cpu}}} {{{cpu}}}\n"


@pytest.mark.parametrize(
    ("client", "server", "why"),
    [("sys.exit('no luck')", None, "client: exit code 1: no luck"),
     ("os.kill(os.getpid(), 9)", None, "client: ended by SIGKILL"),
     ("time.sleep(1000)", None, "client did not end its work within 0.5 s"),
     ("", "sys.exit('port taken')", "server ended before it listened: port taken"),
     ("", "print('hello', flush=True)", "server ended before it listened: hello"),
     ("os.kill(int(sys.argv[2]), 11)", None, "server: ended by SIGSEGV"),
     ("", STUBBORN + "time.sleep(1000)", "server did not end at SIGTERM within 0.5 s")],
)  # fmt: skip
def test_misbehaviour_is_one_line(served, monkeypatch, client: str, server: str | None, why: str):
    waits = {"patience_s": 0.5} if "its work" in why else {}
    if "SIGTERM" in why:
        monkeypatch.setattr(serving, "_END_S", 0.5)
    with pytest.raises(ProbeError) as raised:
        served(client, server, **waits) if server else served(client, **waits)
    assert str(raised.value) == why


def test_a_program_that_is_missing_is_named(tmp_path: Path):
    cpu = min(os.sched_getaffinity(0))
    with pytest.raises(ProbeError, match=r"No such file.*'/nowhere/server'"):
        serve(Setting(tmp_path, Tools({}, {}), cpu, cpu), ["/nowhere/server"], ["x"], 2)
