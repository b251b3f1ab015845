"""http_fetch as a user meets it: the order of its output, its table, where URLs come from, what it
says to bad arguments, and what is left when it is stopped.
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
from conftest import BIN
from fetching import RUNTIMES, expect_failed, expect_fetched, fetched, http_fetch
from living import ours
from servers import Nginx

pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")


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


@pytest.mark.parametrize("how", [["--runtime", "serial"], ["--serial"], []])
def test_a_result_is_told_while_the_next_one_is_fetched(origin, how):
    with hostile.serving() as server:
        argv = [BIN / "http_fetch", *how, origin, server.url("silent")]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as fetching:
            wait_until(lambda: server.paths)
            assert fetching.stdout.readline().startswith("200 ")
            assert fetching.poll() is None, "the other has ten seconds"
            fetching.kill()


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
    assert [row[1:-1:2] for row in rows] == [["ms"] * len(RUNTIMES)] * 3
    assert together[-2:] == ["all", "together"]
    assert speed[0] == "1.00x"
    assert speed[len(RUNTIMES) :] == ["as", "fast", "as", "serial"]


def test_comparison_says_what_failed_where(nginx: Nginx):
    done = http_fetch("--compare", nginx.url("hello"), nginx.url("missing"))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[2].split() == ["failed"] * len(RUNTIMES) + [nginx.url("missing")]
    why = "the server answered 404 Not Found"
    told = [f"{runtime}: {nginx.url('missing')}: {why}" for runtime in RUNTIMES]
    assert lines[-len(told) :] == told


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


def test_a_byte_order_mark_before_the_urls_is_none_of_them(nginx: Nginx, tmp_path):
    listed = tmp_path / "urls"
    listed.write_text(f"{nginx.url('hello')}\n{nginx.url('page')}\n", encoding="utf-8-sig")
    done = fetched("fiber", "--urls", listed)
    assert [one["url"] for one in done.urls] == [nginx.url("hello"), nginx.url("page")]
    assert done.summary["fetched"] == 2


def test_odd_characters_reach_the_server_encoded():
    with hostile.serving() as server:
        odd = ["chunked?f[x]=1", "chunked?a|b", "chunked?100%", "chunked?caf\u00e9"]
        done = fetched("serial", *[server.url(path) for path in odd])
        assert done.summary["fetched"] == 4
        assert fetched("serial", server.url("to-odd-characters")).summary["fetched"] == 1
    sent = ["f%5Bx%5D=1", "a%7Cb", "100%25", "caf%C3%A9", "caf%E9%20%5Ba%5D%7C50%25"]
    asked = [path.removeprefix("chunked?") for path in server.paths if "?" in path]
    assert asked == sent


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
            assert fetching.wait(timeout=300) == -how
        wait_until(lambda: not ours(marker))


def test_a_killed_task_is_one_failed_fetch(origin):
    with hostile.serving() as server:
        bad, good = server.url("silent"), f"{origin}?latency_ms=300"
        argv = [BIN / "http_fetch", "--json", "--runtime", "process", good, bad, good]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as fetching:
            wait_until(lambda: server.paths)
            children = Path(f"/proc/{fetching.pid}/task/{fetching.pid}/children")
            os.kill(int(children.read_text().split()[1]), signal.SIGKILL)
            output, _ = fetching.communicate(timeout=300)
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
    argv = [BIN / "http_fetch", nginx.url("hello")]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300,
                              check=False)  # fmt: skip
    assert done.returncode == 1
    assert "output could not be written" in done.stderr
