"""What a record says of where it was made: the code's hash, and the kind of machine."""

from __future__ import annotations

import sys
import types

import pytest

from aigc_apps import origins
from aigc_apps.origins import code_files, code_sha256

# ---- identities of code ----------------------------------------------------------------


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "package"
    for name in ("__init__.py", "words.yml", "sub/notes.md", "_data/card.py", "picture.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"a\nb\n")
    return folder


def test_code_and_texts_count_and_data_that_a_wheel_carries_does_not(package):
    before = code_sha256(package)
    assert len(before) == 64
    (package / "_data" / "card.py").write_bytes(b"other")
    (package / "picture.png").write_bytes(b"other")
    (package / "words.yml").write_bytes(b"a\r\nb\r\n")  # as git gives it on Windows
    assert code_sha256(package) == before


def test_what_editors_and_systems_leave_in_a_package_does_not_count(package):
    before = code_sha256(package)
    (package / "._words.yml").write_bytes(b"\x00\x05\x16\x07\xff")  # macOS, on foreign disks
    (package / ".ipynb_checkpoints").mkdir()
    (package / ".ipynb_checkpoints" / "a-checkpoint.py").write_bytes(b"a")
    (package / "folder.py").mkdir()
    try:
        (package / ".#a.py").symlink_to("me@here.1:2")  # Emacs, while the file is edited
    except OSError:  # Windows asks for a right; Emacs makes a file there
        (package / ".#a.py").write_bytes(b"me@here.1:2")
    assert [path.name for path in code_files(package)] == ["__init__.py", "notes.md", "words.yml"]
    assert code_sha256(package) == before


@pytest.mark.parametrize("name", ["__init__.py", "words.yml", "sub/notes.md"])
def test_another_word_or_another_name_gives_another_identity(package, name):
    before = code_sha256(package)
    (package / name).write_bytes(b"a\nc\n")
    changed = code_sha256(package)
    (package / name).write_bytes(b"a\nb\n")
    assert code_sha256(package) == before
    (package / name).rename(package / f"new_{name.replace('/', '_')}")
    assert len({before, changed, code_sha256(package)}) == 3


# ---- what the machine is ---------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A function that makes this machine another, by what its system tells: no part of ours."""

    def be(system: str, processor: str, *devices: str, tensorflow_gpus: int | None = None):
        monkeypatch.setattr("platform.system", lambda: system)
        monkeypatch.setattr("platform.machine", lambda: processor)
        monkeypatch.setattr("os.cpu_count", lambda: 8)
        monkeypatch.setattr(origins, "SYSTEM", tmp_path)
        for device in devices:
            path = tmp_path / device
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
        if tensorflow_gpus is not None:
            loaded = types.ModuleType("tensorflow")
            loaded.config = types.SimpleNamespace(
                list_physical_devices=lambda kind: [kind] * tensorflow_gpus * (kind == "GPU")
            )
            monkeypatch.setitem(sys.modules, "tensorflow", loaded)

    return be


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (("Linux", "x86_64"), "x86_64, 8 cores, no GPU"),
        (("Linux", "x86_64", "proc/driver/nvidia/gpus/0000:01:00.0"), "x86_64, 8 cores, 1 GPU"),
        (("Linux", "aarch64", "dev/nvidia0", "dev/nvidia1", "dev/nvidiactl"), "aarch64, 8 cores, 2 GPUs"),
        (("Linux", "x86_64", "dev/nvidiactl", "dev/nvidia-uvm"), "x86_64, 8 cores, no GPU"),
        (("Linux", "x86_64", "sys/bus/pci/drivers/amdgpu/0000:03:00.0"), "x86_64, 8 cores, 1 GPU"),
        (("Linux", "x86_64", "sys/bus/pci/drivers/amdgpu/bind"), "x86_64, 8 cores, no GPU"),
        (("Linux", "x86_64", "dev/dxg"), "x86_64, 8 cores, 1 GPU"),
        (("Darwin", "arm64"), "arm64, 8 cores, 1 GPU"),
        (("Darwin", "x86_64"), "x86_64, 8 cores, GPU not looked for"),
        (("Windows", "AMD64"), "AMD64, 8 cores, GPU not looked for"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "",
)  # fmt: skip
def test_a_machine_is_described_by_its_processor_cores_and_gpus(machine, facts, told):
    machine(*facts)
    assert origins.describe_machine() == told


@pytest.mark.parametrize(("number", "told"), [(0, "no GPU"), (1, "1 GPU"), (4, "4 GPUs")])
def test_where_tensorflow_is_loaded_its_gpus_count(machine, number, told):
    machine("Windows", "AMD64", tensorflow_gpus=number)
    assert origins.describe_machine() == f"AMD64, 8 cores, {told}"


def test_to_describe_the_machine_loads_no_tensorflow(fresh_python):
    program = (
        "import sys; from aigc_apps import origins; "
        "print(origins.describe_machine(), 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    done = fresh_python(program)
    assert done.stdout.split(" cores, ")[1].endswith("False False\n"), done.stderr
