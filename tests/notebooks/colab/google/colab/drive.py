"""Colab mounts a drive; here its folder is there already."""

from pathlib import Path


def mount(mountpoint: str) -> None:
    """Fail where a real drive would not be found either."""
    if not Path(mountpoint, "MyDrive").is_dir():
        raise ValueError(f"There is no drive at {mountpoint}.")
