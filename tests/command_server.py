"""Commands of the user, each in a process of its own that a warm one forks.

A process that imports all and loads the kernels takes seconds; one that is forked from
it takes milliseconds.  So hundreds of real processes can be started and killed.  Run as
``python -m tests.command_server``: reads a command per line, answers with its process
id and then with how it ended.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import icechunk

from flows.cli import main
from storage import repository
from tasks.report import supersede, write_report
from tasks.warm_kernels import warm_kernels

ROOT = Path(__file__).resolve().parents[1]
# What a process says through its pipe, one letter at each turn: the first object of a
# transaction is written, the commit begins, a tag is set, a page takes its place; the
# last of these is over.
WRITE, COMMIT, TAG, PAGE, DONE = "wctp."


@dataclass
class Running:
    """A command that runs: its process group, and where it says what it is doing."""

    server: subprocess.Popen[str]
    pid: int
    pipe: int

    def hear(self) -> str | None:
        """Return what was said since; nothing as yet is None, nobody left is empty."""
        try:
            return os.read(self.pipe, 4096).decode()
        except BlockingIOError:
            return None

    def kill(self) -> None:
        """Send SIGKILL to the process and all it started."""
        os.killpg(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Return the exit status, negative for a signal."""
        os.close(self.pipe)
        assert self.server.stdout is not None
        return int(self.server.stdout.readline())


class CommandServer:
    """Starts commands in processes that are forked from a warm one."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process, self._folder = process, folder

    def start(self, words: Sequence[str]) -> Running:
        """Start ``consilience`` with these words."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        path = self._folder / "said"
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        told = {"words": list(words), "said": str(path), "log": str(self.log)}
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        return Running(self._process, int(self._process.stdout.readline()), pipe)

    @property
    def log(self) -> Path:
        """What the command that was started last printed."""
        return self._folder / "log"


@contextmanager
def command_server(folder: Path, env: dict[str, str]) -> Iterator[CommandServer]:
    """Keep a server for a while, and end it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.command_server"],
        cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield CommandServer(process, folder)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def _main() -> None:
    for module in ("console", "ingest", "nightly", "reconcile"):
        importlib.import_module(f"flows.{module}")
    warm_kernels()
    answers = os.fdopen(os.dup(1), "w")
    _answer(answers, "ready")
    for line in sys.stdin:
        told = json.loads(line)
        pid = os.fork()
        if not pid:
            _run(told)
        _answer(answers, str(pid))
        _, status = os.waitpid(pid, 0)
        _answer(answers, str(os.waitstatus_to_exitcode(status)))


def _answer(stream: Any, text: str) -> None:
    stream.write(f"{text}\n")
    stream.flush()


def _run(told: dict[str, Any]) -> None:
    """Be the command: in a session of its own, saying what it does."""
    os.setsid()
    log = os.open(told["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    said = os.open(told["said"], os.O_WRONLY)
    _speak(lambda letter: os.write(said, letter.encode()))
    os.write(said, DONE.encode())
    sys.argv = ["consilience", *told["words"]]
    status = 1
    try:
        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except Exception:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _speak(say: Callable[[str], object]) -> None:
    """Have the steps that change a store or a page say so, before and after."""
    last = [DONE]

    def tell(letter: str) -> None:
        if last[0] != letter:
            last[0] = letter
            say(letter)

    def spoken(letter: str | None, work: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(work)
        def run(*arguments: Any, **options: Any) -> Any:
            if letter is not None:
                tell(letter)
            try:
                return work(*arguments, **options)
            finally:
                tell(DONE)

        return run

    written = icechunk.IcechunkStore.set

    async def write(store: Any, *arguments: Any, **options: Any) -> None:
        tell(WRITE)
        await written(store, *arguments, **options)

    icechunk.IcechunkStore.set = write
    icechunk.Session.commit = spoken(COMMIT, icechunk.Session.commit)
    icechunk.Repository.create_tag = spoken(TAG, icechunk.Repository.create_tag)
    repository.try_commit = spoken(None, repository.try_commit)
    for module in (write_report, supersede):
        module.write_whole = spoken(PAGE, module.write_whole)


if __name__ == "__main__":
    _main()
