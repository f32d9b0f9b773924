"""How a run ends: early and well, with an error, with its kernel; and what did not run says so."""

from __future__ import annotations

import sys

import nbformat
import pytest

from aigc_course import reports

ENDS = """\
import os, signal, sys

def end_at_once():
    os._exit(0)

if HOW == "quit": quit()
if HOW == "exit 0": exit(0)
if HOW == "exit False": sys.exit(False)
if HOW == "raise": raise SystemExit
if HOW == "keep": exit(keep_kernel=True)
if HOW == "ask": get_ipython().ask_exit()
if HOW == "shutdown": get_ipython().kernel.do_shutdown(False)
if HOW == "magic": get_ipython().run_cell_magic("capture", "", "exit()")
if HOW == "await": await __import__("asyncio").sleep(0.01); sys.exit()
if HOW == "exit 1": exit(1)
if HOW == "text": sys.exit("no orders today")
if HOW == "text 0": sys.exit("0")
if HOW == "module": import no_such_library.parts
if HOW == "function": end_at_once()
if HOW == "signal": os.kill(os.getpid(), signal.SIGRTMIN + 1)
if HOW == "between": get_ipython().kernel.shell_handlers["execute_request"] = lambda *a: os._exit(3)
"""
EARLY = [
    "quit", "exit 0", "exit False", "raise", "keep", "ask", "shutdown", "magic", "await",
]  # fmt: skip
WRONG = {
    "exit 1": ["SystemExit", "exit code 1"],
    "text": ["no orders today"],
    "text 0": ["SystemExit", "0"],
    "module": ["No module named 'no_such_library'", f"would have to have it: {sys.executable}"],
    "function": ["exit code 0"],
    "signal": ["killed by signal"],
    "between": ["exit code 3", "before the next one began"],
}
CELL = 5  # the one above: a title, the parameters, those that are set, and a first record


@pytest.fixture(scope="module")
def ended(write_template, tmp_path_factory) -> dict[str, reports.Run]:
    """A run for each way to end, in front of cells that are quick."""
    folder = tmp_path_factory.mktemp("endings")
    template = write_template(
        folder / "ends.ipynb",
        'HOW: str = "well"',
        "from aigc_course import reports\nreports.record(before=HOW)",
        ENDS,
        "x = 1",
        "reports.record(after=x)",
    )
    grid = {"HOW": ["well", *EARLY, *WRONG]}
    outcomes = reports.sweep(template, grid=grid, out=folder / "out")
    return {outcome.run.parameters["HOW"]: outcome.run for outcome in outcomes}


@pytest.mark.parametrize("how", EARLY)
def test_an_exit_that_is_none_of_an_error_ends_the_run_well_in_its_cell(ended, how):
    record = ended[how].record
    assert (record.status, record.ended_early, record.failure) == ("done", CELL, None)
    assert record.results == {"before": how}


@pytest.mark.parametrize("how", WRONG)
def test_any_other_end_is_a_failure_of_the_cell_that_caused_it(ended, how):
    record = ended[how].record
    assert (record.status, record.ended_early, record.failure.cell) == ("failed", None, CELL)
    for word in WRONG[how]:
        assert word in str(record.failure)
    assert record.results == {"before": how}
    if WRONG[how][0] in ("exit code 0", "killed by signal"):  # without a traceback, which has it
        assert "cell 4 (" in (ended[how].folder / "log.txt").read_text("utf-8")


def test_a_run_to_the_last_cell_did_not_end_early(ended):
    record = ended["well"].record
    assert (record.ended_early, record.skipped) == (None, [])
    assert record.results == {"before": "well", "after": 1}


def test_to_end_in_the_last_cell_is_no_early_end(write_template, tmp_path):
    template = write_template(tmp_path / "last.ipynb", None, "x = 1", "import sys\nsys.exit(0)")
    run = reports.run(template, out=tmp_path / "out")
    assert (run.done, run.record.ended_early) == (True, None)
    assert "ended early" not in (run.folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("how", "words"),
    [("quit", "the run ended early in cell 4"), ("function", "the run failed in cell 4")],
)
def test_cells_that_were_not_reached_say_so_on_the_page_and_stay_empty(ended, how, words):
    page = (ended[how].folder / "report.html").read_text("utf-8")
    assert page.count(f"Not run: {words}.") == 2
    executed = nbformat.read(ended[how].folder / "executed.ipynb", as_version=4)
    assert [cell.outputs for cell in executed.cells[CELL:]] == [[], []]
    assert "To exit: use" not in page


def test_who_watches_is_told_of_an_early_end_now_and_when_it_is_recognised(
    write_template, tmp_path, aigc
):
    template = write_template(tmp_path / "early.ipynb", None, "exit()", "1 / 0")
    for words in ("done in", "was done before"):
        said = aigc("run", template, "-o", tmp_path / "out")
        assert said.returncode == 0, said.stderr
        assert words in said.stdout
        assert "ended early in cell 2 (exit())" in said.stdout
    assert " done, ended early in cell 2 " in aigc("runs", "-o", tmp_path / "out").stdout
    (page,) = (tmp_path / "out").glob("*/report.html")
    assert "This run ended early</strong>, in cell 2 (exit()), which" in page.read_text("utf-8")


def test_people_are_told_of_a_cell_as_their_own_notebook_counts_it(
    write_template, tmp_path, aigc_command
):
    """Neither a cell that a run adds is counted, nor is one forgotten that a past run added."""
    template = write_template(
        tmp_path / "late.ipynb", "A: int = 1", "B = 2", "\n  \nx = 1 / (A - A)  # <b>", "c = 3"
    )
    notebook = nbformat.read(template, as_version=4)
    past = nbformat.v4.new_code_cell("A = 9", metadata={"tags": ["injected-parameters"]})
    notebook.cells.insert(2, past)
    nbformat.write(notebook, template)
    for given, position in (["-p", "A=2"], 5), ([], 4):
        code, said, _ = aigc_command("run", template, *given, "-o", tmp_path / "out")
        assert (code, said.count("failed: cell 5 (x = 1 / (A - A) # <b>): Zero")) == (1, 1)
        run = reports.load_runs(tmp_path / "out")[-1]
        assert run.record.failure.cell == position
        executed = nbformat.read(run.folder / "executed.ipynb", as_version=4)
        assert "x = 1 /" in executed.cells[position - 1].source
        page = (run.folder / "report.html").read_text("utf-8")
        assert "cell 5 (x = 1 / (A - A) # &lt;b&gt;): Zero" in page
        assert page.count("Not run: the run failed in cell 5.") == 1
        assert "Failed in cell 5 (x =" in aigc_command("show", run.name, "-o", tmp_path / "out")[1]
    assert aigc_command("runs", "-o", tmp_path / "out")[1].count(" failed in cell 5 ") == 2


def test_cells_tagged_to_be_skipped_are_and_the_page_and_the_record_say_so(
    write_template, tmp_path
):
    template = write_template(
        tmp_path / "skips.ipynb",
        "A: float = 1.0",
        "raise RuntimeError('needs the licence server')",
        "from aigc_course import reports\nreports.record(a=A)",
        "1 / 0",
    )
    notebook = nbformat.read(template, as_version=4)
    for place, tags in {
        1: ["parameters", "skip-execution"],  # whose values the others need
        2: ["slow", "skip-execution"],
        4: ["raises-exception"],
    }.items():
        notebook.cells[place].metadata.tags = tags
    nbformat.write(notebook, template)
    run = reports.run(template, {"A": 3.0}, out=tmp_path / "out")
    assert run.done, run.record.failure
    assert run.results == {"a": 3.0}
    assert run.record.skipped == [4]  # one was added for the parameters
    assert str(run.record.own_cell(4)).startswith("cell 3 (raise RuntimeError('needs the ")
    page = (run.folder / "report.html").read_text("utf-8")
    assert page.count("Skipped: cell 3 (raise RuntimeError(") == 1
    assert page.count(" is tagged skip-execution.") == 1
    executed = nbformat.read(run.folder / "executed.ipynb", as_version=4)
    assert executed.cells[3].outputs == []
