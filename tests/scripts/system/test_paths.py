"""Paths as results have them, which others read; and where a check keeps what it makes."""

import os
from pathlib import Path

import pytest

from switchyard.system.errors import BadInputError
from switchyard.system.paths import ROOT, recorded, state_folder


def test_results_do_not_tell_where_the_repository_lies():
    assert recorded(ROOT / "build" / "release") == "build/release"
    assert recorded("/elsewhere/bench_echo") == "/elsewhere/bench_echo"


def test_what_a_check_keeps_lies_in_the_repository_where_git_does_not_see_it(tmp_path: Path):
    folder = state_folder(tmp_path)
    assert folder == tmp_path / ".switchyard"
    assert (folder / ".gitignore").read_text() == "*\n"
    assert state_folder(tmp_path) == folder


def test_git_does_not_see_it_either_where_a_cache_restored_but_a_part(tmp_path: Path):
    (tmp_path / ".switchyard" / "baselines").mkdir(parents=True)
    assert (state_folder(tmp_path) / ".gitignore").read_text() == "*\n"


def test_a_folder_of_the_users_that_has_this_name_is_left_as_it_is(tmp_path: Path):
    theirs = tmp_path / ".switchyard"
    theirs.mkdir()
    (theirs / "notes").touch()
    assert state_folder(tmp_path) == theirs
    assert [path.name for path in theirs.iterdir()] == ["notes"]


def test_where_a_repository_can_not_be_written_to_it_has_a_folder_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A file stands in the way: the superuser, whom no permission stops, may run this."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    places = []
    for name in ("one/project", "two/project"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / ".switchyard").touch()
        places.append(state_folder(tmp_path / name))
    assert {place.parent for place in places} == {tmp_path / "cache" / "switchyard"}
    assert all(place.name.startswith("project-") for place in places)
    assert len(set(places)) == 2
    (tmp_path / "cache" / "switchyard").rename(tmp_path / "away")
    (tmp_path / "cache" / "switchyard").touch()
    with pytest.raises(BadInputError, match="XDG_CACHE_HOME"):
        state_folder(tmp_path / "one" / "project")


@pytest.mark.skipif(os.getuid() == 0, reason="no permission stops the superuser")
def test_a_folder_without_permission_to_write_counts_as_none(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "project" / ".switchyard").mkdir(parents=True)
    (tmp_path / "project" / ".switchyard").chmod(0o500)
    assert state_folder(tmp_path / "project").parent == tmp_path / "cache" / "switchyard"
