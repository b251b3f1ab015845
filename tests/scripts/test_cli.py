"""The command line loads the command that is asked for and nothing else."""

import subprocess
import sys
from importlib import import_module

import pytest

from switchyard.cli import COMMANDS
from switchyard.system.paths import ROOT

_LOADED = """
import sys
from switchyard import cli
try:
    cli.main(sys.argv[1:])
except SystemExit:
    pass
print(*sys.modules, file=sys.stderr)
"""


def loaded_by(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, *arguments], capture_output=True, text=True, timeout=60,
        check=True, env={"PYTHONPATH": str(ROOT / "scripts")},
    )  # fmt: skip
    assert done.stdout
    return set(done.stderr.split())


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_no_command_is_loaded_to_list_them_all(option: str):
    ours = {name for name in loaded_by(option) if name.startswith("switchyard.")}
    assert ours == {"switchyard.cli", "switchyard.system", "switchyard.system.errors"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_explains_itself_without_what_is_slow_to_load(command: str):
    loaded = loaded_by(command, "--help")
    assert f"switchyard.commands.{command}" in loaded
    assert not loaded & {"numpy", "scipy", "matplotlib", "pandas", "statsmodels", "jinja2", "hdrh"}
    others = {f"switchyard.commands.{other}" for other in COMMANDS if other != command}
    assert not loaded & others


@pytest.mark.parametrize("command", COMMANDS)
def test_the_line_of_a_command_is_the_first_of_its_module(command: str):
    module = import_module(f"switchyard.commands.{command}")
    assert (module.__doc__ or "").splitlines()[0] == COMMANDS[command] + "."
