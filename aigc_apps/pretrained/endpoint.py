"""Bring your own model: any endpoint that speaks the OpenAI chat protocol.

Off unless ``AIGC_LLM_URL`` says where; ``AIGC_LLM_MODEL`` and ``AIGC_LLM_KEY`` say which model
and with which key. Chapter 6.1 asks it for stories. This is the only module of the package that
may use the network, and it only does so when it is called. Costs, and what becomes of the texts,
are between you and the endpoint.
"""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LONGEST_ANSWER = 1_000_000  # bytes
HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Endpoint:
    """An address, a model there, and a key that is never shown.

    Args:
        url: up to and with ``/v1``, such as ``"http://127.0.0.1:8080/v1"``.
        model: as the endpoint calls it.
        key: sent as a bearer token; empty where none is needed.
        timeout: seconds to wait for an answer.

    Raises:
        ValueError: if the address is none, or a key would travel unencrypted.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    timeout: float = 60.0

    def __post_init__(self):
        try:
            parts = urlsplit(self.url)
            host = parts.hostname
            _ = parts.port  # raises if it is no number
        except ValueError:
            host = None
        if not host or parts.scheme not in ("http", "https") or parts.username:
            raise ValueError(
                "AIGC_LLM_URL is no address of an endpoint: give one such as "
                "http://127.0.0.1:8080/v1, without a name or password in it."
            )
        if self.key and parts.scheme == "http" and host not in HERE:
            raise ValueError(
                f"The key would travel to {host} unencrypted: give AIGC_LLM_URL with https."
            )
        if any(c in self.key for c in "\r\n") or not self.key.isascii():
            raise ValueError("AIGC_LLM_KEY holds characters that no key has: copy it again.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Endpoint:
        """The endpoint that ``AIGC_LLM_URL``, ``AIGC_LLM_MODEL`` and ``AIGC_LLM_KEY`` name.

        Raises:
            ValueError: if the first two are not set, or wrong.
        """
        for name in ("AIGC_LLM_URL", "AIGC_LLM_MODEL"):
            if not environment.get(name):
                raise ValueError(
                    f"{name} is not set: give your endpoint's address in AIGC_LLM_URL, its model "
                    "in AIGC_LLM_MODEL, and a key in AIGC_LLM_KEY if it needs one."
                )
        return cls(
            environment["AIGC_LLM_URL"].rstrip("/"),
            environment["AIGC_LLM_MODEL"],
            environment.get("AIGC_LLM_KEY", ""),
        )

    @property
    def name(self) -> str:
        """The model and its host, for the provenance."""
        return f"{self.model} at {urlsplit(self.url).hostname}"

    def chat(
        self,
        messages: Sequence[dict[str, str]],
        *,
        num_tokens: int,
        temperature: float = 0.8,
        seed: int = 0,
    ) -> str:
        """Answer the last of some messages, each with ``role`` and ``content``.

        Raises:
            ValueError: in one sentence, without the key, if there is no answer in time, a
                refusal, or an answer in another form.
        """
        body = {
            "model": self.model,
            "messages": list(messages),
            "max_tokens": num_tokens,
            "temperature": temperature,
            "seed": seed,
        }
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(
            f"{self.url}/chat/completions", json.dumps(body).encode(), headers, method="POST"
        )
        content = self._read(request)
        try:
            text = json.loads(content)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError):
            text = None
        if not isinstance(text, str):
            raise ValueError(f"{self._where} gave no chat answer: is AIGC_LLM_URL right?")
        return text

    def _read(self, request: urllib.request.Request) -> bytes:
        # A redirect would take the key along to wherever it points.
        opener = urllib.request.build_opener(_NoRedirects)
        try:
            with opener.open(request, timeout=self.timeout) as answer:
                content = answer.read(LONGEST_ANSWER + 1)
        except urllib.error.HTTPError as error:
            raise ValueError(
                f"{self._where} answered {error.code} ({_meaning(error.code)})."
            ) from None
        except (OSError, http.client.HTTPException) as error:  # URLError and time-outs are OSErrors
            reason = getattr(error, "reason", None) or error
            kind = (
                "no answer in time" if isinstance(reason, TimeoutError) else type(reason).__name__
            )
            raise ValueError(
                f"{self._where} could not be reached ({kind}): start it, or correct AIGC_LLM_URL."
            ) from None
        if len(content) > LONGEST_ANSWER:
            raise ValueError(
                f"{self._where} sent more than {LONGEST_ANSWER:,} bytes: ask for less."
            )
        return content

    @property
    def _where(self) -> str:
        parts = urlsplit(self.url)
        return f"The endpoint {parts.scheme}://{parts.hostname}" + (
            f":{parts.port}" if parts.port else ""
        )


def _meaning(status: int) -> str:
    """What an HTTP status says, and what to do (RFC 9110)."""
    if 300 <= status < 400:
        return "it points elsewhere: give its final address in AIGC_LLM_URL"
    if status >= 500:
        return "it failed at its own end: look at its log, or try again later"
    return {
        401: "it does not know the key: correct AIGC_LLM_KEY",
        403: "the key may not use this model: look at AIGC_LLM_KEY and AIGC_LLM_MODEL",
        404: "there is no such address or model: look at AIGC_LLM_URL and AIGC_LLM_MODEL",
        408: "it waited too long for the request: try again",
        413: "the request is too long for it: ask for less",
        429: "too many requests, or the budget is spent: wait, or look at your account there",
    }.get(status, "it refused the request: look at AIGC_LLM_MODEL, which may not take these fields")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None
