"""The folder of feedback pages: written where something has changed, and no teacher's edit lost."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

from aigc_course.grading.tables import is_kept_copy, kept_copy
from aigc_utils.files import atomic_path


class Pages:
    """The pages of a class. Use it from one thread at a time.

    Args:
        folder: where they are; it need not be there yet.
        written: the hash of each as it was written last, by file name.

    Attributes:
        said: sentences on pages that were not as they were written.
    """

    def __init__(self, folder: Path, written: Mapping[str, str]) -> None:
        self._folder, self._written = folder, dict(written)
        self.said: list[str] = []

    def write(self, name: str, text: bytes) -> str:
        """Write a page if it is not so already; one that was edited stays while the text does.

        Args:
            name: the file's.
            text: what is to be in it.

        Returns:
            The hash of the text.
        """
        path = self._folder / name
        there = path.read_bytes() if path.is_file() else None
        digest = hashlib.sha256(text).hexdigest()
        if there is None and name in self._written:
            self._say(name, "was gone, and is written again.")
        edited = there is not None and self._is_edited(name, there)
        if there != text and not (edited and digest == self._written.get(name)):
            if edited:
                self._keep(path, there)
            with atomic_path(path) as temporary:
                temporary.write_bytes(text)
        self._written[name] = digest
        return digest

    def remove_all_but(self, names: Collection[str]) -> None:
        """Delete the pages that are nobody's any more; what was edited is kept beside them."""
        for name in self._written.keys() - set(names):
            path = self._folder / name
            if path.is_file() and self._is_edited(name, there := path.read_bytes()):
                self._keep(path, there)
            path.unlink(missing_ok=True)
            del self._written[name]

    def strays(self, names: Collection[str]) -> list[str]:
        """Names of pages in the folder that are none of these and no copy of an edited one."""
        there = [path.name for path in self._folder.glob("*.html")]
        return sorted(n for n in there if n not in names and not is_kept_copy(n))

    def _is_edited(self, name: str, there: bytes) -> bool:
        return hashlib.sha256(there).hexdigest() != self._written.get(name)

    def _keep(self, path: Path, content: bytes) -> None:
        kept = kept_copy(path, content)
        was = "was edited" if path.name in self._written else "was there already"
        self._say(path.name, f"{was}: it is kept in {kept.name}.")

    def _say(self, name: str, what: str) -> None:
        self.said.append(f"{self._folder.name}/{name} {what}")
