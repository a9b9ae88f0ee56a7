"""Make the virtual environment: `python tools/bootstrap.py`, called by `make setup`.

Runs on nothing but the standard library.  Creates `.venv`, installs this checkout
with the pins of `constraints.txt`, prepares what the first run would otherwise wait
for, and writes a stamp.  With an equal stamp there is nothing to do.

`uv` is used where it works.  It is an accelerator and nothing else: a `uv` that is
missing, broken or stuck costs at most its time limit, then pip does the work.
"""

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".consilience-installed"
OLDEST = (3, 11)
INSTALL = ["install", "--constraint", "constraints.txt", "--editable", ".[dev]"]
UV_ANSWER_SECONDS = 20.0
UV_INSTALL_SECONDS = float(os.environ.get("UV_INSTALL_SECONDS", "300"))


def say(line: str) -> None:
    """Write one line of progress to standard error."""
    sys.stderr.write(f"setup: {line}\n")
    sys.stderr.flush()


def fingerprint() -> str:
    """Return what the installation depends on, as one line for the stamp."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return f"{digest.hexdigest()} python {version} in {ROOT}"


def is_installed() -> bool:
    """Tell whether `.venv` runs and was made from the present pins, here."""
    return (
        STAMP.is_file()
        and STAMP.read_text(encoding="utf-8") == fingerprint()
        and works([str(PYTHON), "-c", ""], seconds=60.0)
    )


def works(command: list[str], *, seconds: float, quiet: bool = True) -> bool:
    """Run a command; False if it is missing, fails or outlives `seconds`.

    The command gets a process group of its own, so that a stuck one is ended with
    everything it started.
    """
    sink = subprocess.DEVNULL if quiet else None
    try:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    except OSError:
        return False
    try:
        return process.wait(timeout=seconds) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def create(uv: bool) -> None:
    """Create an empty `.venv` for the running interpreter, replacing a stale one."""
    version = ".".join(map(str, sys.version_info[:3]))
    say(f"creating .venv with Python {version}")
    try:
        venv.create(VENV, clear=True, symlinks=True, with_pip=True)
    except (subprocess.CalledProcessError, OSError, ImportError) as fault:
        again = ["uv", "venv", "--clear", "--seed", "--python", sys.executable]
        if uv and works([*again, str(VENV)], seconds=UV_INSTALL_SECONDS):
            return
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit(
            f"setup: cannot create .venv with {sys.executable}: {fault}. On Debian "
            "and Ubuntu install the package python3-venv; or name another "
            "interpreter: make setup PYTHON=/path/to/python3.12"
        )


def install(uv: bool) -> None:
    """Install this checkout and its pinned dependencies, by uv if it works."""
    if uv:
        say("installing with uv")
        command = ["uv", "pip", *INSTALL, "--python", str(PYTHON)]
        if works(command, seconds=UV_INSTALL_SECONDS, quiet=False):
            return
        say("uv did not manage; using pip instead")
    say("installing with pip (a few minutes the first time)")
    pip = [str(PYTHON), "-m", "pip", "--no-input", "--disable-pip-version-check"]
    run([*pip, *INSTALL, "-qq"], "installing failed; see the lines above")


def run(command: list[str], complaint: str) -> None:
    """Run a command in the checkout, or stop the setup with a sentence."""
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(f"setup: {complaint} (exit {done.returncode})")


def matches_venv() -> bool:
    """Tell whether `.venv` is usable by, and of the version of, this interpreter."""
    want = f"{sys.version_info[0]}, {sys.version_info[1]}"
    probe = f"import sys, pip; sys.exit(sys.version_info[:2] != ({want}))"
    return works([str(PYTHON), "-c", probe], seconds=60.0)


def main() -> None:
    """Do what is missing; `--check` only tells, by its exit code, if anything is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if work is due")
    options = parser.parse_args()
    if is_installed():
        return
    if options.check:
        sys.exit(1)
    if sys.version_info < OLDEST:
        sys.exit(f"setup: {sys.executable} is older than Python 3.11")
    uv = works(["uv", "--version"], seconds=UV_ANSWER_SECONDS)
    if not matches_venv():
        create(uv)
    STAMP.unlink(missing_ok=True)
    install(uv)
    say("preparing kernels and the workflow server's home")
    run([str(PYTHON), "-m", "tasks.prepare"], "the preparation step failed")
    STAMP.write_text(fingerprint(), encoding="utf-8")
    say("ready")


if __name__ == "__main__":
    main()
