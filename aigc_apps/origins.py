"""What a record says of where it was made: which code, and on what kind of machine.

`aigc_apps.contract`, the recipes and the report runs write it down; no chapter teaches it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from pathlib import Path

_CODE = {".py", ".yml", ".md"}
SYSTEM = Path("/")  # where Linux tells of its devices
GPU_DEVICES = (
    "proc/driver/nvidia/gpus/*",
    "dev/nvidia[0-9]*",  # all that a container is given
    "sys/bus/pci/drivers/amdgpu/[0-9]*",
    "dev/dxg",  # of Windows, in its Linux subsystem
)


def code_files(package: str | os.PathLike) -> list[Path]:
    """The ``.py``, ``.yml`` and ``.md`` files of a package, in the order of their names.

    What begins with a dot belongs to an editor or a system, which may put it there at any time.
    Files in folders that begin with ``_`` count as data that a wheel carries along.
    """
    package = Path(package)
    found = {}
    for path in package.rglob("*"):
        relative = path.relative_to(package)
        hidden = any(part.startswith(".") for part in relative.parts)
        data = any(folder.startswith("_") for folder in relative.parts[:-1])
        if path.suffix in _CODE and not hidden and not data and path.is_file():
            found[relative.as_posix()] = path
    return [found[name] for name in sorted(found)]


def code_sha256(package: str | os.PathLike) -> str:
    """The SHA-256 over names and contents of a package's `code_files`, in hexadecimal.

    Line ends of Windows count as those of other systems; a checkout and a wheel are the same.
    """
    total = hashlib.sha256()
    for path in code_files(package):
        name = path.relative_to(package).as_posix()
        content = path.read_bytes().replace(b"\r\n", b"\n")
        total.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def describe_machine() -> str:
    """This machine for a record of what ran on it: processor, cores and GPUs, and no name."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {_gpus()}"


def _gpus() -> str:
    """How many GPUs there are; nothing is loaded and no program is run to see.

    TensorFlow, where it is loaded, knows those that it may use. Else Linux is asked for the
    devices of its drivers. Windows does not tell.
    """
    if tensorflow := sys.modules.get("tensorflow"):
        number = len(tensorflow.config.list_physical_devices("GPU"))
    elif platform.system() == "Linux":
        number = max(len(list(SYSTEM.glob(devices))) for devices in GPU_DEVICES)
    elif platform.system() == "Darwin" and platform.machine() == "arm64":
        number = 1  # each Apple processor of this kind has one
    else:
        return "GPU not looked for"
    return f"{number or 'no'} GPU{'s' if number > 1 else ''}"
