"""Paths as results have them, which others read."""

from switchyard.system.paths import ROOT, recorded


def test_results_do_not_tell_where_the_repository_lies():
    assert recorded(ROOT / "build" / "release") == "build/release"
    assert recorded("/elsewhere/bench_echo") == "/elsewhere/bench_echo"
