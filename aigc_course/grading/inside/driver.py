"""The sandbox's first program: gives up its rights, then drives a kernel for the grader.

It reads requests from standard input, one JSON line each, and answers each with one line: the
first says the limits, the others bring a cell's code and how many seconds it may take, or no code
and how long the kernel is to be watched. It ends when its input does or when its kernel dies. The
submission could take it over, since both are the same user's: then the grader reads nonsense in
place of answers, and that is all.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import queue
import signal
import subprocess
import sys

import psutil

from aigc_course.grading.inside.clock import Clock

MAX_ANSWER = 8 * 2**20  # bytes; a longer line is not read by the grader either
START_SECONDS = 90.0  # for the kernel to answer
GRACE = 4.0  # seconds for a cell to end once it is interrupted
REPLY_SECONDS = 3.0  # for the reply to a cell that has ended
PREPARE = "__import__('aigc_course.grading.inside.agent', fromlist=['x']).make_ready()"
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38


def confine(limits: dict) -> None:
    """Set the limits of this process and its children for good, and stop being root.

    Args:
        limits: ``rlimits``, from a name such as "DATA" to a number; ``uid``, or None to stay.
    """
    import resource  # which Windows lacks: there the grader is to say that there is no sandbox

    # The first to go if the machine runs out of memory.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    for name, value in limits["rlimits"].items():
        with contextlib.suppress(ValueError, OSError, AttributeError):  # macOS lacks some
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    if (uid := limits["uid"]) is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if sys.platform == "linux":
        system = ctypes.CDLL(None)
        system.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        system.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # setuid cleared it, and /proc/self is needed


class Kernel:
    """An IPython kernel, spoken to over Unix sockets: there is no network here."""

    def __init__(self, max_output: int) -> None:
        from jupyter_client import BlockingKernelClient
        from jupyter_client.connect import write_connection_file

        from aigc_course.grading.inside.agent import MEDIA_TYPE

        self.media_type = MEDIA_TYPE
        self.max_output = max_output
        folder = os.path.join(os.environ["TMPDIR"], "kernel")
        os.mkdir(folder, 0o700)
        file = os.path.join(folder, "k.json")
        write_connection_file(
            file, ip=os.path.join(folder, "k"), key=os.urandom(16).hex().encode(), transport="ipc",
            shell_port=1, iopub_port=2, stdin_port=3, hb_port=4, control_port=5,
        )  # fmt: skip
        quiet = ["--HistoryManager.enabled=False", "--log-level=50"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ipykernel_launcher", "-f", file, *quiet],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.client = BlockingKernelClient(connection_file=file)
        self.client.load_connection_file()
        self.client.start_channels(hb=False)  # a busy machine misses beats; we see the process
        self._wait()
        self.run(PREPARE, START_SECONDS)

    def _wait(self) -> None:
        """Wait until the kernel answers and what it publishes arrives; the grader waits as long."""
        clock = self._clock()
        while self.process.poll() is None and clock.had() < START_SECONDS:
            self.client.kernel_info()
            with contextlib.suppress(queue.Empty):
                self.client.get_shell_msg(timeout=1)
                self.client.get_iopub_msg(timeout=1)
                return
        raise RuntimeError("The kernel ended, or the time was over, before it answered.")

    def run(self, code: str, seconds: float) -> dict:
        """Run a cell and say how it ended.

        Args:
            code: the cell's.
            seconds: that it may have, by `Clock`; the grader ends what takes too long by the clock
                on the wall.

        Returns:
            ``status``: "ok"; "error", with ``name`` and ``says`` of the exception; "slow" or
            "flood", if it was interrupted; "stuck", if it could not be; "died"; or "dead", if the
            kernel had ended before. And ``answer``, what the agent published.
        """
        if self.process.poll() is not None:
            return {"status": "dead", "answer": None}
        asked = self.client.execute(
            code, store_history=False, allow_stdin=False, stop_on_error=False
        )
        outcome: dict = {"status": "ok", "answer": None}
        left = self.max_output
        clock, most, interrupted = self._clock(), seconds, False
        while True:
            too_slow = clock.passed() > most and clock.had() > most
            if too_slow and interrupted:
                return {"status": "stuck", "why": outcome["status"], "answer": None}
            if not interrupted and (too_slow or left < 0):
                outcome["status"] = "slow" if too_slow else "flood"
                self.process.send_signal(signal.SIGINT)
                clock, most, interrupted = self._clock(), GRACE, True
            try:
                message = self.client.get_iopub_msg(timeout=0.2)
            except queue.Empty:
                if self.process.poll() is not None:
                    return {"status": "died", "code": self.process.returncode, "answer": None}
                continue
            kind, content = message["msg_type"], message["content"]
            if kind != "status":
                left -= _size(content)
            if message["parent_header"].get("msg_id") != asked:
                continue
            if kind == "error" and outcome["status"] == "ok":
                outcome.update(status="error", **_exception(content))
            elif kind == "display_data" and self.media_type in content["data"]:
                outcome["answer"] = content["data"][self.media_type]
            elif kind == "status" and content["execution_state"] == "idle":
                return outcome if outcome["status"] != "ok" else self._as_replied(outcome, asked)

    def _as_replied(self, outcome: dict, asked: str) -> dict:
        """An outcome of which no error was published, as the kernel's reply has it.

        At the end of its memory a kernel has no room to publish the error; it may not reply either.
        """
        reply = {}
        with contextlib.suppress(queue.Empty):
            while True:  # replies to what was asked before come first
                message = self.client.get_shell_msg(timeout=REPLY_SECONDS)
                if message["parent_header"].get("msg_id") == asked:
                    reply = message["content"]
                    break
        if reply.get("status") == "error":
            return {**outcome, "status": "error", **_exception(reply)}
        if not reply and self.process.poll() is None:
            return {**outcome, "status": "error", **_exception({"ename": "MemoryError"})}
        return outcome

    def _clock(self) -> Clock:
        """A clock for the kernel and what it has started, from now on."""
        kernel = psutil.Process(self.process.pid)

        def family() -> list[psutil.Process]:
            with contextlib.suppress(psutil.Error):
                return [kernel, *kernel.children(recursive=True)]
            return []

        return Clock(family(), family)

    def watch(self, seconds: float) -> dict:
        """Wait and see whether the kernel ends: "ok" or "dead"."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
            return {"status": "dead"}
        return {"status": "ok"}


def _exception(content: dict) -> dict:
    """The name of an exception and the first line of what it says, from a message about it."""
    says = str(content.get("evalue", "")).splitlines() or [""]
    return {"name": str(content.get("ename"))[:80], "says": says[0][:200]}


def _size(content: dict) -> int:
    """About how many characters a message brings, of those that a notebook would show."""
    shown = [content.get("text"), *content.get("data", {}).values(), *content.get("traceback", ())]
    return 200 + sum(len(text) for text in shown if isinstance(text, str))


def main() -> None:
    """Serve the grader's requests."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing that a library prints may get between the answers
    limits = json.loads(sys.stdin.readline())
    confine(limits)
    kernel = Kernel(limits["max_output"])
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)  # the grader reads only what is said before a submission can say something
    print(json.dumps({"status": "ready"}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request["code"] is None:
            outcome = kernel.watch(request["seconds"])
        else:
            outcome = kernel.run(request["code"], request["seconds"])
        text = json.dumps(outcome)
        if len(text) > MAX_ANSWER:
            text = json.dumps({**outcome, "answer": {"failed": "bytes"}})
        print(text, file=answers, flush=True)
        if outcome["status"] in ("died", "dead", "stuck"):
            break
    os._exit(0)


if __name__ == "__main__":
    main()
