"""The pictures of an executed notebook: `plots.show`'s, matplotlib's own, and drawings."""

from __future__ import annotations

import base64
import binascii
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/svg+xml": "svg", "image/gif": "gif"}
_ADDRESS = re.compile(
    r"data:(?P<kind>image/[\w.+-]+)(?:;[\w=-]+)*?(?P<base64>;base64)?,(?P<data>.*)"
)
_ONLY_A_PICTURE = re.compile(r"\s*<img\b[^>]*>\s*")


@dataclass(frozen=True)
class Picture:
    """A picture that an output shows.

    Attributes:
        media_type: one of `PICTURES`.
        content: the file's bytes.
        alt: what it shows; empty if the notebook does not say.
        alone: whether the output shows nothing else.
    """

    media_type: str
    content: bytes
    alt: str
    alone: bool

    @property
    def address(self) -> str:
        """The picture itself as a ``data:`` address."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.content).decode('ascii')}"


def pictures_of(output: Mapping[str, Any]) -> Iterator[Picture]:
    """The pictures of one output of a cell; one that is damaged is passed over."""
    bundle = output.get("data", {})
    page = bundle.get("text/html", "")
    if "<img" in page:
        from bs4 import BeautifulSoup  # late: a command that only reads records need not wait

        for image in BeautifulSoup(page, "html.parser").find_all("img"):
            found = _ADDRESS.fullmatch("".join(image.get("src", "").split()))
            if found is None or found["kind"] not in PICTURES:
                continue
            content = _decoded(found["data"], bool(found["base64"]))
            if content:
                alone = _ONLY_A_PICTURE.fullmatch(page) is not None
                yield Picture(found["kind"], content, image.get("alt", ""), alone)
        return
    media_type = next((kind for kind in PICTURES if kind in bundle), None)
    if media_type is None:
        return
    content = bundle[media_type]
    picture = content.encode() if "svg" in media_type else _decoded(content, True)
    described = output.get("metadata", {}).get(media_type, {})
    alt = described.get("alt", "") if isinstance(described, Mapping) else ""
    if picture:
        yield Picture(media_type, picture, str(alt), True)


def _decoded(text: str, in_base64: bool) -> bytes:
    """The bytes of a picture's text, or none if it is no such text."""
    if not in_base64:
        return urllib.parse.unquote_to_bytes(text)
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""
