"""Running http_fetch, and what its output says."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from programs import may_use_io_uring, run

RUNTIMES = ["serial", "process", "thread", "fiber"]
if may_use_io_uring():
    RUNTIMES.append("fiber_uring")


@dataclass(frozen=True)
class Fetches:
    """What one run of http_fetch said with --json."""

    code: int
    summary: dict[str, Any]

    @property
    def urls(self) -> list[dict[str, Any]]:
        return self.summary["urls"]

    def of(self, url: str) -> dict[str, Any]:
        return next(one for one in self.urls if one["url"] == url)


def http_fetch(*arguments: str, **options) -> subprocess.CompletedProcess:
    return run("http_fetch", *map(str, arguments), **options)


def fetched(runtime: str, *arguments: str, **options) -> Fetches:
    done = http_fetch("--json", "--runtime", runtime, *arguments, **options)
    assert done.stderr == ""
    summary = json.loads(done.stdout)
    assert summary["runtime"] == runtime
    good = sum(one["ok"] for one in summary["urls"])
    assert (summary["fetched"], summary["failed"]) == (good, len(summary["urls"]) - good)
    assert summary["bytes"] == sum(one["bytes"] for one in summary["urls"])
    assert done.returncode == (1 if summary["failed"] else 0)
    return Fetches(done.returncode, summary)


def expect_fetched(one: dict[str, Any], status: int, size: int) -> None:
    assert (one["ok"], one["status"], one["bytes"]) == (True, status, size), one
    assert one["reason"] == ""


def expect_failed(one: dict[str, Any], why: str) -> None:
    assert not one["ok"], one
    assert why in one["reason"], one
