"""Where a submission runs: a process that can reach nothing, hold little and last a while.

With bubblewrap the submission sees a read-only system and Python, an empty home of its own in
memory, no network and no other process. It is an unprivileged user even when the teacher is
root, and what it has written is gone when it ends. Without bubblewrap only the limits are left.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

import aigc_apps
import aigc_course
import aigc_utils
from aigc_course.grading import seccomp
from aigc_course.grading.inside import driver

HOME = "/home/student"
MIB = 2**20
TICK = 0.2  # seconds between two looks at memory and processes
START_SECONDS = 90.0
# Users for submissions, one for each sandbox that runs at a time; below what systemd gives out,
# and within the 65,536 that containers often have.
FIRST_UID, NUM_UIDS = 65_000, 500
UNPROTECTED = (
    "Without a sandbox a submission can read your files, hidden tests and other submissions "
    "included, change what its user may write, use the network and leave programs behind; only "
    "time, memory and the number of processes are limited."
)


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    Attributes:
        cell_seconds: for one cell.
        probe_seconds: for one call by a hidden test.
        total_seconds: for the whole submission.
        memory_mib: of all its processes together.
        disk_mib: of its home and of its /tmp, each, which are in memory.
        processes: at a time.
        output_chars: that one cell may print or show.
        threads: that libraries are asked to compute with.
    """

    cell_seconds: float = 30.0
    probe_seconds: float = 10.0
    total_seconds: float = 300.0
    memory_mib: int = 3000
    disk_mib: int = 64
    processes: int = 32
    output_chars: int = 20_000_000
    threads: int = 1

    def rlimits(self) -> dict[str, int]:
        """The system's own limits, for each process. DATA makes a hog meet MemoryError."""
        num_threads = 256 + 8 * (os.cpu_count() or 1)
        if os.geteuid() != 0:  # then the user's own programs may count too
            num_threads += _threads_of(os.getuid())
        return {
            "CORE": 0,
            "CPU": int(self.total_seconds) + 1,
            "DATA": self.memory_mib * MIB,
            "FSIZE": self.disk_mib * MIB,
            "NOFILE": 1024,
            "NPROC": num_threads,
        }


class Ended(Exception):
    """The sandbox is gone; the sentence says why, and fits after "it"."""


class Sandbox:
    """One running sandbox with a kernel in it. Use it as a context manager.

    Args:
        limits: what it may use.
        slot: tells sandboxes apart that run at a time.
        bubblewrap: False for none.
        on_close: is told when it is gone.

    Raises:
        Ended: if the kernel does not start.
    """

    def __init__(
        self,
        limits: Limits,
        slot: int = 0,
        *,
        bubblewrap: bool = True,
        on_close: Callable[[Sandbox], object] = lambda _: None,
    ) -> None:
        self._limits = limits
        self._on_close = on_close
        self._buffer = b""
        self._scratch = None
        uid = FIRST_UID + (8 * os.getpid() + slot) % NUM_UIDS if os.geteuid() == 0 else None
        passed: list[int] = []
        if bubblewrap:
            command, passed = _bwrap(limits, uid)
            environment, folder = {}, None
        else:
            self._scratch = tempfile.mkdtemp(prefix="aigc-grade-")
            if uid is not None:
                os.chown(self._scratch, uid, uid)
            os.mkdir(os.path.join(self._scratch, "tmp"))
            if uid is not None:
                os.chown(os.path.join(self._scratch, "tmp"), uid, uid)
            command, folder = _driver(), self._scratch
            environment = _environment(limits, self._scratch, os.path.join(self._scratch, "tmp"))
        self._uid = None if bubblewrap else uid
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd=folder,
                pass_fds=passed,
                start_new_session=True,
            )
        finally:
            for handle in passed:
                os.close(handle)
        os.set_blocking(self._process.stdout.fileno(), False)
        first = {
            "rlimits": limits.rlimits(),
            "uid": uid,
            "max_output": limits.output_chars,
        }
        try:
            self._say(first)
            self._hear(START_SECONDS)
        except BaseException:
            self.close()
            raise

    def run(self, code: str, seconds: float) -> dict:
        """Run a cell; see `aigc_course.grading.inside.driver.Kernel.run` for what it gives.

        Nothing in the answer can be relied on but that it is a dict of JSON.

        Raises:
            Ended: if the sandbox is gone, by itself or because it went past a limit.
        """
        self._say({"code": code, "seconds": seconds})
        reply = self._hear(seconds + 3 * driver.GRACE)
        self._inspect()  # what a cell has left behind is its own
        return reply

    def kill(self) -> None:
        """Kill all that is in it; whoever waits for it is told that it has ended."""
        if self._scratch is not None:
            _kill_all(self._process, self._uid)
            return
        # The first process of the namespace: it ends only when all others in there have.
        first: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(self._process.pid).children()
        for process in first:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if not first:
            self._process.kill()

    def close(self) -> None:
        """Kill all that is in it, wait until that has happened, and clean up."""
        self.kill()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()  # and bubblewrap's death takes the rest along
            self._process.wait()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        self._on_close(self)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _say(self, request: dict) -> None:
        """Send one line, while looking after the sandbox: it may have stopped reading."""
        line = json.dumps(request).encode() + b"\n"
        pipe = self._process.stdin.fileno()
        os.set_blocking(pipe, False)
        deadline = time.monotonic() + START_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_WRITE)
            while line:
                if time.monotonic() > deadline:
                    raise Ended("stopped listening")
                if not selector.select(TICK):
                    self._inspect()
                    continue
                try:
                    line = line[os.write(pipe, line) :]
                except BlockingIOError:
                    continue
                except OSError:
                    raise Ended("ended its own process") from None

    def _hear(self, seconds: float) -> dict:
        """The next line, as a dict."""
        pipe = self._process.stdout.fileno()
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            next_look = 0.0
            while b"\n" not in self._buffer:
                now = time.monotonic()
                if now > deadline:
                    raise Ended("took too long and could not be interrupted")
                if now > next_look:
                    self._inspect()
                    next_look = now + TICK
                if not selector.select(TICK):
                    continue
                piece = os.read(pipe, 2**16)
                if not piece:
                    raise Ended("ended its own process")
                self._buffer += piece
                if len(self._buffer) > driver.MAX_ANSWER + 2**16:
                    raise Ended("sent more than the grader takes")
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise Ended("sent nonsense in place of answers")
        return reply

    def _inspect(self) -> None:
        """Look at what the sandbox's processes use together.

        Raises:
            Ended: if it is too much.
        """
        try:
            everybody = psutil.Process(self._process.pid).children(recursive=True)
        except psutil.Error:
            return  # it has ended, which the pipe will tell
        if len(everybody) > self._limits.processes:
            raise Ended(f"started more than {self._limits.processes} processes")
        most = 1.1 * self._limits.memory_mib * MIB
        # What forked processes share is counted once, but only the slower way.
        if sum(map(_resident, everybody)) > most and sum(map(_own_share, everybody)) > most:
            raise Ended(f"used more than {self._limits.memory_mib} MB of memory")


def find_bubblewrap() -> str | None:
    """Why there can be no sandbox here, in a sentence; None if there can."""
    if sys.platform != "linux":
        return "bubblewrap runs on Linux only"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (on Debian: apt install bubblewrap)"
    command, passed = _bwrap(Limits(), None, ["true"])
    try:
        done = subprocess.run(command, capture_output=True, text=True, pass_fds=passed, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start ({str(error)[:200]})"
    finally:
        for handle in passed:
            os.close(handle)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        return f"bubblewrap does not work on this system ({reason[:200]})"
    return None


def can_drop_root() -> bool:
    """Whether an unprivileged user may run this Python, which is needed without bubblewrap."""
    command = [sys.executable, "-I", "-c", "import aigc_utils, ipykernel"]
    try:
        done = subprocess.run(
            command, capture_output=True, cwd="/", user=FIRST_UID, group=FIRST_UID, extra_groups=[]
        )
    except OSError:
        return False
    return done.returncode == 0


def shown_folders() -> list[Path]:
    """The folders that a submission can read: the system, this Python, the package, its data."""
    package = Path(aigc_utils.__file__).resolve().parent
    ours = [Path(m.__file__).resolve().parent for m in (aigc_utils, aigc_apps, aigc_course)]
    folders = [Path("/usr"), Path(sys.prefix), Path(sys.base_prefix), *ours]
    folders += [Path(entry) for entry in sys.path if entry.endswith("-packages")]
    data = Path(os.environ.get("AIGC_DATA") or package.parent / "data")
    if data.is_dir() and not (package / "_data").is_dir():
        folders.append(data)
    distinct: list[Path] = []
    for folder in dict.fromkeys(path.resolve() for path in folders if path.is_dir()):
        if not any(folder.is_relative_to(other) for other in distinct):
            distinct.append(folder)
    return distinct


def _driver() -> list[str]:
    return [sys.executable, "-I", "-m", "aigc_course.grading.inside.driver"]


def _environment(limits: Limits, home: str, scratch: str) -> dict[str, str]:
    variables = {
        "HOME": home,
        "TMPDIR": scratch,
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
        "IPYTHONDIR": f"{scratch}/ipython",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    for name in ("AIGC_DATA", "KERAS_BACKEND"):
        if name in os.environ:
            variables[name] = os.environ[name]
    for library in ("OMP", "OPENBLAS", "MKL", "TF", "NUMEXPR"):
        names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        for name in names if library == "TF" else (f"{library}_NUM_THREADS",):
            variables[name] = str(limits.threads)
    return variables


def _bwrap(
    limits: Limits, uid: int | None, command: Sequence[str] | None = None
) -> tuple[list[str], list[int]]:
    """The command line, and the file descriptors that it reads and that are to be closed."""
    size = str(limits.disk_mib * MIB)
    folders = shown_folders()
    checks = Path(aigc_course.__file__).resolve().parent / "checks"
    no_checks = Path(driver.__file__).resolve().parent / "no_checks"
    arguments = [
        "bwrap", "--die-with-parent", "--new-session", "--clearenv",
        "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try",
        "--hostname", "sandbox",
    ]  # fmt: skip
    if os.geteuid() == 0:  # the driver needs these two for giving up all
        arguments += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        arguments += ["--unshare-user", "--uid", str(FIRST_UID), "--gid", str(FIRST_UID)]
        arguments += ["--disable-userns"] if _bwrap_knows("--disable-userns") else []
    for name, value in _environment(limits, HOME, "/tmp").items():
        arguments += ["--setenv", name, value]
    # First of all mounts, since a course that lies in /tmp is shown inside it.
    arguments += ["--perms", "1777", "--size", size, "--tmpfs", "/tmp"]
    # Run by root, bubblewrap makes the folders in between so that only root may enter them.
    between = {folder for path in [*folders, Path(HOME)] for folder in path.parents}
    for folder in sorted(between - {Path("/"), Path("/tmp")}):
        arguments += ["--perms", "0755", "--dir", str(folder)]
    for folder in folders:
        arguments += ["--ro-bind", str(folder), str(folder)]
    arguments += ["--ro-bind", str(no_checks), str(checks)] if checks.is_dir() else []
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in (
        "ld.so.cache",
        "ld.so.conf",
        "ld.so.conf.d",
        "alternatives",
        "localtime",
        "mime.types",
    ):
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    number = FIRST_UID if uid is None else uid
    passed = []
    for file, text in {
        "/etc/passwd": f"student:x:{number}:{number}:student:{HOME}:/bin/sh\n",
        "/etc/group": f"student:x:{number}:\n",
    }.items():
        passed.append(_pipe(text.encode()))
        arguments += ["--perms", "0444", "--ro-bind-data", str(passed[-1]), file]
    arguments += [
        "--proc", "/proc", "--dev", "/dev",
        "--perms", "1777", "--size", size, "--tmpfs", "/dev/shm",
        "--perms", "0777", "--size", size, "--tmpfs", HOME,
        "--remount-ro", "/dev", "--remount-ro", "/",
        "--chdir", HOME,
    ]  # fmt: skip
    if (rules := seccomp.program()) is not None:
        passed.append(_pipe(rules))
        arguments += ["--seccomp", str(passed[-1])]
    return [*arguments, "--", *(command or _driver())], passed


def _bwrap_knows(option: str) -> bool:
    done = subprocess.run(["bwrap", "--help"], capture_output=True, text=True)
    return option in done.stdout + done.stderr


def _pipe(content: bytes) -> int:
    """A file descriptor from which ``content`` (less than a pipe holds) can be read."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


def _kill_all(process: subprocess.Popen, uid: int | None) -> None:
    """Kill a process, its descendants, its group and, if it has a user of its own, all of those."""
    found: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        found = psutil.Process(process.pid).children(recursive=True)
    if uid is not None:
        found += [p for p in psutil.process_iter() if _owner(p) == uid]
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    for other in found:
        with contextlib.suppress(psutil.Error):
            other.kill()
    process.kill()


def _resident(process: psutil.Process) -> int:
    """Bytes in memory, shared ones included."""
    with contextlib.suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def _own_share(process: psutil.Process) -> int:
    """Bytes in memory, those that several processes share divided among them."""
    with contextlib.suppress(psutil.Error, AttributeError):  # macOS counts otherwise
        return process.memory_full_info().pss
    return _resident(process)


def _owner(process: psutil.Process) -> int | None:
    with contextlib.suppress(psutil.Error):
        return process.uids().real
    return None


def _threads_of(uid: int) -> int:
    """How many threads a user's processes have now."""
    total = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            total += process.num_threads() if process.uids().real == uid else 0
    return total
