"""What commands say reaches pipes of any encoding, and readers who leave."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from aigc_course import cli
from aigc_course.cli import terminal

PROGRAM = "from aigc_course.cli import main; main()"


@pytest.fixture
def piped(monkeypatch):
    """A function that runs a command whose output goes to a pipe of some encoding."""

    def run(encoding: str, *words: str) -> tuple[int, str, str]:
        out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        err = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        monkeypatch.setattr(sys, "argv", ["aigc", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out.flush()
        err.flush()
        written = [stream.buffer.getvalue().decode(encoding) for stream in (out, err)]
        return ended.value.code or 0, *written

    return run


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "cp437", "utf-8"])
def test_chinese_titles_are_told_to_every_console(piped, encoding):
    code, out, err = piped(encoding, "scenarios")
    assert (code, err) == (0, "")
    assert ("诗歌" in out) == (encoding == "utf-8")
    assert ("\\u8bd7" in out) == (encoding != "utf-8")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_errors_are_told_too(piped, encoding, one_sentence):
    code, out, err = piped(encoding, "scenarios", "月🌙")
    assert (code, out) == (2, "")
    one_sentence(err, "aigc: ", "\\u6708\\ud83c\\udf19", "poetry")


def test_json_stays_json_whatever_the_pipe_carries():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    text = json.dumps({"名": "é±🌙"}, ensure_ascii=False)
    before, sys.stdout = sys.stdout, stream
    try:
        terminal.prepare_streams()
        stream.write(text)
        stream.flush()
    finally:
        sys.stdout = before
    assert json.loads(stream.buffer.getvalue()) == {"名": "é±🌙"}


def test_an_old_c_locale_understands_chinese(fresh_python):
    variables = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = fresh_python(PROGRAM, "scenarios", "月", **variables)
    assert done.returncode == 2
    assert "'月'" in done.stderr


@pytest.mark.parametrize("redirection", ["> /dev/full", ">&-"])
def test_an_output_that_takes_nothing_ends_in_no_traceback(redirection):
    if not Path("/dev/full").exists():
        pytest.skip("Linux only")
    command = f"exec {sys.executable} -c '{PROGRAM}' scenarios {redirection}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1, 2)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", "a\\x00b"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202egnp", "\\u202egnp"),
        ("\udcff", "\\udcff"),
        ("春 é 🌙\tx\n", "春 é 🌙\tx\n"),
        ("👩\u200d🔬", "👩\u200d🔬"),
    ],
)
def test_what_would_steer_a_terminal_is_shown_escaped(text, shown):
    assert terminal.printable(text) == shown


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(28, "Could not write x: free some space."), "Could not write x: free some space."),
        (FileNotFoundError(2, "No such file", "x"), "'x' cannot be used (No such file): look at"),
        (MemoryError(), "This machine has too little memory"),
        (KeyboardInterrupt(), "It was stopped before there was anything to keep"),
        (KeyboardInterrupt("3 of 4 are kept."), "3 of 4 are kept."),
        (ValueError("The seed is -1."), "The seed is -1."),
        (ValueError(), "Something went wrong without a word (ValueError)."),
    ],
    ids=repr,
)
def test_an_error_is_told_in_words_and_without_its_number(error, sentence):
    assert terminal.in_words(error).startswith(sentence)


def test_an_option_with_control_characters_is_not_printed_as_it_is(aigc_command, one_sentence):
    code, _, err = aigc_command("scenarios", "--x\x1b[31m")
    assert code == 2
    one_sentence(err, "no option '--x\\x1b[31m'")
