"""A headless Chromium for tests, or the reason why there is none. Nothing of it is left behind."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from living import processes_of, wait_until

_BROWSERS = ("chromium", "google-chrome", "google-chrome-stable")
_TIMEOUT_S = 60


def missing() -> str | None:
    """Why no browser can be driven here; None where one can."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed: scripts/setup.sh --tests adds it"
    for names in (_BROWSERS, ("chromedriver",)):
        path = _found(names)
        if not path:
            return f"no {names[0]} on PATH (on Debian scripts/setup.sh --tests adds it)"
        if not _runs(path):
            return f"{path} does not run"
    return None


def _found(names: tuple[str, ...]) -> str | None:
    """A snap is none: it can't read the folders of tests."""
    paths = [path for name in names if (path := shutil.which(name))]
    return next((path for path in paths if "/snap/" not in str(Path(path).resolve())), None)


def _runs(path: str) -> bool:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator["object"]:
    """A selenium driver of a browser whose profile is in `folder`."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    profile = folder / "profile"
    options = Options()
    options.binary_location = _found(_BROWSERS)
    for argument in (
        "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--disable-component-update",
        "--force-color-profile=srgb", "--window-size=1280,900", f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(argument)
    if os.geteuid() == 0:  # the sandbox refuses root
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service(_found(("chromedriver",)), log_output=str(folder / "chromedriver.log"))
    try:
        driver = webdriver.Chrome(options=options, service=service)
        driver.set_page_load_timeout(_TIMEOUT_S)
        driver.set_script_timeout(_TIMEOUT_S)
        try:
            yield driver
        finally:
            driver.quit()
    finally:
        started = getattr(service, "process", None)
        _end(str(profile), [started.pid] if started and started.poll() is None else [])


def _end(mark: str, pids: list[int]) -> None:
    """Ends these, and what has the mark in its command line, by their ids."""
    for pid in [*pids, *processes_of(mark)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not processes_of(mark), "the browser ends")
