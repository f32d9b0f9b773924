"""The anatomy of a chapter, as CONTRIBUTING.md describes it, held by rules."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from aigc_course import checks, classroom
from aigc_utils import plots

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = classroom.notebooks_of(ROOT)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["aigc"]
# ipywidgets names that Colab's 7.7.1 does not have.
ONLY_IN_WIDGETS_8 = (
    "TagsInput|ColorsInput|FloatsInput|IntsInput|Stack|DatetimePicker|NaiveDatetimePicker|"
    "TimePicker|TypedTuple"
)
LOG_NOISE = re.compile(
    r"oneDNN|cuda|TF-TRT|cpu_feature_guard|absl::|WARNING:|Warning:|^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+:",
    re.IGNORECASE | re.MULTILINE,
)
# Written in pieces, so that this file does not contain what it forbids.
MACHINE_PATH = re.compile(
    "|".join(["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "/Us" + "ers/", r"C:\\Us" + "ers"])
)
LONGEST_CELL, LONGEST_NOTEBOOK = 40, 300
MEMORY_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")


@pytest.fixture(params=NOTEBOOKS, ids=[p.relative_to(ROOT).as_posix() for p in NOTEBOOKS])
def path(request) -> Path:
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def outputs_text(cell) -> str:
    texts = []
    for output in cell.outputs:
        texts.append(output.get("text", ""))
        for mime, value in output.get("data", {}).items():
            if mime.startswith("text/"):
                texts.append(value)
    # A film's bytes in letters may spell anything.
    return re.sub("base64,[A-Za-z0-9+/=]+", "", "\n".join(texts))


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 6  # a glob that finds nothing would make all other tests vacuous


def test_first_cell_introduces_the_chapter(path, notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    lines = first.source.splitlines()
    if path.parent.name == "workbook":
        assert lines[0].startswith("<!-- Generated: edit workbook/solutions"), lines[0]
        lines = lines[2:]
    title = lines[0]
    assert title.startswith("# "), title
    assert re.search(r"[\u4e00-\u9fff]", title), f"no Chinese title: {title}"
    for part in ("**Essay:**", "**You will be able to**", "**Before:**", "**Time:**"):
        assert part in first.source, f"the first cell lacks {part}"


def test_a_report_leaves_the_front_matter_out(path, notebook):
    if not of_the_workbook(path):
        assert tags(notebook.cells[0]) == ["front-matter"]


def test_compute_card_is_measured(notebook):
    assert re.search(r"\*\*Compute card:\*\* \d+ s .* GB peak memory", notebook.cells[0].source), (
        "run `python tools/notebook.py run` on it"
    )


def test_colab_link_opens_this_file(path, notebook):
    target = (
        "https://colab.research.google.com/github/"
        f"{PROJECT['repository']}/blob/{PROJECT['ref']}/{path.relative_to(ROOT).as_posix()}"
    )
    links = re.findall(
        r"\((https://colab\.research\.google\.com/github/[^)]*)\)", notebook.cells[0].source
    )
    assert links == [target]


def test_the_first_cell_links_the_glossary(path, notebook):
    links = re.findall(r"\]\(((?:\.\./)*glossary\.md)\)", notebook.cells[0].source)
    assert len(links) == 1
    assert (path.parent / links[0]).is_file()


def test_bootstrap_does_nothing_outside_colab(notebook):
    cell = notebook.cells[1]
    assert tags(cell) == ["bootstrap"]
    assert 'if "google.colab" in sys.modules:' in cell.source
    assert f"github.com/{PROJECT['repository']}@{PROJECT['ref']}" in cell.source
    unguarded = [
        line
        for line in cell.source.splitlines()
        if line and not line.startswith((" ", "import sys", "if "))
    ]
    assert unguarded == []


def test_parameters_are_typed_literals_with_profile_and_seed(notebook):
    cells = [cell for cell in code_cells(notebook) if "parameters" in tags(cell)]
    assert len(cells) == 1
    names = []
    for statement in ast.parse(cells[0].source).body:
        assert isinstance(statement, ast.AnnAssign), f"untyped: {ast.unparse(statement)}"
        ast.literal_eval(statement.value)
        names.append(statement.target.id)
    assert {"PROFILE", "SEED"} <= set(names)
    assert 'PROFILE: str = "cpu"' in cells[0].source


def test_start_call_seeds_the_notebook(notebook):
    assert any("aigc_utils.start(seed=SEED)" in cell.source for cell in code_cells(notebook)[:4])


def test_cells_are_short(notebook):
    # The quiz at the end is the same for all and no code to read.
    code = [cell for cell in code_cells(notebook) if not quizzes_asked(cell)]
    lengths = [len(cell.source.splitlines()) for cell in code]
    assert max(lengths) <= LONGEST_CELL
    assert sum(lengths) <= LONGEST_NOTEBOOK
    assert sorted(lengths)[len(lengths) // 2] <= 9


def test_prose_outweighs_code(notebook):
    words = sum(len(c.source.split()) for c in notebook.cells if c.cell_type == "markdown")
    lines = sum(len(c.source.splitlines()) for c in code_cells(notebook))
    assert words >= 3 * lines


def test_code_cells_are_introduced_by_text(notebook):
    run = 0
    for cell in notebook.cells[4:]:
        run = run + 1 if cell.cell_type == "code" else 0
        assert run <= 3, f"four code cells in a row, the last: {cell.source[:60]!r}"


def test_figures_have_alt_text_where_every_front_end_shows_it(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            # JupyterLab and Colab show no alt text of a bare picture: `plots.show` gives an img.
            assert not [mime for mime in data if mime.startswith("image/")], cell.source[:80]
            for image in BeautifulSoup(data.get("text/html", ""), "html.parser").find_all("img"):
                plots.check_alt(image.get("alt"))
                assert image["src"].startswith("data:image/"), "fetched from elsewhere"


def test_markdown_images_have_alt_text_and_are_local(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert "![](" not in cell.source
            # An image from elsewhere, a badge too, would be fetched when the page opens.
            assert not re.search(r"!\[[^]]*\]\(https?:", cell.source)
            for image in re.findall(r"<img[^>]*>", cell.source):
                assert re.search(r'alt="[^"]{8,}', image), image


def test_headings_do_not_jump(notebook):
    level = 0
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        prose = re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL)
        for hashes in re.findall(r"^(#+) ", prose, flags=re.MULTILINE):
            assert len(hashes) <= level + 1, f"{hashes} after level {level}"
            assert not (len(hashes) == 1 and level), "a second title"
            level = len(hashes)


def of_the_workbook(path: Path) -> bool:
    """Exercises are stored as learners get them: not run, so that nothing is given away."""
    return "workbook" in path.parts


def test_every_code_cell_was_run_in_order(path, notebook):
    if of_the_workbook(path):
        assert not any(cell.outputs for cell in code_cells(notebook))
        return
    counts = [cell.execution_count for cell in code_cells(notebook) if cell.source.strip()]
    assert counts == list(range(1, len(counts) + 1)), "run it from top to bottom"


def test_check_output_tags_have_something_to_check(notebook):
    for cell in code_cells(notebook):
        if "nbval-check-output" in tags(cell):
            assert cell.outputs, f"nothing stored to compare: {cell.source[:60]!r}"
            pages = [output.get("data", {}).get("text/html", "") for output in cell.outputs]
            assert not any("<img" in page for page in pages), "other fonts draw other pictures"
            assert not MEMORY_ADDRESS.search(outputs_text(cell))


def test_some_outputs_are_checked(path, notebook):
    if of_the_workbook(path):
        return
    assert any("nbval-check-output" in tags(cell) for cell in code_cells(notebook))


def test_errors_are_stored_only_where_meant(notebook):
    for cell in code_cells(notebook):
        if any(output.output_type == "error" for output in cell.outputs):
            assert "raises-exception" in tags(cell), cell.source[:60]


def test_no_log_noise_and_no_stderr(notebook):
    for cell in code_cells(notebook):
        assert not LOG_NOISE.search(outputs_text(cell)), cell.source[:60]
        stderr = [o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stderr"]
        assert stderr == [], f"{cell.source[:60]!r} wrote to stderr: {stderr}"


def test_no_machine_paths(path):
    assert not MACHINE_PATH.search(path.read_text(encoding="utf-8"))


def test_file_is_small(path):
    assert path.stat().st_size < 1_000_000


def test_metadata_is_quiet(notebook):
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}


def test_widgets_are_those_of_colab(notebook):
    for cell in code_cells(notebook):
        assert not re.search(ONLY_IN_WIDGETS_8, cell.source)


def test_widgets_have_still_pictures(notebook):
    sources = [cell.source for cell in code_cells(notebook)]
    for index, source in enumerate(sources):
        if re.search(r"\bExplorer\(", source):
            following = "\n".join(sources[index : index + 4])
            assert "strip(" in following, "no strip of stills after the sliders"


def test_links_between_notebooks_exist(path, notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)#]+\.(?:ipynb|md))\)", cell.source):
                if not target.startswith("http"):
                    assert (path.parent / target).exists(), target


def test_closing_sections(path, notebook):
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    assert re.search(r"^## Three things to take away", prose, re.MULTILINE)
    assert of_a_chapter(path) or prose.count("<details>") >= 3
    assert re.search(r"^## Next", prose, re.MULTILINE)


def of_a_chapter(path: Path) -> bool:
    """The numbered chapters end in a quiz; the start, the workbook and reports do not."""
    return path.parent.name == "notebooks" and re.match(r"0[1-9]", path.name) is not None


def quizzes_asked(cell) -> list[str]:
    """The names of the quizzes that a code cell shows."""
    if cell.cell_type != "code" or "quiz(" not in cell.source:
        return []
    calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
    return [ast.literal_eval(c.args[0]) for c in calls if ast.unparse(c.func) == "checks.quiz"]


def test_a_chapter_closes_with_its_own_quiz(path, notebook):
    if not of_a_chapter(path):
        return
    shown = [i for i, cell in enumerate(notebook.cells) if quizzes_asked(cell)]
    assert len(shown) == 1, "a chapter has one cell with checks.quiz"
    above, quiz, below = notebook.cells[shown[0] - 1 : shown[0] + 2]
    assert quizzes_asked(quiz) == [path.stem]
    assert "not-in-report" in tags(quiz), "a report has nobody to ask"
    assert re.search(r"^## Check yourself\n\n.+\Z", above.source, re.MULTILINE)
    assert below.source.startswith("## Next")
    # A widget's id would dangle in a stored file; what is stored is the text, answers folded.
    assert [set(output.data) for output in quiz.outputs] == [{"text/plain", "text/html"}]
    stored, now = quiz.outputs[0].data, checks.quiz(path.stem)
    assert "<details>" in stored["text/html"]
    assert stored["text/html"] == now._repr_html_(), "the questions have changed: run it again"
    assert stored["text/plain"] == now.text()


NUMBER = re.compile(r"\d[\d,]*\.\d+|\d{1,3}(?:,\d{3})+|\d+(?=%)")


def test_the_numbers_of_a_quiz_stand_in_its_chapter(path, notebook):
    if not of_a_chapter(path):
        return
    chapter = "\n".join(
        cell.source + ("\n" + outputs_text(cell) if cell.cell_type == "code" else "")
        for cell in notebook.cells
        if not quizzes_asked(cell)
    ).replace("{,}", ",")
    known = set(re.findall(r"\d[\d,]*\.\d+|\d{1,3}(?:,\d{3})+|\d+", chapter))
    for question in checks.quiz(path.stem).questions:
        for text in (question.text, *question.options, *question.options.values()):
            assert set(NUMBER.findall(text)) <= known, f"not in the chapter: {text}"


def test_the_essay_is_quoted_and_answered(path, notebook):
    if path.name.startswith(("0",)) and not path.name.startswith("00"):
        prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        assert "**The essay says" in prose
        assert "**We found**" in prose
