"""One run: its record is whole, says the truth, and is never mistaken for a finished one."""

from __future__ import annotations

import ast
import csv
import errno
import json
import re
import subprocess
import sys
import time

import nbformat
import pytest
from nbformat import v4

from aigc_course import reports
from aigc_course.reports import (
    execution,
    export,
    folders,
    identities,
    results,
    runner,
    templates,
)

NASTY = "<script>alert(1)</script> \"'\\ ../../etc \n\t$x^2$ {{ 7*7 }} {% raw %} 中文 \\N{BULLET}"


@pytest.fixture(scope="module")
def nasty(timed_nasty) -> reports.Run:
    """A run whose text parameter tries everything."""
    return timed_nasty[0]


@pytest.fixture(scope="module")
def timed_nasty(toy, tmp_path_factory) -> tuple[reports.Run, float]:
    """That run, and the seconds that it took as seen from outside."""
    out = tmp_path_factory.mktemp("nasty") / "out"
    begun = time.perf_counter()
    run = reports.run(toy, {"TEXT": NASTY, "N": 4}, out=out)
    return run, time.perf_counter() - begun


# ---- the record ----------------------------------------------------------------------


def test_a_run_leaves_a_whole_record(nasty):
    files = {p.relative_to(nasty.folder).as_posix() for p in nasty.folder.rglob("*") if p.is_file()}
    assert files == {
        "executed.ipynb", "figures/figure-01.png", "figures.json", "log.txt", "metrics.csv",
        "report.html", "results.json", "run.json",
    }  # fmt: skip
    assert nasty.done
    assert nasty.damaged() == []
    assert set(nasty.record.files) == files - {"run.json"}
    assert nasty.results == {"score": 40, "text": NASTY}
    assert json.loads((nasty.folder / "results.json").read_text("utf-8")) == nasty.results
    with open(nasty.folder / "metrics.csv", newline="") as file:
        assert list(csv.reader(file)) == [
            ["step", "loss"], ["1", "1.0"], ["2", "0.5"], ["3", str(1 / 3)], ["4", "0.25"],
        ]  # fmt: skip
    (figure,) = json.loads((nasty.folder / "figures.json").read_text("utf-8"))
    assert figure["alt"] == "A picture of one point, in red."
    assert (nasty.folder / figure["file"]).read_bytes().startswith(b"\x89PNG")


def test_the_record_says_what_decided_the_run_and_names_no_host(nasty, timed_nasty):
    import getpass
    import platform

    record = nasty.record
    assert re.fullmatch(r"toy-[0-9a-f]{12}", record.name)
    assert record.parameters == {
        "N": 4, "TEXT": NASTY, "SEED": 0, "PAUSE": 0.0, "END": "well",
    }  # fmt: skip
    assert record.changed == ["N", "TEXT"]
    assert {"python", "tensorflow", "keras", "numpy", "aigc_utils"} <= set(record.identity.versions)
    assert 0 < record.seconds < record.total_seconds < timed_nasty[1]
    text = (nasty.folder / "run.json").read_text("utf-8")
    assert platform.node() not in text
    if getpass.getuser() != "root":
        assert getpass.getuser() not in text
    assert str(nasty.folder.parent) not in text


def test_the_executed_notebook_holds_the_values_as_literals(nasty):
    notebook = nbformat.read(nasty.folder / "executed.ipynb", as_version=4)
    nbformat.validate(notebook)
    (cell,) = [c for c in notebook.cells if "injected-parameters" in c.metadata.get("tags", [])]
    (number, text) = ast.parse(cell.source).body
    assert (number.targets[0].id, ast.literal_eval(number.value)) == ("N", 4)
    assert (text.targets[0].id, ast.literal_eval(text.value)) == ("TEXT", NASTY)
    assert "SEED" not in cell.source  # what is not changed stays the template's own


def test_the_page_needs_no_network_runs_nothing_and_shows_parameters_as_text(nasty):
    page = (nasty.folder / "report.html").read_text("utf-8")
    assert "<script" not in page.lower()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7*7 }}" in page  # no template language sees it
    assert "default-src 'none'" in page
    outside = re.findall(r"<[^>]+\b(?:src|href|data|action)=[\"'](?!data:|#)[^\"']*", page)
    assert outside == []
    assert "@import" not in page
    assert 'alt="A picture of one point, in red."' in page
    assert "png = (" not in page  # the code is hidden
    assert "40" in page


def test_nothing_is_written_outside_the_output_folder(toy, tmp_path):
    out = tmp_path / "a" / "out"
    run = reports.run(toy, {"TEXT": "../../../escaped", "N": 5}, out=out)
    assert run.results["text"] == "../../../escaped"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["out"]
    assert sorted(p.name for p in out.iterdir()) == [".locks", run.name]
    assert list((out / ".locks").iterdir()) == []


def test_a_run_works_in_the_templates_folder(write_template, tmp_path):
    template = write_template(
        tmp_path / "with space" / "odd name;x.ipynb",
        "A: int = 1",
        "from pathlib import Path\nfrom aigc_course import reports\n"
        "reports.record(text=Path('beside.txt').read_text())",
    )
    (template.parent / "beside.txt").write_text("found")
    run = reports.run(template, out=tmp_path / "out")
    assert run.results == {"text": "found"}
    assert run.name.startswith("odd_name_x-")


def test_a_template_without_results_gives_an_empty_record(write_template, tmp_path):
    template = write_template(tmp_path / "silent.ipynb", None, "print(1)")
    run = reports.run(template, out=tmp_path / "out")
    assert run.done
    assert json.loads((run.folder / "results.json").read_text()) == {}


# ---- the same run again --------------------------------------------------------------


def test_an_identical_run_is_recognised_and_not_repeated(toy, tmp_path):
    first = reports.run(toy, {"N": 2}, out=tmp_path)
    written = (first.folder / "run.json").stat().st_mtime_ns
    events = []
    again = reports.run(toy, {"N": 2, "SEED": 0}, out=tmp_path, on_event=events.append)
    assert again == first
    assert (first.folder / "run.json").stat().st_mtime_ns == written
    assert [e["event"] for e in events] == ["planned", "finished"]
    assert events[-1]["recognised"] is True
    other = reports.run(toy, {"N": 2}, out=tmp_path, again=True)
    assert other.name == f"{first.name}.2"
    assert other.record.started > first.record.started
    assert reports.load_runs(tmp_path) == [first, other]


@pytest.mark.parametrize("what", ["notebook", "data", "package", "versions", "parameters"])
def test_whatever_decides_a_run_changes_its_name(toy, what):
    template = templates.find_template(toy)
    identity = identities.identify(template)
    values = template.parameters.check({})
    before = identities.name_of(template, identity, values)
    if what == "parameters":
        values["N"] += 1
    else:
        other = {"tensorflow": "0"} if what == "versions" else "other"
        identity = identity.model_copy(update={what: other})
    assert identities.name_of(template, identity, values) != before


def test_text_and_tags_of_cells_count_and_outputs_do_not(toy, tmp_path):
    notebook = nbformat.read(toy, as_version=4)
    digest = templates.find_template(toy).digest
    copy = tmp_path / "toy.ipynb"
    notebook.cells[2].outputs = [v4.new_output("stream", text="x")]
    nbformat.write(notebook, copy)
    assert templates.find_template(copy).digest == digest
    notebook.cells[0].source += "!"
    nbformat.write(notebook, copy)
    assert templates.find_template(copy).digest != digest


def test_changed_data_is_another_run(toy, data_copy, replace_bytes, tmp_path):
    template = templates.find_template(toy)
    before = identities.identify(template)
    assert identities.identify(template) == before
    replace_bytes(data_copy / "fashion_mnist" / "README.md", lambda content: content + b"!")
    after = identities.identify(template)
    assert after.data != before.data
    assert after.package == before.package


def test_a_changed_file_that_a_parameter_points_to_is_another_run(
    write_template, tmp_path, monkeypatch
):
    template = write_template(
        tmp_path / "templates" / "reads.ipynb",
        'SOURCE: str = ""  # a folder [a path]',
        "from pathlib import Path\nfrom aigc_course import reports\n"
        "reports.record(text=(Path(SOURCE) / 'x.txt').read_text())",
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "x.txt").write_text("one")
    first = reports.run(template, {"SOURCE": "source"}, out="out")
    assert first.results == {"text": "one"}
    assert reports.run(template, {"SOURCE": "source"}, out="out").record == first.record
    (tmp_path / "source" / "x.txt").write_text("two")
    second = reports.run(template, {"SOURCE": "source"}, out="out")
    assert second.results == {"text": "two"}
    assert second.name == f"{first.name}.2"
    (key,) = [key for key in second.record.reads if key.endswith("x.txt")]
    assert second.record.reads[key] != first.record.reads[key]


@pytest.mark.parametrize("kind", ["tuple[str, ...]", "list[str]", "str"])
def test_a_worker_takes_the_template_s_own_paths_as_they_are(
    kind, write_template, tmp_path, monkeypatch
):
    own = {"tuple[str, ...]": '("a.csv",)', "list[str]": '["a.csv"]', "str": '"a.csv"'}[kind]
    limit = "[a path]" if kind == "str" else "[each a path]"
    template = write_template(
        tmp_path / "templates" / "reads.ipynb",
        f"FILES: {kind} = {own}  # tables {limit}",
        "from pathlib import Path\nfrom aigc_course import reports\n"
        "files = [FILES] if isinstance(FILES, str) else FILES\n"
        "reports.record(text=' '.join(Path(file).read_text() for file in files))",
    )
    for folder, text in (("templates", "the template's"), (".", "from here")):
        (tmp_path / folder / "a.csv").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert reports.run(template, out="out").results == {"text": "the template's"}
    given_value = "a.csv" if kind == "str" else ["a.csv"]
    assert reports.run(template, {"FILES": given_value}, out="out").results == {"text": "from here"}


# ---- failing -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "kind", "words"),
    [
        ("raise", "error", ["ValueError", "the text is <b>"]),
        ("exit", "died", ["exit code 0"]),
        ("kill", "died", ["SIGKILL", "memory"]),
        ("nan", "error", ["score", "nan", "finite"]),
    ],
)
def test_a_failed_run_keeps_its_evidence_and_says_which_cell(toy, tmp_path, end, kind, words):
    run = reports.run(toy, {"END": end, "TEXT": "<b>"}, out=tmp_path)
    assert not run.done
    assert run.record.failure.kind == kind
    for word in words:
        assert word in str(run.record.failure)
    executed = nbformat.read(run.folder / "executed.ipynb", as_version=4)
    failing = executed.cells[run.record.failure.cell - 1].source
    assert ("record(score" if end == "nan" else 'if END == "raise"') in failing
    assert "hello" not in str(executed.cells[2].outputs)
    assert executed.cells[3].outputs  # what was printed before
    page = (run.folder / "report.html").read_text("utf-8")
    assert "This run failed." in page
    assert "<b>" not in page.partition("<section")[2].partition("</section>")[0]
    assert run.damaged() == []
    assert (run.folder / "log.txt").stat().st_size > 0


def test_a_run_that_takes_too_long_is_stopped_and_says_so(toy, tmp_path):
    run = reports.run(toy, {"PAUSE": 60}, out=tmp_path, timeout=1.5)
    assert run.record.failure.kind == "timeout"
    assert "longer than 1.5 s" in run.record.failure.message
    assert run.record.total_seconds < 60  # it did not wait for the cell, however slow all is


def test_results_written_past_record_are_checked_too(write_template, tmp_path):
    template = write_template(
        tmp_path / "past.ipynb",
        None,
        "from IPython.display import display\n"
        "display({'application/vnd.aigc.results+json': {'a': [1]}}, raw=True)",
    )
    run = reports.run(template, out=tmp_path / "out")
    assert run.record.failure.kind == "results"
    assert "The result a is [1]" in run.record.failure.message
    assert run.results == {}


def test_what_the_notebook_started_ends_with_it(write_template, tmp_path, eventually):
    import psutil

    template = write_template(
        tmp_path / "starts.ipynb",
        None,
        "import subprocess, sys\nfrom aigc_course import reports\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "reports.record(pid=child.pid)",
    )
    pid = reports.run(template, out=tmp_path / "out").results["pid"]
    eventually(lambda: not psutil.pid_exists(pid))


# ---- what is not a run ---------------------------------------------------------------


def test_a_folder_without_run_json_is_no_run(toy, tmp_path, one_sentence):
    run = reports.run(toy, out=tmp_path)
    (run.folder / "run.json").unlink()
    (run.folder / "left.txt").write_text("by a killed attempt")
    assert reports.load_runs(tmp_path) == []
    with pytest.raises(ValueError, match="no finished run") as caught:
        reports.load_run(run.folder)
    one_sentence(caught.value, run.folder)
    assert reports.run(toy, out=tmp_path).name == f"{run.name}.2"
    assert (run.folder / "left.txt").exists()


def test_a_changed_file_is_noticed(toy, tmp_path):
    run = reports.run(toy, out=tmp_path)
    (run.folder / "results.json").write_text('{"score": 1}')
    (run.folder / "report.html").unlink()
    assert run.damaged() == ["report.html", "results.json"]


def test_another_environment_on_the_worker_is_noticed(toy, tmp_path):
    template = templates.find_template(toy)
    request = runner.Job(
        template=toy,
        parameters=template.parameters.check({}),
        out=tmp_path,
        name="toy-000000000000",
    )
    with pytest.raises(ValueError, match="planned with"):
        runner.make_run(request, execution.Kernels())
    assert list(tmp_path.iterdir()) == []


# ---- locks ---------------------------------------------------------------------------


def test_one_process_at_a_time_holds_a_runs_lock_and_death_releases_it(tmp_path, holder, kill):
    waited = []

    def end_the_holder(seconds, by):
        assert by in ("another process", f"process {holder.pid}")
        waited.append(seconds)
        kill(holder)

    with folders.lock(tmp_path, "x", end_the_holder):
        assert len(waited) == 1
    assert not (tmp_path / ".locks" / "x").exists()


def test_many_who_want_one_lock_hold_it_one_after_another(tmp_path):
    # Each holder removes the lock's file, on which the next may wait already.
    program = (
        "import sys; from pathlib import Path; from aigc_course.reports import folders\n"
        "out = Path(sys.argv[1])\n"
        "for _ in range(20):\n"
        "    with folders.lock(out, 'x'):\n"
        "        count = int((out / 'count').read_text())\n"
        "        (out / 'inside').touch(exist_ok=False)\n"
        "        (out / 'count').write_text(str(count + 1))\n"
        "        (out / 'inside').unlink()\n"
    )
    (tmp_path / "count").write_text("0")
    all_of_them = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(3)
    ]
    codes = [process.wait(timeout=240) for process in all_of_them]
    assert codes == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "60"
    assert list((tmp_path / ".locks").iterdir()) == []


def test_without_flock_nobody_holds_a_lock_that_could_outlive_him(
    tmp_path, monkeypatch, one_sentence
):
    import fcntl

    def missing(handle, how):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", missing)
    with pytest.raises(OSError, match="Could not write") as caught, folders.lock(tmp_path, "x"):
        pass
    one_sentence(caught.value, tmp_path, "choose another folder")


# ---- handing over results ------------------------------------------------------------


def test_record_takes_numbers_and_texts_of_numpy_too(capsys):
    import numpy as np

    given = {"a": 1, "b": np.float32(0.5), "c": "x", "d": np.bool_(True), "e": np.array(3)}
    checked = results.check_results(given)
    assert checked == {"a": 1, "b": 0.5, "c": "x", "d": True, "e": 3}
    assert {type(value) for value in checked.values()} <= {int, float, str, bool}


def test_a_number_of_32_bits_is_recorded_as_it_is_read():
    import numpy as np

    class Tensor:
        """Like TensorFlow's: without `item`, and an array when asked."""

        def __init__(self, value, dtype=np.float32):
            self.value, self.dtype = value, dtype

        def __array__(self, dtype=None, copy=None):
            if self.value is None:
                raise NotImplementedError("a symbol")
            return np.array(self.value, self.dtype)

    given = {"a": np.float32(0.1), "b": Tensor(0.3), "c": Tensor([7], np.int64)}
    assert results.check_results(given) == {"a": 0.1, "b": 0.3, "c": 7}
    assert results.check_results({"a": np.float16(0.1), "b": np.float64(0.1)}) == {
        "a": 0.1,
        "b": 0.1,
    }
    assert results.check_metrics({"loss": np.float32([0.1, 0.2])}) == {"loss": [0.1, 0.2]}
    for value in (np.arange(3), Tensor([1, 2]), Tensor(None)):
        with pytest.raises(ValueError, match="The result f"):
            results.check_results({"f": value})


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), None, [1], {"a": 1}, 1j, b"x", object()],
    ids=lambda value: type(value).__name__,
)
def test_record_refuses_what_is_no_result(value, one_sentence):
    with pytest.raises(ValueError, match="The result loss") as caught:
        reports.record(loss=value)
    one_sentence(caught.value, "finite number, or a text")


def test_what_else_is_recorded_beside_a_refused_result_is_kept(capsys):
    with pytest.raises(ValueError, match="The result loss is nan"):
        reports.record(epochs=3, loss=float("nan"), accuracy=0.5, other=None)
    shown = capsys.readouterr().out
    assert "epochs  3" in shown
    assert "accuracy  0.5" in shown
    assert "loss" not in shown


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"loss": [1, float("nan")]}, ["loss", "step 2"]),
        ({"loss": ["a"]}, ["loss", "step 1"]),
        ({"loss": [1], "kl": []}, ["different numbers"]),
    ],
)
def test_record_metrics_refuses_what_is_no_table(columns, words, one_sentence):
    with pytest.raises(ValueError, match="metric") as caught:
        reports.record_metrics(columns)
    one_sentence(caught.value, *words)


def test_a_name_recorded_again_has_the_later_value():
    cells = [
        {"outputs": [{"data": {results.RESULTS_TYPE: {"a": 1, "b": 2}}}]},
        {"outputs": [{"text": "no data"}, {"data": {results.RESULTS_TYPE: {"a": 3}}}]},
    ]
    assert results.collect_results(cells) == ({"a": 3, "b": 2}, {})


# ---- pages ---------------------------------------------------------------------------


def test_show_code_shows_it(toy, tmp_path):
    run = reports.run(toy, out=tmp_path, show_code=True)
    assert "signal" in (run.folder / "report.html").read_text("utf-8")


@pytest.mark.browser
def test_the_pdf_is_printed_if_asked_for(toy, tmp_path):
    run = reports.run(toy, out=tmp_path, pdf=True)
    assert (run.folder / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert "report.pdf" in run.record.files


@pytest.mark.browser
def test_a_run_that_was_done_is_printed_without_being_repeated(toy, tmp_path):
    first = reports.run(toy, out=tmp_path)
    assert "report.pdf" not in first.record.files
    printed = reports.run(toy, out=tmp_path, pdf=True)
    assert printed.record.started == first.record.started
    assert printed.damaged() == []
    assert (printed.folder / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_a_pdf_without_a_browser_is_refused_before_anything_starts(
    toy, tmp_path, monkeypatch, one_sentence
):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="Chromium") as caught:
        reports.run(toy, out=tmp_path / "out", pdf=True)
    one_sentence(caught.value, "report.html")
    assert not (tmp_path / "out").exists()


def test_scripts_and_widgets_of_a_notebook_do_not_reach_the_page(tmp_path):
    view = {"model_id": "x", "version_major": 2, "version_minor": 0}
    outputs = [
        v4.new_output("display_data", {"application/javascript": "alert(1)", "text/plain": "js"}),
        v4.new_output(
            "display_data",
            {"application/vnd.jupyter.widget-view+json": view, "text/plain": "a slider"},
        ),
    ]
    notebook = v4.new_notebook(cells=[v4.new_code_cell("1", outputs=outputs)])
    export.write_page(
        notebook, tmp_path / "x.html", title="x", parameters={}, changed=[], results={},
        failure="", origin="", show_code=False,
    )  # fmt: skip
    page = (tmp_path / "x.html").read_text("utf-8")
    assert "alert(1)" not in page
    assert "a slider" in page


# ---- the kernel ----------------------------------------------------------------------


def test_threads_reach_the_kernel(write_template, tmp_path):
    template = write_template(
        tmp_path / "threads.ipynb",
        None,
        "import os\nfrom aigc_course import reports\n"
        "reports.record(**{n: os.environ.get(n, 'unset') for n in "
        f"{list(execution.THREAD_VARIABLES)!r}}})",
    )
    run = reports.run(template, out=tmp_path / "out", threads=1)
    assert run.results == dict.fromkeys(execution.THREAD_VARIABLES, "1")
    assert run.record.threads == 1


def test_what_the_notebook_leaves_for_the_end_is_done(write_template, tmp_path):
    template = write_template(
        tmp_path / "leaves.ipynb",
        None,
        "import atexit, tempfile\nfrom aigc_course import reports\n"
        "folder = tempfile.TemporaryDirectory(dir='.')\n"
        "atexit.register(lambda: open('farewell.txt', 'w').close())\n"
        "reports.record(folder=folder.name)",
    )
    run = reports.run(template, out=tmp_path / "out")
    assert (tmp_path / "farewell.txt").exists()
    assert run.results["folder"] not in [str(path) for path in tmp_path.iterdir()]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "farewell.txt",
        "leaves.ipynb",
        "out",
    ]


def test_a_kernel_whose_starter_is_gone_ends_at_once():
    program = "from aigc_course.reports.kernel import die_with_parent; die_with_parent(1 << 22)"
    if not sys.platform.startswith("linux"):
        pytest.skip("Linux only; elsewhere ipykernel itself looks for its parent each second")
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 1
