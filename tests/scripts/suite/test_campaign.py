"""One launch of a run, and what the kernel says of it."""

import pytest
from fakes import row, write_bench

from switchyard.suite import catalog
from switchyard.suite.campaign import measure
from switchyard.system.interrupts import Interrupts
from switchyard.system.machine import Machine

NAME = "spawn/thread/tasks:1"


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """The fields of a launch of 0.1 s or more in which the kernel withheld so many seconds."""

    def launched(withheld_s: float) -> dict:
        readings = iter([7.0, 7.0 + withheld_s])
        monkeypatch.setattr(Machine, "throttled_s", lambda _: next(readings))
        does = {"fields": {"real_time": 1}, "code": "time.sleep(0.1)"}
        write_bench(tmp_path, [row(NAME)], {NAME: does})
        (workload,) = catalog.load(tmp_path)
        with Interrupts() as interrupts:
            (fields,) = measure(workload, workload.rows[0], 0, 0.01, 60.0, interrupts).rows
        return fields

    return launched


def test_a_launch_says_what_share_of_it_a_quota_withheld(measured):
    fields = measured(0.05)
    assert fields["throttled_percent"] == pytest.approx(5 / fields["launch_s"], abs=0.06)
    assert measured(99.0)["throttled_percent"] == 100  # of several CPUs
    assert "throttled_percent" not in measured(0.0)
