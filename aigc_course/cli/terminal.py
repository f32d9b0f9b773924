"""What the commands say: never a codec error, a control character or a page of Python's calls."""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import signal
import sys

import typer

from aigc_course.reports.tables import harmless

LONGEST_LINE = 800  # characters of an error


def prepare_streams() -> None:
    """Let characters that a terminal or a pipe cannot carry be written as JSON writes them.

    So ``--json`` stays JSON. Where names of files and words of commands are read as ASCII (an old
    cluster's C locale), the command begins again with UTF-8.
    """
    if sys.getfilesystemencoding() not in ("utf-8", "utf8") and not sys.flags.utf8_mode:
        again = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execve(sys.executable, again, {**os.environ, "PYTHONUTF8": "1"})
    codecs.register_error("as in JSON", _as_in_json)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not None, as where it is closed
            stream.reconfigure(errors="as in JSON")


def _as_in_json(error: UnicodeError) -> tuple[str, int]:
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def end_as_by_hand() -> None:
    """Let what a batch system sends when the time is up end a command as Ctrl-C does.

    So it says what is kept, and leaves no process behind.
    """
    with contextlib.suppress(ValueError):  # of a thread that is not the main one
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def finish() -> None:
    """Write what is still to be written.

    Raises:
        OSError: if it cannot be, or nobody reads on.
    """
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError:
            sys.stdout = None  # else Python would try again, and print a traceback
            raise


def printable(text: str) -> str:
    """The text with control and direction characters escaped, except line ends and tabs."""
    return "\t".join(map(harmless, text.split("\t")))


def say(text: str) -> None:
    """Print a line, or several."""
    typer.echo(printable(text))


def complain(error: BaseException) -> None:
    """Print what was wrong, a line for each thing, on standard error."""
    for line in in_words(error).split("\n"):  # several if several parameters are wrong
        if line.strip():
            line = printable(line.rstrip())
            if len(line) > LONGEST_LINE:  # of a name of thousands of characters
                line = f"{line[: LONGEST_LINE // 2]} ... {line[-LONGEST_LINE // 2 :]}"
            typer.echo(f"aigc: {line}", err=True)


def in_words(error: BaseException) -> str:
    """An expected failure as a sentence, also where the system's own words are all there is."""
    if isinstance(error, KeyboardInterrupt) and not str(error):
        return "It was stopped before there was anything to keep: make the same call again."
    if isinstance(error, MemoryError):
        return "This machine has too little memory for that: ask for less, or close programs."
    if isinstance(error, OSError) and error.strerror:
        if error.filename is None:  # a sentence of ours, without its number
            return error.strerror
        return f"{error.filename!r} cannot be used ({error.strerror}): look at its name and rights."
    return str(error) or f"Something went wrong without a word ({type(error).__name__})."
