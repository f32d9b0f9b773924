"""No command ends in a traceback, whatever it is given: odd words for all its options, by a seed.

``AIGC_ODD_INPUTS=2000`` tries more of them.
"""

from __future__ import annotations

import importlib
import os
import random
import sys
import unicodedata
from pathlib import Path

import pytest
import typer

import aigc_apps
from aigc_apps import command  # before `place` hides where it lies
from aigc_course import cli

NUMBER = int(os.environ.get("AIGC_ODD_INPUTS", "200"))
PARTS = 10
ODD = [
    "", " ", "-", "--", "-1", "0", "1e400", "nan", "９", "٢", "月", "杀人", "true", "null", "{}", "[]",
    "..", "../checkpoints/vae_fashion", "/dev/null", "/proc/1/mem", "/", "~", "con", "a/b/c", "a=b",
    "=", ",", ",,a", "x" * 5000, "[" * 20_000, "{" * 20_000, '{"a": 1, "a": 2}', "[NaN]", "'x'",
    "a\nb", "a\tb", "\x1b[31mred", "\x07", "\x00", "\u202egnp", "\ud800", "\udcff", "𠮷", "🌙", "%s%n",
    "$(id)", "; id", "100000000", "-9" * 20, "1" * 5000, "0x10", "1_000", "*", "?", "<b>", "&amp;",
    "no_such_thing", "vae_fashion ", "VAE_FASHION", "vae_fashion\n", "toy ", "file", "empty", "x.png",
]  # fmt: skip
# An unfinished command would begin work: what it is about must be odd, or there is nothing to do.
FIRST = {"doctor": ["now"], "classroom": ["--root", "empty"], "copy": ["--root", "empty"]}
FIELDS = ["theme", "words", "kind", "times", "heat", "loud", "no-loud", "extra", "parts", "label"]


@pytest.fixture
def place(monkeypatch, tmp_path):
    """A folder of its own with one file and one empty folder; the only application is `toy`."""
    monkeypatch.chdir(tmp_path)
    assert command.aigc_apps is aigc_apps
    for late in ("judging", "notebook", "panel", "saving", "evaluation.records"):
        importlib.import_module(f"aigc_apps.{late}")  # before their place is hidden
    monkeypatch.setattr(aigc_apps, "__path__", [str(Path(__file__).parents[1] / "apps")])
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "empty").mkdir()
    yield tmp_path
    sys.modules.pop("aigc_apps.toy", None)


def odd_words(rng: random.Random) -> list[str]:
    """A command line: a command, and odd words for some of its options and arguments."""
    commands = typer.main.get_command(cli.app).commands
    name = rng.choice(sorted(commands))
    options = [opt for param in commands[name].params for opt in param.opts if opt.startswith("-")]
    words = list(FIRST.get(name, [rng.choice(ODD)]))
    if name == "generate" and rng.random() < 0.6:
        words, options = ["toy", "--theme", "sea"][: rng.choice([1, 3])], [*options, *FIELDS]
    for _ in range(rng.randrange(4)):
        option = rng.choice([*options, "--nothing", "-z", ""])
        option = f"--{option}" if option and not option.startswith("-") else option
        value = rng.choice(ODD)
        form = rng.randrange(4)
        words += [[option, value], [f"{option}={value}"], [value], [option]][form]
    return [name, *words]


@pytest.mark.parametrize("part", range(PARTS))
def test_odd_words_are_answered_in_words(part, place, aigc_command):
    for number in range(part, NUMBER, PARTS):
        words = odd_words(random.Random(number))
        code, out, err = aigc_command(*words)
        shown = [word[:80] for word in words]
        assert code in (0, 1, 2), shown
        assert "Traceback" not in out + err, shown
        assert "cannot import" not in err, shown
        assert code == 0 or (out + err).strip(), shown
        raw = {c for c in err if unicodedata.category(c) == "Cc"} - {"\n", "\t"}
        assert raw == set(), shown
        if code == 2:
            lines = [line for line in err.splitlines() if line.startswith("aigc: ")]
            assert all(len(line) < 1000 for line in lines), shown
    assert (place / "file").read_bytes() == b"old"


@pytest.mark.parametrize("command", sorted(typer.main.get_command(cli.app).commands))
def test_every_command_is_among_those_that_are_tried(command):
    tried = {odd_words(random.Random(number))[0] for number in range(200)}
    assert command in tried
