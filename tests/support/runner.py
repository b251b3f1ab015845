"""Runs the steps of action.yml as GitHub's runner would, without the service.

Each `run:` is a bash of its own, with the variables and files that a runner gives; expressions are
those that the action uses, and no more. Of what comes from GitHub there are stand-ins: the cache is
a folder, artifacts are noted, and `gh` is a program that keeps comments in a file.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from switchyard.system.paths import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = ACTION["runs"]["steps"]

# For `python3 -m venv DIR`: an interpreter, to which pip is only a line in the log.
_PYTHON3 = """#!/bin/bash
[[ $1 == -m && $2 == venv ]] || exec {python} "$@"
mkdir -p "$3/bin"
cp {folder}/programs/venv-python "$3/bin/python"
cp {switchyard} "$3/bin/switchyard"
"""
_VENV_PYTHON = """#!/bin/bash
[[ $1 == -m && $2 == pip ]] && exec printf '%s ' "${{@:2}}" $'\\n'
exec {python} "$@"
"""
_GH = """#!{python}
import json, sys
from pathlib import Path
folder = Path("{folder}")
assert sys.argv[1] == "api"
(folder / "gh.log").open("a").write(json.dumps(sys.argv[2:]) + "\\n")
if (folder / "forbidden").exists():
    sys.exit("gh: Resource not accessible by integration (HTTP 403)")
kept = folder / "comments.json"
comments = json.loads(kept.read_text()) if kept.exists() else []
if "--method" not in sys.argv:
    print(json.dumps(comments[:1]) + json.dumps(comments[1:]))
    sys.exit()
method, where, body = sys.argv[3], sys.argv[4], sys.argv[6].removeprefix("body=@")
text = Path(body).read_text()
if method == "POST":
    comments.append({{"id": 100 + len(comments), "user": {{"type": "Bot"}}, "body": text}})
else:
    (one,) = (one for one in comments if where.endswith(f"/issues/comments/{{one['id']}}"))
    one["body"] = text
kept.write_text(json.dumps(comments))
"""


@dataclass
class Job:
    """How a run of the action ended: `failed` names the step that did. `log` is all that its steps
    printed, `page` the job's summary.
    """

    outputs: dict[str, str] = field(default_factory=dict)
    failed: str = ""
    code: int = 0
    log: str = ""
    page: str = ""
    artifact: dict[str, str] = field(default_factory=dict)


class Runner:
    """`workspace` holds the clone; `switchyard` is what an installation would put there."""

    def __init__(self, folder: Path, workspace: Path, switchyard: Path) -> None:
        self.folder, self.workspace = folder, workspace
        self._programs = folder / "programs"
        self._programs.mkdir(parents=True)
        told = {"python": sys.executable, "folder": folder, "switchyard": switchyard}
        for name, text in (("python3", _PYTHON3), ("venv-python", _VENV_PYTHON), ("gh", _GH)):
            (self._programs / name).write_text(text.format(**told))
            (self._programs / name).chmod(0o755)

    def comments(self) -> list[dict[str, Any]]:
        kept = self.folder / "comments.json"
        return json.loads(kept.read_text()) if kept.exists() else []

    def called(self) -> list[list[str]]:
        """The arguments of each call of `gh api`."""
        log = self.folder / "gh.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def run(
        self, given: dict[str, str] | None = None, *, base: str = "main", number: str = "7"
    ) -> Job:
        """One job of a pull request `number` to the branch `base`; `given` are inputs."""
        defaults = {name: told["default"] for name, told in ACTION["inputs"].items()}
        event = {"pull_request": {"number": number}}
        context = {
            "inputs": defaults | (given or {}), "steps": {},
            "github": {"base_ref": base, "token": "secret", "event": event},
        }  # fmt: skip
        job, temporary = Job(), self.folder / f"temporary-{len(list(self.folder.iterdir()))}"
        temporary.mkdir()
        for step in STEPS:
            if job.failed or not _holds(step.get("if", ""), context):
                continue
            code, outputs = self._step(step, context, temporary, job)
            if "id" in step:
                context["steps"][step["id"]] = {"outputs": outputs}
            if code and not step.get("continue-on-error"):
                job.failed, job.code = step["name"], code
        job.outputs = {n: _filled(o["value"], context) for n, o in ACTION["outputs"].items()}
        page = temporary / "page.md"
        job.page = page.read_text() if page.exists() else ""
        return job

    def _step(
        self, step: dict[str, Any], context: dict[str, Any], temporary: Path, job: Job
    ) -> tuple[int, dict[str, str]]:
        """The exit code and the outputs."""
        given = {name: _filled(str(text), context) for name, text in step.get("with", {}).items()}
        match step.get("uses", "").partition("@")[0]:
            case "actions/cache/restore":
                return 0, {"cache-hit": self._restore(given["key"])}
            case "actions/cache/save":
                self._save(given["key"], given["path"].split())
                return 0, {}
            case "actions/upload-artifact":
                job.artifact = given
                return 0, {}
        outputs = temporary / "outputs"
        outputs.write_text("")
        environment = {name: _filled(str(t), context) for name, t in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.workspace, env=self._environment(temporary, outputs) | environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        )  # fmt: skip
        job.log += done.stdout
        told = (line.partition("=") for line in outputs.read_text().splitlines())
        return done.returncode, {name: value for name, _, value in told}

    def _environment(self, temporary: Path, outputs: Path) -> dict[str, str]:
        return os.environ | {
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "GITHUB_ACTION_PATH": str(ROOT), "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(temporary / "page.md"),
            "GITHUB_REPOSITORY": "owner/project", "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_RUN_ID": "42", "RUNNER_TEMP": str(temporary), "ImageOS": "ubuntu24",
        }  # fmt: skip

    def _save(self, key: str, paths: list[str]) -> None:
        with tarfile.open(self.folder / f"{key}.tar", "w") as archive:
            for path in paths:
                if (self.workspace / path).exists():
                    archive.add(self.workspace / path, path)

    def _restore(self, key: str) -> str:
        kept = self.folder / f"{key}.tar"
        if not kept.exists():
            return ""
        with tarfile.open(kept) as archive:
            archive.extractall(self.workspace, filter="fully_trusted")
        return "true"


def _filled(text: str, context: dict[str, Any]) -> str:
    return re.sub(r"\$\{\{\s*([\w.-]+)\s*\}\}", lambda found: _value(found[1], context), text)


def _value(name: str, context: dict[str, Any]) -> str:
    """What is not there is empty."""
    found: Any = context
    for part in name.split("."):
        found = found.get(part, "") if isinstance(found, dict) else ""
    return str(found)


def _holds(condition: str, context: dict[str, Any]) -> bool:
    """Comparisons with a text, joined by &&."""
    for part in filter(None, map(str.strip, condition.split("&&"))):
        found = re.fullmatch(r"([\w.-]+) (==|!=) '(.*)'", part)
        assert found, f"an expression that no test can judge: {part}"
        if (_value(found[1], context) == found[3]) != (found[2] == "=="):
            return False
    return True
