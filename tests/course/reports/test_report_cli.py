"""The report commands: what they print, how they end, and what they do not load."""

from __future__ import annotations

import json
import sys

import pytest

from aigc_course import reports
from aigc_course.reports import executors, history, progress

COMMAND = "from aigc_course.cli import main; main()"


@pytest.fixture(scope="module")
def folder(toy, tmp_path_factory):
    """A folder of five runs, one of which failed."""
    out = tmp_path_factory.mktemp("cli") / "out"
    reports.sweep(toy, grid={"N": [1, 2], "SEED": [0, 1]}, out=out)
    reports.run(toy, {"END": "raise", "TEXT": "<b>"}, out=out)
    return out


# ---- refusals ------------------------------------------------------------------------


def test_bad_parameters_end_with_2_and_a_line_each(aigc, toy, tmp_path):
    done = aigc("run", toy, "-p", "NN=3", "-p", "SEED=-1", "-p", "END", "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("aigc: ") for line in lines)
    assert "'NN' in toy: did you mean N?" in done.stderr
    assert "SEED is -1: give a whole number, 0 to 4294967295." in done.stderr
    assert "'END' has no value" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_sweep_names_all_problems_of_grid_file_and_parameters(aigc, toy, tmp_path):
    (tmp_path / "p.yaml").write_text("- {N: 0}\n- {TEXT: 3}\n- {NOPE: 1}\n- {N: 0}\n")
    done = aigc(
        "sweep", toy, "--params", tmp_path / "p.yaml", "--grid", "SEED=1,x", "-p", "PAUSE=-1",
        "-o", tmp_path / "out",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 5, done.stderr
    for word in ("N is 0", "TEXT is 3", "'NOPE'", "SEED is 'x'", "PAUSE is -1"):
        assert word in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_refusal_loads_nothing_heavy(toy, fresh_python, tmp_path):
    program = (
        "import sys; from aigc_course import cli\n"
        "try: cli.main()\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'numpy', 'papermill', 'nbconvert', 'nbformat',"
        " 'nbclient', 'IPython', 'jupyter_client', 'distributed', 'pandas'}\n"
        "print(code, *sorted(heavy & set(sys.modules)))"
    )
    done = fresh_python(program, "run", str(toy), "-p", "N=0", "-o", str(tmp_path / "out"))
    assert done.stdout == "2\n"
    assert done.stderr == "aigc: N is 0: give a whole number, 1 to 100.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], ["Which notebook"]),
        (["run", "nowhere.ipynb"], ["nowhere.ipynb"]),
        (["run", "vae_rum"], ["'vae_rum'", "vae_run"]),
        (["sweep", "TOY"], ["--grid", "--resume"]),
        (["sweep", "TOY", "--resume"], ["no sweep of toy"]),
        (["sweep", "TOY", "--resume", "-p", "N=1"], ["leave out -p, --grid"]),
        (["sweep", "TOY", "--resume", "--grid", "N=1,2"], ["leave out -p, --grid"]),
        (["sweep", "TOY", "--resume", "--params", "p.yaml"], ["leave out -p, --grid"]),
        (["sweep", "TOY", "--grid", "N=1,2", "--jobs", "0"], ["jobs is 0"]),
        (["sweep", "TOY", "--params", "gone.yaml"], ["gone.yaml"]),
        (["run", "TOY", "--timeout", "-1"], ["timeout is -1"]),
        (["show", "toy-123"], ["toy-123", "aigc runs"]),
        (["compare", "toy-123"], ["toy-123"]),
        (["compare"], ["nothing to compare"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_what_cannot_be_done_ends_with_2_and_one_line(
    aigc, toy, tmp_path, arguments, words, one_sentence
):
    arguments = [str(toy) if a == "TOY" else a for a in arguments]
    done = aigc(*arguments, "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    one_sentence(done.stderr, "aigc: ", *words)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_runs_that_is_a_file_is_called_one(aigc_command, toy, tmp_path, one_sentence):
    (tmp_path / "afile").write_text("mine")
    for place in ("afile", "afile/deeper"):
        for command in (["run", toy, "-p", "N=1"], ["sweep", toy, "--grid", "N=1,2"]):
            code, out, err = aigc_command(*command, "-o", tmp_path / place)
            assert (code, out) == (2, "")
            one_sentence(err, "it is a file, or in one", "choose another folder with -o")
    assert (tmp_path / "afile").read_text() == "mine"


# ---- help ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_help_shows_the_templates_parameters(aigc, command):
    done = aigc(command, "vae_run", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Parameters of vae_run:" in done.stdout
    assert "LATENT_DIM: int = 16" in done.stdout
    assert "latent dimensions. Give a whole number, 1 to 512." in done.stdout
    assert "Give one of: bernoulli, gaussian." in done.stdout
    assert "Exit codes" in done.stdout


def test_help_without_a_template_shows_the_options(aigc):
    done = aigc("run", "--help")
    assert done.returncode == 0
    assert "--timeout" in done.stdout
    assert "Parameters of" not in done.stdout


# ---- run and sweep -------------------------------------------------------------------


def test_a_run_prints_its_results_and_where_the_report_is(aigc, toy, tmp_path):
    done = aigc("run", toy, "-p", "N=3", "-p", "TEXT=<i>", "-o", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 of 1: toy-" in done.stdout
    assert "(TEXT=<i>) done in " in done.stdout
    assert "score  30" in done.stdout
    assert "report.html" in done.stdout
    again = aigc("run", toy, "-p", "N=3", "-p", "TEXT=<i>", "-o", tmp_path)
    assert again.returncode == 0
    assert "was done before" in again.stdout
    assert "Nothing has changed since 20" in again.stdout
    assert " UTC, so this is the record of then. Looked at: the notebook," in again.stdout
    said = " ".join(again.stdout.split())
    assert "the versions of Python, tensorflow, keras, numpy, ipython. Not looked at: what" in said


def test_a_failing_run_ends_with_1_and_says_where(aigc, toy, tmp_path):
    done = aigc("run", toy, "-p", "END=raise", "-o", tmp_path)
    assert done.returncode == 1
    assert "failed: cell 5 (import contextlib): ValueError: the text is hello" in done.stdout
    assert "report.html" in done.stdout


def test_json_lines_are_for_scripts(aigc, toy, tmp_path):
    done = aigc(
        "sweep", toy, "--grid", "END=well,raise", "-p", "TEXT=a\nb", "-o", tmp_path, "--json"
    )
    assert (done.returncode, done.stderr) == (1, "")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0] == {"event": "planned", "runs": 2, "out": str(tmp_path)}
    ended = {event["status"]: event for event in events if event["event"] == "finished"}
    assert ended["done"]["results"] == {"score": 30, "text": "a\nb"}
    assert "ValueError" in ended["failed"]["message"]
    assert events[-1] == {"event": "ended", "done": 1, "failed": 1, "lost": 0}
    names = {event["run"] for event in events if event["event"] == "finished"}
    assert {event["run"] for event in events if event["event"] == "cell"} == names
    assert all(event["started"].endswith("+00:00") for event in ended.values())


def test_a_sweep_without_a_terminal_prints_plain_lines_and_a_table(aigc, toy, folder):
    done = aigc("sweep", toy, "--grid", "N=1,2", "--grid", "SEED=0,1", "-o", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 of 4: " in done.stdout
    assert "4 done in " in done.stdout
    assert "\r" not in done.stdout
    table = done.stdout.splitlines()[-6:]
    assert table[0].split() == ["N", "runs", "score", "text", "seconds"]
    assert table[2].split()[:6] == ["1", "2", "seeds", "10.5", "±", "0.5"]
    assert table[3].split()[:6] == ["2", "2", "seeds", "20.5", "±", "0.5"]
    assert table[5].startswith("± is the standard error of the mean over the seeds")


# ---- looking at records --------------------------------------------------------------


def test_runs_lists_what_is_finished(aigc, folder, tmp_path):
    done = aigc("runs", "-o", folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert sum(line.startswith("toy-") for line in lines) == 5
    assert sum(" failed in cell 5 " in line for line in lines) == 1
    assert any("N=1 SEED=1" in line for line in lines)
    assert any("score=20 text=hello" in line for line in lines)
    assert max(map(len, lines)) <= 100  # as COLUMNS says
    records = json.loads(aigc("runs", "-o", folder, "--json").stdout)
    assert len(records) == 5
    assert "There are no finished runs" in aigc("runs", "-o", tmp_path / "none").stdout


def test_show_finds_a_run_by_folder_name_or_beginning(aigc, folder):
    (failed,) = [run for run in reports.load_runs(folder) if not run.done]
    for name in (failed.folder, failed.name, failed.name.split("-")[1][:6]):
        done = aigc("show", name, "-o", folder)
        assert done.returncode == 1
        assert "Failed in cell 5 (import contextlib): ValueError: the text is <b>" in done.stdout
        assert "* TEXT   <b>" in done.stdout
    good = next(run for run in reports.load_runs(folder) if run.done)
    done = aigc("show", good.name, "-o", folder, "--json")
    assert done.returncode == 0
    shown = json.loads(done.stdout)
    assert (shown["results"], shown["damaged"]) == (good.results, [])


def test_show_needs_enough_of_a_name(aigc, folder, one_sentence):
    done = aigc("show", "toy-", "-o", folder)
    assert done.returncode == 2
    one_sentence(done.stderr, "5 runs", "give more")


def test_compare_takes_all_runs_or_those_that_are_named(aigc, folder):
    done = aigc("compare", "-o", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Left out (failed): toy-" in done.stdout
    assert len(done.stdout.partition("\n\n")[0].splitlines()) == 2 + 2
    names = [run.name for run in reports.load_runs(folder) if run.done]
    compared = json.loads(aigc("compare", *names[:3], "-o", folder, "--json").stdout)
    assert sum(len(row["runs"]) for row in compared["rows"]) == 3
    assert compared["parameters"] == ["N"]


def test_runs_are_chosen_by_what_they_are(aigc, folder):
    done = aigc("runs", "-o", folder, "--where", "score>=20", "--where", "N=2", "--json")
    assert [run["parameters"]["N"] for run in json.loads(done.stdout)] == [2, 2]
    done = aigc("runs", "-o", folder, "--since", "2100-01-01")
    assert (done.returncode, "no run since 2100-01-01 00:00 UTC" in done.stdout) == (0, True)
    for arguments in (["--where", "NN=2"], ["--template", "tyo"], ["--since", "soon"]):
        done = aigc("runs", "-o", folder, *arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_damaged_record_stops_no_command(aigc, put, tmp_path):
    for number in range(3):
        put(tmp_path, f"toy-{number:012d}", parameters={"N": number}, results={"a": number})
    path = tmp_path / "toy-000000000001" / "run.json"
    path.write_text(path.read_text().replace('"a": 1', '"a": 99'))
    for command in ("runs", "compare"):
        done = aigc(command, "-o", tmp_path)
        assert done.returncode == 1
        assert "toy-000000000001 is damaged" in done.stderr
        assert "99" not in done.stdout
        shown = json.loads(aigc(command, "-o", tmp_path, "--json").stdout)
        assert len(shown if command == "runs" else shown["rows"]) == 2
    put(tmp_path, "other-000000000001")
    done = aigc("runs", "-o", tmp_path, "--template", "tyo")
    assert (done.returncode, done.stdout) == (2, "")
    assert "toy-000000000001 is damaged" in done.stderr.splitlines()[0]
    assert "No run is of 'tyo'" in done.stderr.splitlines()[1]
    done = aigc("show", "toy-000000000001", "-o", tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "a is 99 in the one and 1 in the other" in done.stdout


def test_a_run_takes_its_parameters_from_a_file_and_those_of_the_line_stand_above(
    aigc, toy, tmp_path
):
    (tmp_path / "p.yaml").write_text("N: 5\nTEXT: of the file\n")
    done = aigc(
        "run", toy, "--params", tmp_path / "p.yaml", "-p", "TEXT=mine", "-o", tmp_path / "out"
    )
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = reports.load_runs(tmp_path / "out")
    assert run.results == {"score": 50, "text": "mine"}
    (tmp_path / "p.yaml").write_text("NN: 5\nN: many\n")
    done = aigc("run", toy, "--params", tmp_path / "p.yaml", "-o", tmp_path / "out")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 2)


@pytest.mark.parametrize("command", [["run", "-p"], ["sweep", "--grid"]])
def test_no_value_acts_upon_the_terminal_while_its_run_is_told_of(aigc, toy, tmp_path, command):
    name, option = command
    text = "TEXT=\x1b]0;owned\x07"
    done = aigc(name, toy, option, text, "-p", "END=raise", "-o", tmp_path / "out")
    assert done.returncode == 1, done.stderr
    assert r"\x1b]0;owned\x07" in done.stdout
    assert not {"\x1b", "\x07"} & {*done.stdout, *done.stderr}


@pytest.mark.parametrize("command", ["run", "sweep", "runs", "compare", "show"])
def test_a_folder_without_a_name_is_refused_and_nothing_is_written(
    aigc, toy, tmp_path, command, one_sentence
):
    words = {"run": [toy], "sweep": [toy, "--grid", "N=1,2"], "show": ["x"]}.get(command, [])
    for name in ("", "  "):
        done = aigc(command, *words, "-o", name, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        one_sentence(ValueError(done.stderr), repr(name), "names no folder")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_may_be_at_home_and_its_name_is_told_on_one_line(
    aigc, folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(folder.parent))
    at_home = aigc("runs", "-o", f"~/{folder.name}", cwd=tmp_path)
    assert at_home.stdout == aigc("runs", "-o", folder).stdout
    odd = aigc("runs", "-o", "a\nb", cwd=tmp_path)
    assert odd.stdout == "There are no finished runs in a\\nb.\n"


def test_equal_sets_are_made_once_and_that_is_said(aigc, toy, tmp_path):
    (tmp_path / "p.yaml").write_text("- {N: 1}\n- {N: 1}\n- {N: 1, SEED: 0}\n")
    done = aigc("sweep", toy, "--params", tmp_path / "p.yaml", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "3 sets of parameters were given: equal ones are made once, 1.\n" in done.stdout
    assert "1 of 1: " in done.stdout


# ---- what a terminal would act upon ----------------------------------------------------

ESCAPES = "\x1b[31m\x9b2J\u202e\x7f"


def test_nothing_that_a_terminal_acts_upon_is_printed(aigc_command, write_template, tmp_path):
    """Of a comment, a parameter, an error, a result; and JSON stays JSON."""
    template = write_template(
        tmp_path / "odd.ipynb",
        f'A: str = "x"  # what{ESCAPES} it is\nBAD: bool = False',
        "from aigc_course import reports\nif BAD:\n    raise ValueError(A)\nreports.record(note=A)",
    )
    out = ["-o", tmp_path / "out"]
    sweep = ["sweep", template, "-p", f"A={ESCAPES}", "--grid", "BAD=False,True", *out]
    said = [
        aigc_command(*arguments)
        for arguments in (
            ["run", template, "--help"],
            sweep,
            ["run", template, "-p", f"A={ESCAPES}", *out],
            ["runs", *out],
            ["runs", "--where", f"A={ESCAPES}\n2", *out],
            ["compare", *out],
        )
    ]
    assert [code for code, _, _ in said] == [0, 1, 0, 0, 0, 0]
    for _, printed, errors in said:
        assert not {*ESCAPES} - {*"[31m2J"} & {*printed, *errors}
        assert "\\x1b[31m" in printed
    assert said[4][1].count("\n") == 1
    found = json.loads(aigc_command("runs", "--json", *out)[1])
    assert {run["parameters"]["A"] for run in found} == {ESCAPES}


def test_nor_above_the_bar(capfd):
    bar = progress.Bar()
    bar({"event": "planned", "runs": 2})
    failed = {"event": "finished", "status": "failed", "recognised": False, "run": "toy-0a1b"}
    bar(failed | {"label": f"A={ESCAPES}", "message": f"cell 2: ValueError: {ESCAPES}\nand more"})
    bar({"event": "waiting", "message": f"Waiting for {ESCAPES}"})
    bar.close()
    said = capfd.readouterr().err
    assert "\\x1b[31m" in said
    assert not {"\x1b", "\x9b", "\u202e", "\x7f"} & {*said}


# ---- Ctrl-C ---------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--again"], ["--json"], ["--json", "--again"]], ids=str)
def test_who_stops_a_sweep_is_told_how_much_of_it_is_done(
    aigc_command, toy, folder, ctrl_c, monkeypatch, one_sentence, options
):
    """Four of six are done before; Ctrl-C comes before the workers do."""
    looks, look = [], history._folders
    monkeypatch.setattr(history, "_folders", lambda out: looks.append(out) or look(out))
    monkeypatch.setattr(executors, "makers_for", lambda *_: ctrl_c())
    code, out, err = aigc_command(
        "sweep", toy, "--grid", "N=1,2,3", "--grid", "SEED=0,1", "-o", folder, *options
    )
    assert (code, err) == (130, "")
    assert len(looks) <= 3  # and not one for each run
    done = 0 if "--again" in options else 4
    last = out.splitlines()[-1]
    if "--json" in options:
        assert all(json.loads(line)["event"] for line in out.splitlines())
        stopped = {"event": "stopped", "done": done, "runs": 6, "out": str(folder)}
        assert json.loads(last) == stopped
    else:
        one_sentence(last, f"Stopped with {done} of 6 runs done", "the same command again")


# ---- whose Python ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"kernelspec": {"name": "ir", "language": "R"}}, "'R'"),
        ({"kernelspec": {"name": "x"}, "language_info": {"name": "julia"}}, "'julia'"),
        ({"language_info": {"name": "scala"}}, "'scala'"),
    ],
)
def test_a_notebook_of_another_language_is_refused_before_a_kernel(
    aigc_command, write_template, tmp_path, metadata, words, one_sentence
):
    notebook = json.loads(write_template(tmp_path / "other.ipynb", "A = 1").read_text("utf-8"))
    (tmp_path / "other.ipynb").write_text(json.dumps(notebook | {"metadata": metadata}))
    for command in (["run"], ["sweep", "--grid", "A=1,2"]):
        code, out, err = aigc_command(*command, tmp_path / "other.ipynb", "-o", tmp_path / "out")
        assert (code, out) == (2, "")
        one_sentence(err, words, "in Python")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["mine", "python3"])
def test_another_kernelspec_is_not_used_and_that_is_said_once(
    aigc_command, write_template, tmp_path, name
):
    notebook = json.loads(write_template(tmp_path / "own.ipynb", "A = 1").read_text("utf-8"))
    notebook["metadata"] = {"kernelspec": {"name": name, "language": "python"}}
    (tmp_path / "own.ipynb").write_text(json.dumps(notebook))
    words = ["sweep", tmp_path / "own.ipynb", "--grid", "A=1,2", "-o", tmp_path / "out"]
    code, out, _ = aigc_command(*words)
    assert code == 0
    said = f"do not use its kernelspec 'mine', but this Python, {sys.executable}."
    assert out.count(said) == (name == "mine")
