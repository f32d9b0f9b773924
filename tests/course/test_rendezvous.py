"""Workers find each other before TensorFlow starts, or are told who is missing."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from aigc_course.train import rendezvous
from aigc_course.train.rendezvous import meet

SECONDS = 60  # what no machine needs


def free_addresses(number: int) -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


@pytest.mark.parametrize("number", [2, 4])
def test_workers_that_come_meet_and_leave_their_ports_free(number):
    workers = free_addresses(number)
    with ThreadPoolExecutor(number) as pool:
        meetings = [pool.submit(meet, workers, index, SECONDS) for index in range(number)]
        for meeting in meetings:
            assert meeting.result(SECONDS) is None
    for worker in workers:
        socket.create_server(("127.0.0.1", int(worker.rpartition(":")[2]))).close()


def test_who_does_not_come_is_named(one_sentence):
    workers = free_addresses(3)
    with ThreadPoolExecutor(2) as pool:
        meetings = [pool.submit(meet, workers, index, 2) for index in (0, 2)]
        for meeting in meetings:
            with pytest.raises(OSError, match="did not answer") as caught:
                meeting.result(SECONDS)
            one_sentence(caught.value, "After 2 seconds", workers[1], "--index")
            assert workers[0] not in str(caught.value)


def test_who_is_waited_for_is_said_again_and_again(monkeypatch):
    monkeypatch.setattr(rendezvous, "_FIRST", 0.3)
    monkeypatch.setattr(rendezvous, "_EVERY", 0.5)
    workers, said = free_addresses(3), []
    with ThreadPoolExecutor(2) as pool:
        others = pool.submit(meet, workers, 2, 3)
        with pytest.raises(OSError, match="did not answer"):
            meet(workers, 0, 3, said.append)
        with pytest.raises(OSError, match="did not answer"):
            others.result(SECONDS)
    assert len(said) > 1
    assert all(words.startswith(f"Waiting for {workers[1]} (") for words in said[1:])
    assert "s of at most 3): start this command there" in said[-1]


def test_the_command_says_whom_it_waits_for_and_ends_by_ctrl_c(tmp_path):
    workers = free_addresses(2)
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from aigc_course.cli import main; main()"
    )
    command = ["train", "vae_fashion_2d", "--workers", ",".join(workers), "-o", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        first = process.stdout.readline()  # or nothing, when it ends
        process.send_signal(signal.SIGINT)
        rest = "".join(process.communicate(timeout=SECONDS))
    finally:
        process.kill()
        process.wait(timeout=SECONDS)
    assert first.startswith(f"Waiting for {workers[1]} (")
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
    assert "tensorflow" not in rest


def test_another_program_on_the_port_is_no_worker(one_sentence):
    stranger = socket.create_server(("127.0.0.1", 0))
    other = f"127.0.0.1:{stranger.getsockname()[1]}"
    with stranger, pytest.raises(OSError, match="did not answer") as caught:
        meet([*free_addresses(1), other], 0, 1)
    one_sentence(caught.value, other)


def test_what_strangers_say_is_not_heard():
    workers = free_addresses(2)
    with ThreadPoolExecutor(1) as pool:
        meeting = pool.submit(meet, workers, 0, 3)
        for words in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"",
            b"aigc worker 7\n",
            b"aigc worker 99999999\n",
        ):
            say(workers[0], words)
        with pytest.raises(OSError, match="did not answer"):
            meeting.result(SECONDS)


def say(worker: str, words: bytes) -> None:
    host, _, port = worker.rpartition(":")
    for _ in range(100):
        try:
            with socket.create_connection((host, int(port)), timeout=0.1) as connection:
                connection.sendall(words)
                return
        except OSError:
            continue


def test_a_port_that_is_taken_is_said_to_be(one_sentence):
    workers = free_addresses(2)
    port = workers[0].rpartition(":")[2]
    with (
        socket.create_server(("", int(port))),
        pytest.raises(OSError, match="cannot be used") as caught,
    ):
        meet(workers, 0, 1)
    one_sentence(caught.value, port)
