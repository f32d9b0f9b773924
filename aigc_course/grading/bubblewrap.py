"""What a submission finds around it: bubblewrap's command, files, variables, the course's data.

It sees the system, this Python, the course's packages without their checks, and the data, all
read-only; a home and a /tmp in memory; no network and no process but its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import aigc_apps
import aigc_course
import aigc_utils
from aigc_course.grading import seccomp
from aigc_course.grading.inside import driver
from aigc_course.grading.limits import MIB, Limits
from aigc_utils.data import data_root

HOME = "/home/student"
# Users for submissions, one for each sandbox that runs at a time; below what systemd gives out,
# and within the 65,536 that containers often have.
FIRST_UID, NUM_UIDS = 65_000, 500
SHOWN_OF_ETC = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "mime.types",
)  # fmt: skip
TRY_SECONDS = 30.0  # for a program that does nothing but start


def why_no_sandbox() -> str | None:
    """Why there can be no sandbox here, in a sentence; None if there can."""
    if sys.platform != "linux":
        return (
            "bubblewrap runs on Linux only: grade on a Linux machine, in WSL 2 or in a container, "
            "as workbook/TEACHING.md shows"
        )
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed: apt install bubblewrap, or dnf"
    passed: list[int] = []
    try:
        command, passed = bubblewrap_command(Limits(), None, ["true"])
        done = subprocess.run(
            command, capture_output=True, text=True, pass_fds=passed, timeout=TRY_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start ({str(error)[:200]})"
    finally:
        for handle in passed:
            os.close(handle)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        hint = ""
        if "namespace" in reason or "uid map" in reason:
            hint = "; allow user namespaces for ordinary users, or grade as root"
        return f"bubblewrap does not work on this system ({reason[:200]}){hint}"
    return None


def shown_folders() -> list[Path]:
    """The folders that a submission can read: the system, this Python, our packages, the data."""
    folders = [Path("/usr"), Path(sys.prefix), Path(sys.base_prefix), *_packages()]
    folders += [Path(entry) for entry in sys.path if entry.endswith("-packages")]
    folders.append(data_root())  # AIGC_DATA, or what lies in an installed package, or in a checkout
    distinct: list[Path] = []
    for folder in dict.fromkeys(path.resolve() for path in folders if path.is_dir()):
        if not any(folder.is_relative_to(other) for other in distinct):
            distinct.append(folder)
    return distinct


def check_data_folder() -> None:
    """Refuse an ``AIGC_DATA`` that no submission could read, or that shows more than data.

    Raises:
        ValueError: if it is no folder, or the course's packages, and what lies beside them, are
            inside.
    """
    data = data_root()
    if not data.is_dir():
        raise ValueError(f"The data should be in {data}, which is no folder: correct AIGC_DATA.")
    for package in _packages():
        if package.is_relative_to(data.resolve()):
            raise ValueError(
                f"AIGC_DATA is {data}, which holds the course itself, and every submission can "
                "read it: name the folder of the data alone."
            )


def driver_command() -> list[str]:
    """The first program of a sandbox: `aigc_course.grading.inside.driver`."""
    return [sys.executable, "-I", "-m", "aigc_course.grading.inside.driver"]


def variables_inside(limits: Limits, home: str, scratch: str) -> dict[str, str]:
    """All environment variables that a submission gets; nothing of the teacher's own.

    Args:
        limits: for the number of threads.
        home: its home.
        scratch: its folder for temporary files.
    """
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
    if os.environ.get("AIGC_DATA"):  # as it is called in there, whatever the teacher's folder was
        variables["AIGC_DATA"] = str(data_root().resolve())
    if "KERAS_BACKEND" in os.environ:
        variables["KERAS_BACKEND"] = os.environ["KERAS_BACKEND"]
    for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
        suffix = "_THREADS" if name.startswith("TF") else "_NUM_THREADS"
        variables[name + suffix] = str(limits.threads)
    return variables


def bubblewrap_command(
    limits: Limits, uid: int | None, command: Sequence[str] | None = None
) -> tuple[list[str], list[int]]:
    """The command line, and the file descriptors that it reads and that are to be closed.

    Args:
        limits: for the size of what is in memory.
        uid: the user that the driver becomes; None if an ordinary user runs it.
        command: what runs inside; the driver by default.
    """
    arguments = _namespaces()
    for name, value in variables_inside(limits, HOME, "/tmp").items():
        arguments += ["--setenv", name, value]
    size = str(limits.disk_mib * MIB)
    arguments += _shown(size)
    own_files, passed = _files_of(FIRST_UID if uid is None else uid)
    arguments += own_files
    arguments += [
        "--proc", "/proc", "--dev", "/dev",
        "--perms", "1777", "--size", size, "--tmpfs", "/dev/shm",
        "--perms", "0777", "--size", size, "--tmpfs", HOME,
        "--remount-ro", "/dev", "--remount-ro", "/",
        "--chdir", HOME,
    ]  # fmt: skip
    if (rules := seccomp.seccomp_program()) is not None:
        passed.append(_pipe(rules))
        arguments += ["--seccomp", str(passed[-1])]
    return [*arguments, "--", *(command or driver_command())], passed


def _packages() -> list[Path]:
    """The folders of the three packages."""
    modules = (aigc_utils, aigc_apps, aigc_course)
    return [Path(module.__file__).resolve().parent for module in modules]


def _answers() -> list[Path]:
    """The folders of the checks, with quizzes and exercises and all their answers.

    An editable install has the course in the checkout, and a copy of its texts beside the
    libraries: whatever is called ``aigc_course/checks`` in a place that is shown is hidden.
    """
    libraries = [Path(entry) for entry in sys.path if entry.endswith("-packages")]
    for prefix in (sys.prefix, sys.base_prefix):
        libraries += Path(prefix).glob("lib*/python*/*-packages")
    places = [Path(aigc_course.__file__).parent, *(p / "aigc_course" for p in libraries)]
    found = [place.resolve() / "checks" for place in places]
    return [checks for checks in dict.fromkeys(found) if checks.is_dir()]


def _namespaces() -> list[str]:
    """No network, no process but its own, and no rights that it could use."""
    arguments = [
        "bwrap", "--die-with-parent", "--new-session", "--clearenv",
        "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try",
        "--hostname", "sandbox",
    ]  # fmt: skip
    if os.geteuid() == 0:  # the driver needs these two for giving up all
        return [
            *arguments,
            "--cap-drop",
            "ALL",
            "--cap-add",
            "CAP_SETUID",
            "--cap-add",
            "CAP_SETGID",
        ]
    arguments += ["--unshare-user", "--uid", str(FIRST_UID), "--gid", str(FIRST_UID)]
    return [*arguments, *(["--disable-userns"] if _knows("--disable-userns") else [])]


def _shown(size: str) -> list[str]:
    """The file system: what `shown_folders` names, less the checks, and a little of /etc."""
    folders = shown_folders()
    no_checks = Path(driver.__file__).resolve().parent / "no_checks"
    # First of all mounts, since a course that lies in /tmp is shown inside it.
    arguments = ["--perms", "1777", "--size", size, "--tmpfs", "/tmp"]
    # Run by root, bubblewrap makes the folders in between so that only root may enter them.
    between = {folder for path in [*folders, Path(HOME)] for folder in path.parents}
    for folder in sorted(between - {Path("/"), Path("/tmp")}):
        arguments += ["--perms", "0755", "--dir", str(folder)]
    for folder in folders:
        arguments += ["--ro-bind", str(folder), str(folder)]
    for checks in _answers():
        arguments += ["--ro-bind", str(no_checks), str(checks)]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in SHOWN_OF_ETC:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return arguments


def _files_of(number: int) -> tuple[list[str], list[int]]:
    """The system's lists of users and groups, with one student in each; and what to close."""
    arguments, passed = [], []
    for file, text in {
        "/etc/passwd": f"student:x:{number}:{number}:student:{HOME}:/bin/sh\n",
        "/etc/group": f"student:x:{number}:\n",
    }.items():
        passed.append(_pipe(text.encode()))
        arguments += ["--perms", "0444", "--ro-bind-data", str(passed[-1]), file]
    return arguments, passed


def _knows(option: str) -> bool:
    """Whether this bubblewrap has an option; an old one has fewer."""
    try:
        done = subprocess.run(
            ["bwrap", "--help"], capture_output=True, text=True, timeout=TRY_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"bubblewrap gave no answer in {TRY_SECONDS:g} s: try again.") from None
    return option in done.stdout + done.stderr


def _pipe(content: bytes) -> int:
    """A file descriptor from which ``content`` (less than a pipe holds) can be read."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading
