"""http_fetch against servers that break, lie, stall or never end: each fetch ends in time and says
why, the good ones beside it are fetched, and nothing is left behind.
"""

import contextlib
import os
import ssl
import subprocess
import time
from pathlib import Path

import certificates
import hostile
import pytest
import servers
from conftest import BIN
from fetching import RUNTIMES, expect_failed, expect_fetched, fetched
from living import ours

pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")

TIMEOUT_S = {"serial": 0.7}  # each in turn; else all at once, and then a machine may be busy
LIMITS = ("--max-bytes", "1000000", "--timeout")


@pytest.fixture
def good(origin):
    """A URL at a program of its own, so that no hostile server can slow it down."""
    return f"{origin}?bytes=77"


@contextlib.contextmanager
def everything_bad():
    """All URLs that fail, each with its reason, and those that are odd with status and size."""
    with contextlib.ExitStack() as running:
        web = running.enter_context(hostile.serving())
        silent = running.enter_context(hostile.serving(hostile.silence))
        garbage = running.enter_context(hostile.serving(hostile.TLS_GARBAGE))
        closing = running.enter_context(hostile.serving(hostile.hang_up))
        full = running.enter_context(hostile.full_backlog())
        reasons = {web.url(path): why for path, (_, why) in (hostile.BAD | hostile.SLOW).items()}
        refused = servers.free_port()
        reasons |= {
            f"http://127.0.0.1:{refused}/": f"connect to 127.0.0.1:{refused}: Connection refused",
            f"http://127.0.0.1:{full}/": f"timed out, connect to 127.0.0.1:{full}",
            "http://255.255.255.255/": "connect to 255.255.255.255:80: ",
            "http://no.such.host.invalid/": "host 'no.such.host.invalid' ",
            silent.url("", "https"): "timed out, TLS handshake with 127.0.0.1",
            garbage.url("", "https"): "no TLS with 127.0.0.1",
            closing.url("", "https"): "no TLS with 127.0.0.1: the server closed the connection",
            "http://127.0.0.1:99999/": "the port of a URL has to be 1 to 65535",
            "http://127.0.0.1:port/": "the port of a URL has to be a number",
            "http://a%00b/": "the host of the URL can't be a name",
            "gopher://127.0.0.1/": "only http:// and https:// can be fetched, not gopher:",
            "nonsense": "no URL (http://host/path expected)",
        }
        odd = {web.url(path): (status, size) for path, (_, status, size) in hostile.ODD.items()}
        yield reasons, odd


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_whatever_servers_do_each_fetch_ends_and_says_why(good, runtime):
    marker = f"switchyard-test-{os.getpid()}-{time.monotonic_ns()}"
    timeout_s = TIMEOUT_S.get(runtime, 4)
    with everything_bad() as (reasons, odd):
        urls = [url for bad in [*reasons, *odd] for url in (bad, good)]
        done = fetched(runtime, *LIMITS, f"{timeout_s}s", *urls,
                       env=os.environ | {"SWITCHYARD_TEST_MARKER": marker})  # fmt: skip
    assert [one["url"] for one in done.urls] == urls
    for one in done.urls:
        if one["url"] in reasons:
            expect_failed(one, reasons[one["url"]])
        else:
            expect_fetched(one, *odd.get(one["url"], (200, 77)))
        assert one["seconds"] < timeout_s + 30  # a machine may be busy
    assert done.code == 1
    assert ours(marker) == []


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_flood_does_not_get_round_the_timeout(good, runtime):
    with hostile.serving() as server:
        flood = server.url("endless-body")
        done = fetched(runtime, "--max-bytes", "1tb", "--timeout", "500ms", flood, good)
    expect_failed(done.of(flood), "timed out")
    assert done.of(flood)["seconds"] < 30  # it never ends by itself
    expect_fetched(done.of(good), 200, 77)


@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if name != "serial"])
def test_500_bad_fetches_leak_nothing(tmp_path, runtime):
    at_once = 20
    most_files = most_tasks = 0
    with hostile.serving() as server:
        bad = [
            server.url(path) for path in ("close", "reset-in-body", "to-refused", "stalled-body")
        ]
        bad += ["http://127.0.0.1:1/", "http://localhost:1/", server.url("close", "https")]
        listed = tmp_path / "urls"
        listed.write_text("\n".join((bad * 500)[:500]))
        argv = [BIN / "http_fetch", "--runtime", runtime, "--timeout", "100ms",
                "--parallel", str(at_once), "--urls", listed]  # fmt: skip
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as fetching:
            own = Path(f"/proc/{fetching.pid}")
            while fetching.poll() is None:
                with contextlib.suppress(OSError):
                    most_files = max(most_files, len(list((own / "fd").iterdir())))
                    most_tasks = max(most_tasks, len(list((own / "task").iterdir())))
                time.sleep(0.005)
            output = fetching.stdout.read()
    assert f"{runtime}: 0 fetched, 500 failed," in output
    assert 0 < most_files < 20 + 3 * at_once  # a socket and an event for each, and epoll
    assert 0 < most_tasks < 5 + 5 * at_once  # a fetch may leave its helper thread to the next one
    assert fetching.returncode == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("tls") / "local", "IP:127.0.0.1")


def tls_answer(certificate, text: str, say_goodbye: bool):
    """Sends `text` over TLS, and ends with the farewell that tells an end from a cut or without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key)

    def answer(peer) -> None:
        with context.wrap_socket(peer, server_side=True) as tls:
            tls.recv(65536)
            tls.sendall(text.encode())
            if say_goodbye:
                tls.unwrap()

    return hostile.serving(answer)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_answer_over_tls_that_was_cut_is_not_taken_for_a_whole_one(certificate, runtime):
    until_close = f"{hostile.OK}\r\n0123456789"
    with_length = f"{hostile.OK}Content-Length: 10\r\n\r\n0123456789"
    with (
        tls_answer(certificate, until_close, say_goodbye=False) as cut,
        tls_answer(certificate, until_close, say_goodbye=True) as whole,
        tls_answer(certificate, with_length, say_goodbye=False) as complete,
    ):
        ends = [server.url("", "https") for server in (cut, whole, complete)]
        done = fetched(runtime, "--ca", certificate.file, *ends)
    expect_failed(done.of(ends[0]), "the answer was cut short after 10 bytes of the body")
    expect_fetched(done.of(ends[1]), 200, 10)
    expect_fetched(done.of(ends[2]), 200, 10)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_server_that_refuses_us_is_not_blamed_for_its_certificate(certificate, runtime):
    """It asks for a certificate of ours; with --insecure its own is no reason to fail."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # 1.3 would say it after the handshake
    with hostile.serving(lambda peer: context.wrap_socket(peer, server_side=True)) as server:
        url = server.url("", "https")
        expect_failed(fetched(runtime, "--insecure", url).of(url), "no TLS with 127.0.0.1: ")
