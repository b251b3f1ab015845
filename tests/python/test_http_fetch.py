"""http_fetch against servers that mean well: nginx, Python's own, and http_origin. What others do
to it is in test_http_fetch_hostile.py.
"""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import hostile
import pytest
import servers
from fetching import RUNTIMES, expect_failed, expect_fetched, fetched, http_fetch
from servers import Nginx
from test_programs import BIN, ours

pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    with servers.running_nginx(tmp_path_factory.mktemp("nginx")) as running:
        yield running


@pytest.fixture(scope="module")
def origin():
    """The URL of a running http_origin, without a query."""
    with servers.announced([str(BIN / "http_origin"), "--port", "0"]) as port:
        yield f"http://127.0.0.1:{port}/"


NGINX_ANSWERS = [  # path, status, bytes, redirects
    *((name, 200, size, 0) for name, size in servers.SIZES.items()),
    ("query?a=b&c", 200, len("a=b&c"), 0),
    ("query#part", 200, 0, 0),
    ("chunked", 200, servers.SIZES["page"], 0),
    ("empty", 204, 0, 0),
    ("to-hello", 200, 6, 1),
    ("twice", 200, 6, 2),
    ("relative/here", 200, 6, 2),
    ("to-https", 200, 6, 1),
]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_nginx_serves_is_fetched(nginx: Nginx, runtime):
    urls = [nginx.url(path) for path, *_ in NGINX_ANSWERS]
    tls = f"https://localhost:{nginx.https}/large"
    done = fetched(runtime, "--ca", nginx.trusted, *urls, tls)
    for one, (path, status, size, redirects) in zip(done.urls, NGINX_ANSWERS, strict=False):
        expect_fetched(one, status, size)
        assert (one["url"], one["redirects"]) == (nginx.url(path), redirects)
    expect_fetched(done.of(tls), 200, servers.SIZES["large"])
    assert done.code == 0


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_failure_is_one_url_alone(nginx: Nginx, runtime):
    reasons = {
        "missing": "the server answered 404 Not Found",
        "secret": "the server answered 401 Unauthorized",
        "loop": "redirected more than 10 times",
    }
    bad = {nginx.url(path): why for path, why in reasons.items()}
    bad[f"http://127.0.0.1:{nginx.https}/"] = "the server answered 400 Bad Request"
    bad[f"https://127.0.0.1:{nginx.http}/"] = "no TLS with 127.0.0.1"
    done = fetched(runtime, *bad, nginx.url("hello"))
    for url, why in bad.items():
        expect_failed(done.of(url), why)
    expect_fetched(done.of(nginx.url("hello")), 200, 6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_certificate_has_to_be_right(nginx: Nginx, runtime):
    good, wrong_host, expired = (
        f"https://127.0.0.1:{port}/hello" for port in (nginx.https, nginx.wrong_host, nginx.expired)
    )
    trusting = fetched(runtime, "--ca", nginx.trusted, good, wrong_host, expired)
    expect_fetched(trusting.of(good), 200, 6)
    expect_failed(trusting.of(wrong_host), "can't be trusted: IP address mismatch")
    expect_failed(trusting.of(expired), "can't be trusted: certificate has expired")
    by_name = f"https://localhost:{nginx.wrong_host}/hello"
    expect_failed(
        fetched(runtime, "--ca", nginx.trusted, by_name).of(by_name),
        "the certificate of localhost can't be trusted: hostname mismatch",
    )
    for one in fetched(runtime, good, wrong_host, expired).urls:
        expect_failed(one, "the certificate of 127.0.0.1 can't be trusted: self-signed certificate")
    for one in fetched(runtime, "--insecure", good, wrong_host, expired, by_name).urls:
        expect_fetched(one, 200, 6)


@pytest.mark.skipif(not servers.has_ipv6(), reason="this machine has no [::1]")
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_ipv6_works_as_well(nginx: Nginx, runtime):
    host = f"http://[::1]:{nginx.http}/host"
    tls = f"https://[::1]:{nginx.https}/hello"
    done = fetched(runtime, "--ca", nginx.trusted, host, tls)
    expect_fetched(done.of(host), 200, len(f"[::1]:{nginx.http}"))
    expect_fetched(done.of(tls), 200, 6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_name_with_an_address_that_refuses_is_tried_on(nginx: Nginx, runtime):
    """localhost may be ::1 first; http.server listens on one of its addresses only."""
    with servers.python_web_server(Path(nginx.trusted).parent / "www") as port:
        one = f"http://localhost:{port}/hello"
        expect_fetched(fetched(runtime, one).of(one), 200, 6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_python_serves_is_fetched(tmp_path, runtime):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "index.html").write_text("index")
    (tmp_path / "one MB").write_bytes(bytes(1_000_000))
    with servers.python_web_server(tmp_path) as port:
        root = f"http://127.0.0.1:{port}"
        large, folder, none = f"{root}/one%20MB", f"{root}/folder", f"{root}/none"
        done = fetched(runtime, large, folder, none)
    expect_fetched(done.of(large), 200, 1_000_000)
    expect_fetched(done.of(folder), 200, len("index"))
    assert done.of(folder)["redirects"] == 1
    expect_failed(done.of(none), "the server answered 404 Not Found")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_http_origin_serves_is_fetched(origin, runtime):
    answers = {
        f"{origin}?bytes=0": 0,
        f"{origin}?bytes=300000": 300_000,
        f"{origin}?bytes=300000&chunked=1": 300_000,
        f"{origin}?bytes=0&chunked=1": 0,
        f"{origin}?bytes=10&close=1": 10,
        f"{origin}?status=302&location=/there?bytes=7": 7,
    }
    done = fetched(runtime, *answers)
    for one, size in zip(done.urls, answers.values(), strict=True):
        expect_fetched(one, 200, size)
    assert done.urls[-1]["redirects"] == 1


@pytest.mark.parametrize("runtime", ["process", "thread", "fiber"])
def test_latencies_add_up_only_for_one_after_another(origin, runtime):
    slow = f"{origin}?latency_ms=200&bytes=5"
    together = fetched(runtime, *[slow] * 50)
    assert together.summary["fetched"] == 50
    assert together.summary["seconds"] < 5  # of the 10 that they would take in turn
    in_turn = fetched(runtime, "--serial", *[slow] * 4)
    assert in_turn.summary["seconds"] >= 4 * 0.2


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("how", [[], ["--serial"], ["--parallel", "3"]])
def test_results_come_in_the_order_of_the_urls(origin, runtime, how):
    """Those that come first answer last."""
    urls = [f"{origin}?latency_ms={20 * (8 - i)}&bytes={i}" for i in range(8)]
    lines = http_fetch("--runtime", runtime, *how, *urls).stdout.splitlines()
    pattern = r"200 +(\d+) bytes +[\d.]+ ms  (.*)"
    assert [re.fullmatch(pattern, line).groups() for line in lines[:-1]] == [
        (str(i), url) for i, url in enumerate(urls)
    ]
    name = f"{runtime}, one after another" if how == ["--serial"] else runtime
    assert re.fullmatch(rf"{name}: 8 fetched, 0 failed, 28 bytes in [\d.]+ ms", lines[-1])


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(("how", "most"), [(["--serial"], 1), (["--parallel", "3"], 3)])
def test_no_more_fetches_are_under_way_than_allowed(runtime, how, most):
    with hostile.counting() as (server, crowd):
        assert fetched(runtime, *how, *[server.url("x")] * 12).summary["fetched"] == 12
    assert 1 <= crowd.most <= (1 if runtime == "serial" else most)


def test_output_of_a_failure_and_of_a_redirect(nginx: Nginx):
    done = http_fetch(nginx.url("missing"), nginx.url("twice"))
    failed, redirected, total = done.stdout.splitlines()
    why = "the server answered 404 Not Found"
    assert re.fullmatch(rf"failed +[\d.]+ ms  {nginx.url('missing')}: {why}", failed)
    assert redirected.endswith(f"  {nginx.url('twice')} (redirects: 2)")
    assert total.startswith("fiber: 1 fetched, 1 failed, ")
    assert done.returncode == 1


def test_comparison_has_a_column_for_each_runtime(nginx: Nginx, origin):
    urls = [nginx.url("hello"), f"{origin}?latency_ms=50", f"https://localhost:{nginx.https}/large"]
    done = http_fetch("--compare", "--ca", nginx.trusted, *urls)
    assert done.returncode == 0, done.stdout + done.stderr
    head, *rows, together, speed = (line.split() for line in done.stdout.splitlines())
    assert head == [*RUNTIMES, "URL"]
    assert [row[-1] for row in rows] == urls
    assert [row[1:-1:2] for row in rows] == [["ms"] * 4] * 3
    assert together[-2:] == ["all", "together"]
    assert speed[0] == "1.00x"
    assert speed[4:] == ["as", "fast", "as", "serial"]


def test_comparison_says_what_failed_where(nginx: Nginx):
    done = http_fetch("--compare", nginx.url("hello"), nginx.url("missing"))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[2].split() == ["failed"] * 4 + [nginx.url("missing")]
    why = "the server answered 404 Not Found"
    assert lines[-4:] == [f"{runtime}: {nginx.url('missing')}: {why}" for runtime in RUNTIMES]


def test_urls_come_from_a_file_too(nginx: Nginx, tmp_path):
    first, second, third = (nginx.url(path) for path in ("hello", "page", "empty"))
    listed = tmp_path / "urls"
    listed.write_text(f"# a comment\r\n\r\n   \n\t{second}  \r\n  # another\n{third}")
    done = fetched("fiber", first, "--urls", listed)
    assert [one["url"] for one in done.urls] == [first, second, third]
    done = fetched("fiber", "--urls", "-", input=listed.read_text())
    assert [one["url"] for one in done.urls] == [second, third]
    done = http_fetch("--compare", "--urls", "-", input=listed.read_text())
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:3]] == [second, third]


GOOD = "http://127.0.0.1:1/"
BAD_ARGUMENTS = [
    ([], "no URL to fetch"),
    (["--urls", "/dev/null"], "no URL to fetch"),
    ([""], "'' is no URL"),
    (["# no URL"], "'# no URL' is no URL"),
    (["--urls", "/no/such/file"], "'/no/such/file': can't be read"),
    (["--urls", "/proc"], "'/proc': can't be read"),
    ([GOOD, "--runtime", "gofer"], "no runtime 'gofer'; there are serial, process, thread, fiber"),
    ([GOOD, "--timeout", "0"], "--timeout"),
    ([GOOD, "--timeout", "-1s"], "--timeout"),
    ([GOOD, "--timeout", "nan"], "--timeout"),
    ([GOOD, "--timeout", "5parsecs"], "parsecs"),
    ([GOOD, "--max-bytes", "-1"], "--max-bytes"),
    ([GOOD, "--max-bytes", "9" * 30], "--max-bytes"),
    ([GOOD, "--max-bytes", "some"], "--max-bytes"),
    ([GOOD, "--max-redirects", "-1"], "--max-redirects"),
    ([GOOD, "--parallel", "0"], "--parallel"),
    ([GOOD, "--ca", "/no/such/file"], "'/no/such/file'"),
    ([GOOD, "--ca", "/etc/passwd"], "'/etc/passwd'"),
    ([GOOD, "--compare", "--ca", "/no/such/file"], "'/no/such/file'"),
    ([GOOD, "--compare", "--runtime", "fiber"], "excludes"),
    ([GOOD, "--compare", "--serial"], "excludes"),
    ([GOOD, "--compare", "--json"], "excludes"),
]


@pytest.mark.parametrize(("arguments", "culprit"), BAD_ARGUMENTS)
def test_bad_arguments_are_one_line_and_exit_code_2(arguments, culprit):
    done = http_fetch(*arguments)
    assert done.returncode == 2
    assert culprit in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("mode", [["--runtime", "process"], ["--compare"]])
def test_stopped_in_the_middle_it_leaves_no_process(mode, how):
    marker = f"switchyard-test-{os.getpid()}-{time.monotonic_ns()}"
    environment = {**os.environ, "SWITCHYARD_TEST_MARKER": marker}
    with hostile.serving() as server:
        argv = [BIN / "http_fetch", *mode, *[server.url("silent")] * 5]
        with subprocess.Popen(argv, env=environment) as fetching:
            wait_until(lambda: server.paths)
            fetching.send_signal(how)
            assert fetching.wait(timeout=20) == -how
        wait_until(lambda: not ours(marker))


def test_a_killed_task_is_one_failed_fetch(origin):
    with hostile.serving() as server:
        bad, good = server.url("silent"), f"{origin}?latency_ms=300"
        argv = [BIN / "http_fetch", "--json", "--runtime", "process", good, bad, good]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as fetching:
            wait_until(lambda: server.paths)
            children = Path(f"/proc/{fetching.pid}/task/{fetching.pid}/children")
            os.kill(int(children.read_text().split()[1]), signal.SIGKILL)
            output, _ = fetching.communicate(timeout=30)
    assert fetching.returncode == 1
    first, killed, last = json.loads(output)["urls"]
    expect_failed(killed, "was killed by signal 9")
    for one in (first, last):
        expect_fetched(one, 200, 1024)


def wait_until(holds) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def test_output_that_can_not_be_written_is_an_error(nginx: Nginx):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([BIN / "http_fetch", nginx.url("hello")], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 1
    assert "output could not be written" in done.stderr
