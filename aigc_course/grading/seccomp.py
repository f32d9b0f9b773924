"""A filter of system calls for the sandbox: what a notebook never needs and a break-out does.

It closes what the other limits do not see: memory that belongs to no process (memfd, System V),
and namespaces of one's own, in which a submission could mount file systems without a size.
Refused calls fail with EPERM. ``clone3`` fails with ENOSYS, so that the C library falls back to
``clone``, whose flags a filter can read.
"""

from __future__ import annotations

import errno
import platform
import struct

# Linux's numbers, by machine: the audit architecture, then the calls.
_REFUSED = (
    "unshare", "setns", "mount", "umount2", "pivot_root", "memfd_create", "memfd_secret",
    "shmget", "msgget", "add_key", "request_key", "keyctl", "bpf", "perf_event_open",
    "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "ptrace",
    "process_vm_readv", "process_vm_writev", "open_tree", "move_mount", "fsopen", "fsconfig",
    "fsmount",
)  # fmt: skip
_FROM_425 = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "clone3": 435,
    "memfd_secret": 447,
}
_CALLS = {
    "x86_64": {
        "unshare": 272, "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155,
        "memfd_create": 319, "shmget": 29, "msgget": 68, "add_key": 248, "request_key": 249,
        "keyctl": 250, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "ptrace": 101,
        "process_vm_readv": 310, "process_vm_writev": 311, "clone": 56, **_FROM_425,
    },
    "aarch64": {
        "unshare": 97, "setns": 268, "mount": 40, "umount2": 39, "pivot_root": 41,
        "memfd_create": 279, "shmget": 194, "msgget": 186, "add_key": 217, "request_key": 218,
        "keyctl": 219, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282, "ptrace": 117,
        "process_vm_readv": 270, "process_vm_writev": 271, "clone": 220, **_FROM_425,
    },
}  # fmt: skip
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Classic BPF: load a word, compare, compare bits, return.
_LOAD, _EQUAL, _AT_LEAST, _BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_CLONE_NEWUSER = 0x10000000
_X32 = 0x40000000  # the other numbering of calls that x86_64 has


def seccomp_program(machine: str | None = None) -> bytes | None:
    """The filter as ``bwrap --seccomp`` reads it; None for machines that it was not written for.

    Args:
        machine: as `platform.machine` says it; this one by default.
    """
    machine = machine or platform.machine()
    if machine not in _CALLS:
        return None
    calls = _CALLS[machine]
    refuse = _instruction(_RETURN, _ERRNO | errno.EPERM)
    lines = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_EQUAL, _ARCHITECTURES[machine], 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        lines += [_instruction(_AT_LEAST, _X32, 0, 1), refuse]
    for name in _REFUSED:
        lines += [_instruction(_EQUAL, calls[name], 0, 1), refuse]
    lines += [
        _instruction(_EQUAL, calls["clone3"], 0, 1),
        _instruction(_RETURN, _ERRNO | errno.ENOSYS),
        _instruction(_EQUAL, calls["clone"], 0, 3),
        _instruction(_LOAD, _FIRST_ARGUMENT),
        _instruction(_BITS, _CLONE_NEWUSER, 0, 1),
        refuse,
        _instruction(_RETURN, _ALLOW),
    ]
    return b"".join(lines)


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
