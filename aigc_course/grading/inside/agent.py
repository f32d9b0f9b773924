"""In the submission's kernel: answers one probe, as data.

A submission may do to this whatever it likes: all that leaves here is the answer, and the
answer is judged elsewhere.
"""

from __future__ import annotations

import builtins
import json
import sys

from aigc_course.grading import wire

MEDIA_TYPE = "application/vnd.aigc.answer+json"
_kept: dict[str, object] = {}


def make_ready() -> None:
    """Make the kernel outlive ``exit()``, and show at once what is printed.

    IPython's ``exit`` lets a kernel end a moment after its cell, when another cell runs: here it
    ends its cell alone, as ``sys.exit`` does.
    """
    from IPython import get_ipython

    shell = get_ipython()
    shell.unobserve_all("exit_now")
    shell.ask_exit = _end_cell
    # What is printed is gathered for so long: an endless loop fills memory in ipykernel's 0.2 s.
    sys.stdout.flush_interval = sys.stderr.flush_interval = 0.02
    streams = sys.stdout, sys.stderr

    def give_back(*_: object) -> None:
        # Without them the kernel answers no request any more.
        sys.stdout, sys.stderr = streams

    shell.events.register("post_run_cell", give_back)


def answer(request: str) -> None:
    """Look up or call what the JSON ``request`` names, and publish the result."""
    from IPython import get_ipython

    shell = get_ipython()
    shell.display_pub.publish(data={MEDIA_TYPE: reply(json.loads(request), shell.user_ns)})


def reply(asked: dict, names: dict) -> dict:
    """What a request comes to in a notebook whose variables are ``names``."""
    try:
        return _reply(asked, names)
    except KeyboardInterrupt:
        return {"failed": "slow"}
    except BaseException as error:  # SystemExit too: whatever a learner's function may raise
        return {"raised": _name(error)}


def _reply(asked: dict, names: dict) -> dict:
    first, *attributes = asked["name"].split(".")
    found = _kept if first.startswith("#") else names
    if first not in found:
        return {"missing": first}
    value = found[first]
    for attribute in attributes:
        value = getattr(value, attribute)
    if asked["call"]:
        if value is None or value is Ellipsis:
            return {"value": wire.encode_value(value)}
        if not callable(value):
            return {"failed": "uncallable"}
        arguments = [_argument(item) for item in asked["args"]]
        value = value(*arguments, **{k: _argument(v) for k, v in asked["kwargs"].items()})
    if asked["keep"]:
        _kept[asked["keep"]] = value
        return {"value": None}
    try:
        return {"value": wire.encode_value(value)}
    except wire.NotData as error:
        return {"failed": error.kind}


def _end_cell() -> None:
    raise SystemExit


def _argument(item: object) -> object:
    """Data, or what an earlier request has kept."""
    if isinstance(item, dict) and item.get("$") == "kept":
        return _kept[item["name"]]
    return wire.decode_value(item)


def _name(error: BaseException) -> str:
    """The exception's name if it is Python's own: others could carry a message outside."""
    kinds = (kind for kind in type(error).__mro__ if getattr(builtins, kind.__name__, 0) is kind)
    return next(kinds).__name__
