"""What fails once the cells have ended costs one file and not the run; the same call makes it."""

from __future__ import annotations

import copy
import json
import subprocess

import nbformat
import pytest

from aigc_course import reports
from aigc_course.reports import cells, parts, templates

# A folder in the place of a file is in the way of whoever writes that file, root too.
IN_THE_WAY = """\
from pathlib import Path
from aigc_course import reports
for folder in Path(OUT).glob(".building-*"):
    (folder / FILE).mkdir(exist_ok=True)
    (folder / FILE / "kept").touch()
reports.record(a=A)
reports.record_metrics({"loss": [2.0, 1.0]})"""

FILES = ["executed.ipynb", "results.json", "metrics.csv", "report.html"]


@pytest.fixture
def hindered(write_template, tmp_path):
    """A function that runs a template in which one file cannot be made; its outcome."""
    template = write_template(
        tmp_path / "hindered.ipynb",
        f"A: float = 1.0\nFILE: str = 'report.html'\nOUT: str = {str(tmp_path / 'out')!r}",
        IN_THE_WAY,
    )

    def run(file: str) -> reports.Run:
        (outcome,) = reports.sweep(template, [{"FILE": file}], out=tmp_path / "out")
        return outcome

    return run


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_cannot_be_made_costs_that_file_only(hindered, file, one_sentence):
    outcome = hindered(file)
    assert outcome.status == "failed"
    one_sentence(outcome.message, file, "results are kept")
    record = outcome.run.record
    assert (record.status, record.results) == ("done", {"a": 1.0})
    assert list(record.not_made) == [file]
    assert set(FILES) - {file} <= set(record.files)
    assert reports.load_run(outcome.run.folder).record == record
    assert "Traceback" in (outcome.run.folder / "log.txt").read_text()


def test_the_same_call_makes_what_could_not_be_made_without_running_the_cells(hindered, tmp_path):
    first = hindered("report.html").run
    (first.folder / "report.html" / "kept").unlink()
    (first.folder / "report.html").rmdir()
    again = hindered("report.html")
    assert (again.status, again.recognised, again.message) == (
        "done",
        True,
        "report.html made again",
    )
    assert again.run.record.started == first.record.started
    assert again.run.record.not_made == {}
    assert again.run.damaged() == []
    assert reports.load_run(first.folder).record == again.run.record


def test_a_page_that_was_deleted_is_made_again_from_the_notebook(toy, tmp_path, aigc):
    first = reports.run(toy, out=tmp_path)
    page = (first.folder / "report.html").read_text("utf-8")
    (first.folder / "report.html").unlink()
    said = aigc("run", toy, "-o", tmp_path)
    assert said.returncode == 0, said.stderr
    assert "was done before; report.html made again" in said.stdout
    assert (first.folder / "report.html").read_text("utf-8") == page
    assert reports.load_run(first.folder).record.started == first.record.started


def test_other_files_that_were_deleted_are_made_again_too(toy, tmp_path):
    first = reports.run(toy, out=tmp_path)
    gone = ["results.json", "metrics.csv"]
    for name in gone:
        (first.folder / name).unlink()
    next((first.folder / "figures").iterdir()).unlink()
    (outcome,) = reports.sweep(toy, [{}], out=tmp_path)
    assert (outcome.status, outcome.recognised) == ("done", True)
    assert outcome.message == "results.json, metrics.csv, figures.json made again"
    assert outcome.run.record == first.record
    assert outcome.run.damaged() == []


def test_a_deleted_notebook_is_not_passed_over(toy, tmp_path, one_sentence):
    first = reports.run(toy, out=tmp_path)
    (first.folder / "executed.ipynb").unlink()
    (outcome,) = reports.sweep(toy, [{}], out=tmp_path)
    assert (outcome.status, outcome.recognised) == ("failed", True)
    one_sentence(outcome.message, "executed.ipynb is missing", "--again")
    assert reports.load_run(first.folder) == first


@pytest.mark.parametrize("harm", ["deleted", "changed"])
def test_without_the_notebook_a_deleted_page_is_said_to_be_lost(toy, tmp_path, harm, one_sentence):
    first = reports.run(toy, out=tmp_path)
    (first.folder / "report.html").unlink()
    notebook = first.folder / "executed.ipynb"
    notebook.unlink() if harm == "deleted" else notebook.write_text("{}")
    (outcome,) = reports.sweep(toy, [{}], out=tmp_path)
    assert (outcome.status, outcome.recognised) == ("failed", True)
    one_sentence(
        outcome.message, "report.html", "executed.ipynb is missing or was changed", "--again"
    )
    assert reports.load_run(first.folder) == first  # nothing was written


def test_a_disk_that_fills_up_after_the_cells_leaves_a_record_and_later_a_page(toy, disk):
    folder = disk(60)  # kibibytes; the page alone needs more
    (outcome,) = reports.sweep(toy, [{}], out=folder)
    assert outcome.status == "failed"
    assert list(outcome.run.record.not_made) == ["report.html"]
    assert "could not make report.html (No space left on device);" in outcome.message
    (kept,) = reports.load_runs(folder)
    assert (kept.results["score"], kept.damaged()) == (30, [])
    subprocess.run(["mount", "-o", "remount,size=4m", str(folder)], check=True, timeout=60)
    whole = reports.run(toy, out=folder)
    assert (whole.record.started, whole.record.not_made) == (kept.record.started, {})
    names = {path.name for path in folder.iterdir() if not path.name.startswith("sweep-")}
    assert names == {".locks", whole.name}


# What a notebook, or whoever cleans up beside it, may do to the folder of runs.
HARMS = {
    "a file in its place": "shutil.rmtree(OUT); Path(OUT).touch()",
    "moved away": "Path(OUT).rename(OUT + '2'); Path(OUT).touch()",
    "a run in the way": "shutil.copytree(next(Path(OUT).glob('.b*')), Path(OUT, NAME))",
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_run_that_can_no_longer_be_kept_in_its_folder_is_kept_elsewhere(
    write_template, tmp_path, monkeypatch, harm, one_sentence
):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    template = write_template(
        tmp_path / "harm.ipynb",
        f"OUT: str = {str(tmp_path / 'out')!r}",
        "import shutil\nfrom pathlib import Path\n"
        "NAME = next(Path(OUT).glob('.b*')).name.removeprefix('.building-')[:-9]\n" + HARMS[harm],
        "from aigc_course import reports\nreports.record(a=1.5, b='x')",
    )
    (outcome,) = reports.sweep(template, [{}], out=tmp_path / "out")
    assert outcome.status == "lost"
    (place,) = (tmp_path / "temporary").glob("aigc-kept-*/*")
    one_sentence(outcome.message, tmp_path / "out", f"kept in {place}", "a = 1.5, b = x")
    kept = reports.load_run(place)
    assert (kept.done, kept.results, kept.damaged()) == (True, {"a": 1.5, "b": "x"}, [])
    assert {"executed.ipynb", "results.json", "report.html"} <= set(kept.record.files)


def test_a_folder_that_was_removed_is_made_anew(write_template, tmp_path):
    template = write_template(
        tmp_path / "removes.ipynb",
        f"OUT: str = {str(tmp_path / 'out')!r}",
        "import shutil; shutil.rmtree(OUT)",
        "from aigc_course import reports\nreports.record(a=1)",
    )
    run = reports.run(template, out=tmp_path / "out")
    assert (run.results, run.damaged()) == ({"a": 1}, [])
    assert run.folder.parent == tmp_path / "out"


def test_what_is_no_result_costs_itself_only(write_template, tmp_path):
    template = write_template(
        tmp_path / "odd.ipynb",
        None,
        "from IPython.display import display\nfrom aigc_course import reports\n"
        "display({'application/vnd.aigc.results+json': {'b': []}}, raw=True)\n"
        "display({'application/vnd.aigc.metrics+json': 5}, raw=True)\n"
        "display({'image/png': '?', 'text/plain': 'no picture'}, raw=True)\n"
        "reports.record(a=1)",
    )
    run = reports.run(template, out=tmp_path / "out")
    assert run.record.failure.kind == "results"
    assert run.results == {"a": 1}
    assert {"executed.ipynb", "results.json", "report.html"} <= set(run.record.files)


def test_half_an_emoji_in_an_output_is_kept_as_its_escape(write_template, tmp_path):
    template = write_template(tmp_path / "half.ipynb", None, "print(1)")
    run = reports.run(template, out=tmp_path / "out")
    notebook = nbformat.read(run.folder / "executed.ipynb", as_version=4)
    notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text="\ud83d")]
    with open(tmp_path / "log", "wb") as log:
        not_made = parts.make(
            list(parts.ALL), notebook, run.record, tmp_path, show_code=False, log=log
        )
    assert not_made == {}
    written = json.loads((tmp_path / "executed.ipynb").read_text("utf-8"))
    assert written["cells"][-1]["outputs"][0]["text"] == ["\ud83d"]


# ---- notebooks that some tool wrote wrongly ------------------------------------------


def _set(*place_and_value):
    *place, name, value = place_and_value

    def change(notebook):
        for step in place:
            notebook = notebook[step]
        notebook[name] = value

    return change


ODD = {
    "no display name": _set("metadata", "kernelspec", {"name": "python3"}),
    "no kernelspec": _set("metadata", {}),
    "a kernelspec of their own": _set(
        "metadata", "kernelspec", {"name": "x", "language": "python"}
    ),
    "a list for a kernelspec": _set("metadata", "kernelspec", [1]),
    "a text for the language": _set("metadata", "language_info", "python"),
    "widgets that are gone": _set("metadata", "widgets", {"application/x": "gone"}),
    "authors that are none": _set("metadata", "authors", "me"),
    "no metadata": _set("metadata", None),
    "a text for tags": _set("cells", 2, "metadata", {"tags": "x"}),
    "collapsed by a text": _set("cells", 2, "metadata", {"collapsed": "yes", "name": 4}),
    "no id": _set("cells", 2, "id", None),
    "an id twice": _set("cells", 2, "id", "a"),
    "an odd id": _set("cells", 2, "id", "x y/" * 50),
    "outputs that are none": _set("cells", 2, "outputs", None),
    "a count that is none": _set("cells", 2, "execution_count", "x"),
    "outputs of a text": _set("cells", 0, "outputs", []),
    "an attachment that is none": _set("cells", 0, "attachments", {"a.png": 3}),
    "a heading": _set("cells", 0, "cell_type", "heading"),
    "more than the format has": _set("cells", 2, "trust", True),
    "an older format": _set("nbformat_minor", 0),
    "a newer format": _set("nbformat_minor", 9),
    "a text for the format": _set("nbformat_minor", "5"),
}


@pytest.fixture(scope="module")
def plain(write_template, tmp_path_factory):
    """A notebook as it is in its file."""
    path = write_template(
        tmp_path_factory.mktemp("plain") / "plain.ipynb",
        "A: float = 1.0",
        "from aigc_course import reports\nreports.record(a=A)",
    )
    notebook = json.loads(path.read_text("utf-8"))
    notebook["cells"][1]["id"] = "a"
    return notebook


@pytest.mark.parametrize("what", ODD)
def test_what_decides_no_run_is_mended_before_it(plain, what, tmp_path):
    odd = copy.deepcopy(plain)
    ODD[what](odd)
    (tmp_path / "odd.ipynb").write_text(json.dumps(odd))
    prepared = cells.prepare(templates.find_template(tmp_path / "odd.ipynb"), {"A": 2.0})
    nbformat.validate(prepared)
    assert [cell.source for cell in prepared.cells] == [
        plain["cells"][0]["source"] if isinstance(plain["cells"][0]["source"], str)
        else "".join(plain["cells"][0]["source"]),
        "A: float = 1.0",
        "# Parameters\nA = 2.0",
        "from aigc_course import reports\nreports.record(a=A)",
    ]  # fmt: skip
    assert prepared.metadata.kernelspec.name == "python3"


def test_a_notebook_with_many_oddities_runs(plain, tmp_path):
    odd = copy.deepcopy(plain)
    for what in ("no display name", "widgets that are gone", "an id twice", "a text for tags"):
        ODD[what](odd)
    (tmp_path / "odd.ipynb").write_text(json.dumps(odd))
    run = reports.run(tmp_path / "odd.ipynb", {"A": 2.0}, out=tmp_path / "out")
    assert (run.done, run.results, run.record.not_made) == (True, {"a": 2.0}, {})


def test_of_a_flood_of_lines_the_ends_are_kept_and_the_rest_is_told():
    flood = "first\n" + "x" * 3 * cells.MOST_PRINTED + "\nlast"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print(...)")])
    output = nbformat.v4.new_output("stream", text=flood)
    short = nbformat.v4.new_output("stream", text="short")
    notebook.cells[0].outputs = [output, short]
    cells.shorten_outputs(notebook)
    kept, untouched = (each.text for each in notebook.cells[0].outputs)
    assert kept.startswith("first\nx")
    assert kept.endswith("x\nlast")
    assert f"{len(flood) - cells.MOST_PRINTED:,} characters" in kept
    assert len(kept) < 1.01 * cells.MOST_PRINTED
    assert untouched == "short"
