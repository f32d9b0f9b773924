"""What made the toy runs whose records tests write by hand."""

from __future__ import annotations

IDENTITY = {
    "notebook": "a" * 64,
    "data": "b" * 64,
    "package": "c" * 64,
    "versions": {"python": "3.11.7", "numpy": "2.4.6"},
}
