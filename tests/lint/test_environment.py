"""The doors say the same: pyproject.toml, requirements.lock, environment.yml, Colab's pins."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
JAX_LOCK = (ROOT / "requirements-jax.lock").read_text(encoding="utf-8")
LLM_LOCK = (ROOT / "requirements-llm.lock").read_text(encoding="utf-8")
NBGRADER_LOCK = (ROOT / "requirements-nbgrader.lock").read_text(encoding="utf-8")


def pins(text: str) -> dict[str, list[str]]:
    """Package name to pinned versions (more than one where a marker chooses)."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, flags=re.MULTILINE):
        found.setdefault(canonicalize_name(name), []).append(version)
    return found


ALL = [
    *PROJECT["dependencies"],
    *(r for extra in PROJECT["optional-dependencies"].values() for r in extra),
]


@pytest.mark.parametrize("requirement", ALL)
def test_the_lock_meets_every_requirement(requirement):
    wanted = Requirement(requirement)
    locked = pins(LOCK)[canonicalize_name(wanted.name)]
    assert all(wanted.specifier.contains(version) for version in locked)


@pytest.mark.parametrize(
    ("lock", "least"), [(LOCK, 100), (JAX_LOCK, 2), (LLM_LOCK, 1), (NBGRADER_LOCK, 6)]
)
def test_every_locked_package_has_a_hash_and_no_address(lock, least):
    entries = re.split(r"\n(?=[a-z0-9])", lock.strip(), flags=re.IGNORECASE)
    assert len(entries) >= least
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in lock


@pytest.mark.parametrize(("group", "lock"), [("jax", JAX_LOCK), ("nbgrader", NBGRADER_LOCK)])
def test_what_only_tests_need_is_locked_and_kept_out_of_readers_kernels(group, lock):
    wanted = {canonicalize_name(Requirement(r).name) for r in PYPROJECT["dependency-groups"][group]}
    assert set(pins(lock)) == wanted
    assert not wanted & set(pins(LOCK))


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_colab_already_has_what_the_package_needs(requirement):
    colab = pins((ROOT / "constraints" / "colab.txt").read_text(encoding="utf-8"))
    wanted = Requirement(requirement)
    assert wanted.specifier.contains(colab[canonicalize_name(wanted.name)][0])


def test_conda_door_brings_python_and_pip_and_leaves_the_rest_to_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = [d for d in environment["dependencies"] if isinstance(d, str)]
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    assert [re.split("[=<>]", d)[0] for d in conda] == ["python", "pip"]
    python = conda[0].split("=")[1]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python)
    (editable,) = pip
    extras = re.fullmatch(r"-e \.\[([a-z,]+)\]", editable).group(1).split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])
    assert environment["channels"][-1] == "nodefaults"


def test_all_doors_take_pythons_of_the_same_range():
    wanted = SpecifierSet(PROJECT["requires-python"])
    versions = [f"3.{minor}" for minor in range(8, 20)]
    supported = [version for version in versions if wanted.contains(version)]
    script = (ROOT / "tools" / "install.sh").read_text(encoding="utf-8")
    low, high = re.search(r"\(3, (\d+)\) <= .* <= \(3, (\d+)\)", script).groups()
    assert (f"3.{low}", f"3.{high}") == (supported[0], supported[-1])
    assert [f"3.{minor}" for minor in re.findall(r" python3\.(\d+)", script)][:3] == supported[::-1]
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["dependencies"][0] == "python=3.12"
    assert DEV_CONTAINER["image"].startswith("python:3.12-")
    assert wanted.contains("3.12")


# JSON with comments, each on lines of its own.
DEV_CONTAINER_TEXT = (ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8")
DEV_CONTAINER = json.loads(re.sub(r"(?m)^\s*//.*$", "", DEV_CONTAINER_TEXT))


def test_the_dev_container_says_what_is_known_and_runs_the_install_script():
    # Keys of the development containers' specification that this course may use.
    known = {
        "name", "image", "hostRequirements", "onCreateCommand", "postCreateCommand",
        "forwardPorts", "portsAttributes", "containerEnv", "remoteUser", "customizations",
    }  # fmt: skip
    assert set(DEV_CONTAINER) <= known
    assert set(DEV_CONTAINER["hostRequirements"]) <= {"cpus", "memory", "storage"}
    assert set(DEV_CONTAINER["customizations"]) == {"vscode"}
    assert set(DEV_CONTAINER["customizations"]["vscode"]) <= {"extensions", "settings"}
    assert set(DEV_CONTAINER["portsAttributes"]) == {str(p) for p in DEV_CONTAINER["forwardPorts"]}
    assert DEV_CONTAINER["onCreateCommand"].endswith("; sh tools/install.sh")


@pytest.mark.parametrize("answer", [0, 1], ids=["installed", "no administrator"])
def test_the_dev_container_installs_the_sandbox_and_the_course_without_it_too(tmp_path, answer):
    called = tmp_path / "called.txt"
    for name in ("apt-get", "sh"):
        script = tmp_path / name
        code = answer if name == "apt-get" else 0
        script.write_text(f'#!/bin/bash\necho {name} "$*" >> {called}\nexit {code}\n')
        script.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", DEV_CONTAINER["onCreateCommand"]],
        env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = called.read_text().splitlines()
    assert lines[-1] == "sh tools/install.sh"
    assert any("install" in line and "bubblewrap" in line for line in lines) == (answer == 0)
    assert ("no sandbox" in done.stdout) == (answer == 1)
    # What the sandbox needs besides is said, and not given to everybody.
    assert "--privileged" in DEV_CONTAINER_TEXT
    assert "runArgs" not in DEV_CONTAINER


def test_binder_reads_environment_yml_and_runs_the_install_script_in_it(tmp_path):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert set(environment) == {"name", "channels", "dependencies"}
    # A folder of Binder's own would hide both files from it.
    assert not [name for name in ("binder", ".binder") if (ROOT / name).exists()]
    (tmp_path / "tools").mkdir()
    for name in ("postBuild", "tools/install.sh", "tools/packages.sh", "requirements.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    assert os.access(ROOT / "postBuild", os.X_OK)
    conda, called = tmp_path / "conda", tmp_path / "called.txt"
    (conda / "bin").mkdir(parents=True)
    (conda / "bin" / "python").write_text(f'#!/bin/sh\necho "$*" >> {called}\n')
    (conda / "bin" / "python").chmod(0o755)
    subprocess.run(
        ["sh", "postBuild"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "NB_PYTHON_PREFIX": str(conda)},
        check=True,
        capture_output=True,
        timeout=60,
    )
    installed = re.findall(r"-m pip install .*?((?:-r|--editable) \S+)$", called.read_text(), re.M)
    # First uv alone, with its hash; without it, as here, pip installs all.
    assert re.fullmatch(r"-r .*/uv\.txt", installed.pop(0))
    assert installed == ["-r requirements.lock", "-r requirements-llm.lock", "--editable ."]
    assert (conda / "share" / "jupyter" / "lab" / "settings" / "overrides.json").is_file()
    assert not (tmp_path / ".venv").exists()


def test_no_tracked_file_names_a_registry_or_another_folder():
    # In pieces, so that this file does not contain what it forbids.
    forbidden = ["py" + "pi.org", "python" + "hosted", "registry.npm" + "js", "../sha" + "red"]
    forbidden += ["/wo" + "rk/", "/ro" + "ot/"]
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file() or path.suffix in {".gz", ".h5", ".npz", ".png", ".xz"}:
            continue
        text = path.read_text(encoding="utf-8")
        assert not [word for word in forbidden if word in text], name


def test_repository_stays_small():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    files = [ROOT / name for name in filter(None, listed.stdout.split("\0"))]
    assert sum(path.stat().st_size for path in files if path.is_file()) < 100e6
    weights = [path for path in files if path.name.endswith(".weights.h5") and path.is_file()]
    assert sum(path.stat().st_size for path in weights) < 29e6


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "CONTRIBUTING.md", "CITATION.cff"])
def test_a_stranger_finds_the_usual_files(name):
    assert len((ROOT / name).read_text(encoding="utf-8")) > 300


def test_citation_is_valid_yaml_with_the_project_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert str(citation["version"]) == PROJECT["version"]
    assert {"title", "authors", "license", "message"} <= set(citation)


def test_shell_scripts_parse():
    for path in sorted((ROOT / "tools").glob("*.sh")):
        subprocess.run(["sh", "-n", str(path)], check=True, timeout=60)


def test_an_old_python_is_told_what_to_type(tmp_path):
    fake = tmp_path / "bin"
    fake.mkdir()
    for name in ("python3", "python", "python3.11", "python3.12", "python3.13"):
        script = fake / name
        script.write_text(
            '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.8.18" && exit 0\nexit 1\n'
        )
        script.chmod(0o755)
    done = subprocess.run(
        ["sh", str(ROOT / "tools" / "install.sh")],
        env={"PATH": f"{fake}:/usr/bin:/bin", "PYTHON": "python3"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    first = done.stderr.splitlines()[0]
    assert "Python 3.8.18" in first
    assert "apt-get install" in first


def test_a_python_without_venv_is_told_what_to_type(tmp_path):
    fake = tmp_path / "bin"
    fake.mkdir()
    # Supported, but `import venv, ensurepip` fails, as on Debian without python3-venv.
    script = fake / "python3"
    script.write_text(
        "#!/bin/sh\n"
        'case "$*" in *ensurepip*) exit 1 ;; *"%d.%d"*) echo 3.11 ;; *version_info*) exit 0 ;; esac\n'
    )
    script.chmod(0o755)
    for name in ("python", "python3.11", "python3.12", "python3.13"):
        (fake / name).symlink_to(script)
    done = subprocess.run(
        ["sh", str(ROOT / "tools" / "install.sh")],
        env={"PATH": f"{fake}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "apt-get install python3.11-venv" in done.stderr.splitlines()[0]
