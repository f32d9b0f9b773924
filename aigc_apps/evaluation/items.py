"""What was measured, item by item: one compact table beside each record, for anybody to recompute.

A row is a claim, an arm, a request, an item of that request, and a value; yes and no are 1 and 0.
"""

from __future__ import annotations

import csv
import dataclasses
import gzip
import hashlib
import io
import math
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from aigc_apps.evaluation.claims import ARMS
from aigc_utils.files import atomic_path

COLUMNS = ("claim", "arm", "request", "item", "value")
MOST_BYTES, MOST_ROWS = 2**26, 2_000_000
ByRequest = dict[str, list[float]]


@dataclasses.dataclass
class Items:
    """Values by claim, arm and request.

    Attributes:
        values: ``values["theme", "generated"]["秋夜"]`` is a list with one value an item.
    """

    values: dict[tuple[str, str], ByRequest] = dataclasses.field(default_factory=dict)

    def add(self, claim: str, arm: str, request: str, values: Iterable[float]) -> None:
        """Add the items of one request.

        Raises:
            ValueError: if the arm is none, or a value is no finite number.
        """
        if arm not in ARMS:
            raise ValueError(f"There is no arm {arm!r}: choose one of {', '.join(ARMS)}.")
        new = [float(value) for value in values]
        if wrong := [value for value in new if not math.isfinite(value)]:
            raise ValueError(
                f"An item of {claim!r} for the request {request!r} is {wrong[0]}: measure it "
                f"again, or leave the item out of all arms."
            )
        # As in the file, so that what is computed before and after it was written is the same.
        new = [float(f"{value:.7g}") for value in new]
        self.values.setdefault((claim, arm), {}).setdefault(request, []).extend(new)

    def of(self, claim: str, arm: str) -> ByRequest:
        """The values of one arm by request; nothing if it was not measured."""
        return self.values.get((claim, arm), {})

    def only(self, requests: Collection[str]) -> Items:
        """The values of some requests; the others are left out of all arms."""
        kept = {
            key: {name: values for name, values in by_request.items() if name in requests}
            for key, by_request in self.values.items()
        }
        return Items({key: by_request for key, by_request in kept.items() if by_request})

    def rows(self) -> str:
        """All values as text, a row each, under `COLUMNS`."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(COLUMNS)
        for (claim, arm), by_request in self.values.items():
            for request, values in by_request.items():
                rows.writerows((claim, arm, request, i, f"{v:.7g}") for i, v in enumerate(values))
        return text.getvalue()

    def sha256(self) -> str:
        """Of `rows`: what a record names its table by."""
        return hashlib.sha256(self.rows().encode("utf-8")).hexdigest()

    def write(self, path: str | os.PathLike) -> None:
        """Write ``.csv.gz``; the same items give the same bytes.

        Raises:
            OSError: if it cannot be written; what was there before is unchanged.
        """
        with atomic_path(path) as temporary:
            # No time and no name inside.
            temporary.write_bytes(gzip.compress(self.rows().encode("utf-8"), 9, mtime=0))

    @classmethod
    def read(cls, path: str | os.PathLike) -> Items:
        """Read what `write` wrote.

        Raises:
            ValueError: if it is damaged, or larger than such a table can be.
            OSError: if it cannot be read.
        """
        path = Path(path)
        try:
            with gzip.open(path) as file:
                data = file.read(MOST_BYTES + 1)
            rows = list(csv.reader(io.StringIO(data.decode("utf-8"))))
        except (EOFError, gzip.BadGzipFile, UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{path} is damaged: restore it with git. ({error})") from error
        if len(data) > MOST_BYTES or len(rows) > MOST_ROWS:
            raise ValueError(f"{path} holds more than {MOST_BYTES:,} bytes: it is no such table.")
        if not rows or tuple(rows[0]) != COLUMNS:
            raise ValueError(f"{path} does not begin with {','.join(COLUMNS)}: restore it.")
        items = cls()
        for line, row in enumerate(rows[1:], start=2):
            try:
                claim, arm, request, _, value = row
                items.add(claim, arm, request, [float(value)])
            except ValueError as error:
                raise ValueError(
                    f"Line {line} of {path} is damaged: restore it. ({error})"
                ) from None
        return items

    def requests(self) -> Mapping[str, None]:
        """The names of all requests, in the order in which they came."""
        return {name: None for by_request in self.values.values() for name in by_request}
