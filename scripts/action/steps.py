"""The steps of action.yml that are more than a line: find the baseline, check, comment.

All they are told comes in variables, and what they find goes to the files that the runner names, so
that nothing from a pull request is ever part of a script. Needs git, and gh to comment.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

VERDICTS = {0: "passed", 1: "regressed", 3: "undecided"}
# What a build depends on beside the commit, its command and its folder.
BUILD_VARIABLES = ("CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS", "ImageOS", "ImageVersion")
NO_RESULT = "## The check could not do its work\n\nThe log says what went wrong.\n"


def baseline() -> None:
    """Outputs the `commit`, and the `key` under which its build is kept."""
    wanted, branch = os.environ["INPUT_BASELINE"], os.environ["BASE_BRANCH"]
    if wanted:
        found = _commit(wanted) or _commit(f"refs/remotes/origin/{wanted}")
    elif branch:
        found = _git("merge-base", f"refs/remotes/origin/{branch}", "HEAD")
    else:
        _fail("this is no pull request: name a baseline")
    if not found:
        _fail(
            f"this clone knows no history of {wanted or branch}: actions/checkout gets all of it "
            "with fetch-depth: 0"
        )
    told = [os.environ.get(name) for name in ("INPUT_BUILD_COMMAND", *BUILD_VARIABLES)]
    digest = hashlib.sha256(json.dumps([str(Path.cwd()), *told]).encode()).hexdigest()[:16]
    _output(commit=found, key=f"switchyard-{found}-{digest}")


def check() -> None:
    """Outputs the exit code as `code`, the `verdict`, and where the `results` are. Whatever the
    verdict is, the step succeeds: the last one of the action tells it.
    """
    results = Path(tempfile.mkdtemp(prefix="check-", dir=os.environ["RUNNER_TEMP"]))
    installed = Path(os.environ["RUNNER_TEMP"], "switchyard", "bin")
    command = [installed / "switchyard", "check", "--out", results]
    command += ["--baseline", os.environ["INPUT_BASELINE"]]
    for option in ("binaries", "build-command"):
        value = os.environ[f"INPUT_{option.upper().replace('-', '_')}"]
        command += [f"--{option}", value] if value else []
    try:
        command += shlex.split(os.environ["INPUT_OPTIONS"])
    except ValueError as error:
        _fail(f"options: {error}")
    # Behind all else: what is built and measured finds the Python that it would find without us.
    path = f"{os.environ['PATH']}:{installed}"
    sys.stdout.flush()
    code = subprocess.run(command, env=os.environ | {"PATH": path}, check=False).returncode
    summary, document = results / "summary.md", results / "check.json"
    _output(
        code=code, verdict=VERDICTS.get(code, "failed"), results=results,
        summary=summary if summary.exists() else "", json=document if document.exists() else "",
    )  # fmt: skip
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a") as page:
        page.write(summary.read_text() if summary.exists() else NO_RESULT)


def comment() -> None:
    """Writes the summary into the comment that an earlier run of this check made, or a new one.

    A pull request from a fork comes with a token that may not: that is told, and is no failure.
    """
    number, summary = os.environ["PULL_REQUEST"], os.environ["SUMMARY"]
    if not number:
        print("no comment: this is no pull request")
        return
    marker = f"<!-- switchyard: {os.environ['INPUT_NAME'].replace('--', '- -')} -->"
    text = Path(summary).read_text() if summary else NO_RESULT
    repository = f"repos/{os.environ['GITHUB_REPOSITORY']}"
    comments = f"{repository}/issues/{number}/comments"
    server, run = os.environ["GITHUB_SERVER_URL"], os.environ["GITHUB_RUN_ID"]
    link = f"{server}/{os.environ['GITHUB_REPOSITORY']}/actions/runs/{run}"
    with tempfile.NamedTemporaryFile("w", suffix=".md") as body:
        body.write(f"{marker}\n{text}\n[The job and its files]({link})\n")
        body.flush()
        try:
            known = _first_of_ours(_gh("--paginate", f"{comments}?per_page=100"), marker)
            where = f"{repository}/issues/comments/{known}" if known else comments
            _gh("--method", "PATCH" if known else "POST", where, "-F", f"body=@{body.name}")
        except (OSError, subprocess.CalledProcessError) as error:
            reason = " ".join((getattr(error, "stderr", "") or str(error)).split())
            print(f"no comment: {reason} (it takes the permission pull-requests: write)")


def _first_of_ours(pages: str, marker: str) -> int | None:
    """Its number. gh prints an array for each page, or one for all. A person's comment that begins
    like ours is left alone.
    """
    while pages := pages.strip():
        page, end = json.JSONDecoder().raw_decode(pages)
        for one in page:
            if one["user"]["type"] == "Bot" and one["body"].startswith(marker):
                return one["id"]
        pages = pages[end:]
    return None


def _git(*arguments: str) -> str:
    """What it prints; nothing if it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _commit(revision: str) -> str:
    return _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")


def _gh(*arguments: str) -> str:
    return subprocess.run(
        ["gh", "api", *arguments], capture_output=True, text=True, check=True
    ).stdout


def _output(**values: object) -> None:
    with Path(os.environ["GITHUB_OUTPUT"]).open("a") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())


def _fail(reason: str) -> NoReturn:
    print(f"switchyard: error: {reason}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    {"baseline": baseline, "check": check, "comment": comment}[sys.argv[1]]()
