"""http_fetch against servers that mean well: nginx, Python's own, and http_origin. What others do
to it is in test_http_fetch_hostile.py, how it is used in test_http_fetch_usage.py.
"""

from pathlib import Path

import pytest
import servers
from conftest import BIN
from fetching import RUNTIMES, expect_failed, expect_fetched, fetched
from servers import Nginx

pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")


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


@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if name != "serial"])
def test_latencies_add_up_only_for_one_after_another(origin, runtime):
    together = fetched(runtime, *[f"{origin}?latency_ms=400&bytes=5"] * 100)
    assert together.summary["fetched"] == 100
    assert together.summary["seconds"] < 30  # of the 40 that they would take in turn
    in_turn = fetched(runtime, "--serial", *[f"{origin}?latency_ms=100&bytes=5"] * 4)
    assert in_turn.summary["seconds"] >= 4 * 0.1
