"""Servers on loopback that the tests of http_fetch fetch from: a real nginx, and any program that
prints where it listens.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import certificates
from certificates import Certificate

_NGINX_CONF = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_rlimit_nofile 4096;
events {{ worker_connections 2048; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  root {folder}/www;
  server {{
    {listen_http}
    {listen_https}
    ssl_certificate {good.file};
    ssl_certificate_key {good.key};
    location = /to-hello {{ return 302 /hello; }}
    location = /relative/here {{ return 301 $scheme://$http_host/relative/there/; }}
    location = /relative/there/ {{ return 303 ../../hello; }}
    location = /twice {{ return 308 /to-hello; }}
    location = /to-https {{ return 301 https://127.0.0.1:{https}/hello; }}
    location = /loop {{ return 302 /loop; }}
    location = /empty {{ return 204; }}
    location = /query {{ return 200 $args; }}
    location = /host {{ return 200 $http_host; }}
    location = /secret {{ return 401; }}
    location = /chunked {{ ssi on; ssi_types *; try_files /page =404; }}
  }}
  server {{
    listen 127.0.0.1:{wrong_host} ssl;
    ssl_certificate {other.file};
    ssl_certificate_key {other.key};
  }}
  server {{
    listen 127.0.0.1:{expired} ssl;
    ssl_certificate {old.file};
    ssl_certificate_key {old.key};
  }}
}}
"""

SIZES = {"nothing": 0, "hello": 6, "page": 5_000, "large": 3_000_000}


@dataclass(frozen=True)
class Nginx:
    """Its ports, and a file with all its certificates."""

    http: int
    https: int
    wrong_host: int
    expired: int
    ipv6: bool
    trusted: Path

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.http}/{path}"


def free_port() -> int:
    """One on which nobody listened a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def wait_for(port: int, process: subprocess.Popen) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended at once"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    raise AssertionError("the server did not begin to listen")


def _made_certificates(folder: Path) -> tuple[Certificate, Certificate, Certificate]:
    local = "DNS:localhost,IP:127.0.0.1,IP:::1"
    return (
        certificates.make(folder / "good", local),
        certificates.make(folder / "other", "DNS:other.example"),
        certificates.make(folder / "old", local, expired=True),
    )


@contextlib.contextmanager
def running_nginx(folder: Path) -> Iterator[Nginx]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "nginx is not there: scripts/setup.sh --tests installs it"
    (folder / "www").mkdir()
    for name, size in SIZES.items():
        (folder / "www" / name).write_bytes(b"hello\n" * (size // 6) + b"." * (size % 6))
    good, other, old = _made_certificates(folder)
    trusted = folder / "trusted.pem"
    trusted.write_text("".join(one.file.read_text() for one in (good, other, old)))
    ports = [free_port() for _ in range(4)]
    ipv6 = has_ipv6()
    hosts = ["127.0.0.1", "[::1]"] if ipv6 else ["127.0.0.1"]
    config = folder / "nginx.conf"
    config.write_text(_NGINX_CONF.format(
        folder=folder, good=good, other=other, old=old,
        https=ports[1], wrong_host=ports[2], expired=ports[3],
        listen_http=" ".join(f"listen {host}:{ports[0]};" for host in hosts),
        listen_https=" ".join(f"listen {host}:{ports[1]} ssl;" for host in hosts),
    ))  # fmt: skip
    with ended(subprocess.Popen([program, "-c", config, "-e", folder / "error.log"])) as process:
        wait_for(ports[0], process)
        yield Nginx(*ports, ipv6, trusted)


@contextlib.contextmanager
def ended(process: subprocess.Popen) -> Iterator[subprocess.Popen]:
    """`process`, which does not outlive the block."""
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def announced(argv: list[str], **options) -> Iterator[int]:
    """The port of a program that prints "listening on HOST:PORT"."""
    started = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, **options)
    with ended(started) as process:
        yield int(process.stdout.readline().strip().rsplit(":", 1)[1])


@contextlib.contextmanager
def python_web_server(folder: Path) -> Iterator[int]:
    """The port of `python3 -m http.server`."""
    argv = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    started = subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)  # fmt: skip
    with ended(started) as process:
        yield int(re.search(r"port (\d+)", process.stdout.readline())[1])
