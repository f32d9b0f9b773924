"""Files that parameters point to: their contents decide a run, unless it writes them."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest

from aigc_course import reports
from aigc_course.reports import identities, inputs, plans, templates
from aigc_course.reports.parameters import ParameterError


@pytest.fixture
def project(write_template, tmp_path):
    """A function that writes a notebook beside some data, and gives its template."""
    (tmp_path / "demand.csv").write_text("day,units\n1,5\n")
    (tmp_path / "mean").write_text("x")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("1")

    def write(cell: str, code: str = "print(open(PATH).read())") -> templates.Template:
        return templates.find_template(write_template(tmp_path / "t.ipynb", cell, code))

    return write


def name_of(template: templates.Template, **values) -> str:
    found = templates.find_template(template.path)
    identity = identities.identify(found)
    return identities.name_of(found, identity, found.parameters.check(values))


@pytest.mark.parametrize(
    ("cell", "file"),
    [
        ('PATH: str = "demand.csv"', "demand.csv"),
        ('PATH = "demand.csv"', "demand.csv"),
        ('PATH = "./data/../demand.csv"', "demand.csv"),
        ('from pathlib import Path\nPATH = Path("demand.csv")', "demand.csv"),
        ('PATH = ["mean", "demand.csv"]', "demand.csv"),
        ('PATH: dict = {"input": {"csv": ["demand.csv"]}}', "demand.csv"),
        ('PATH = "mean"', "mean"),
        ('PATH = "data"', "data/a.csv"),
        ('PATH = "data"', "data/added.csv"),
        ('PATH: str = "data"  # [a path]', "data/a.csv"),
        ('PATH: list[str] = ["data", "mean"]  # [each a path]', "mean"),
        ('PATH: str | None = "demand.csv"', "demand.csv"),
    ],
)
def test_a_changed_file_is_another_run_and_a_touched_one_is_not(project, tmp_path, cell, file):
    template = project(cell)
    before = name_of(template)
    os.utime(tmp_path / "demand.csv", (1, 1))
    os.utime(tmp_path / "data" / "a.csv", (1, 1))
    assert name_of(template) == before
    (tmp_path / file).write_text("changed")
    assert name_of(template) != before


def test_the_record_can_say_which_parameters_are_files(project, tmp_path):
    template = project('PATH = "demand.csv"\nMETHOD = "mean"\nN = 3\nTEXT = "other"')
    found = identities.inputs_of(template, template.parameters.check({}))
    assert set(found) == {"PATH", "METHOD"}
    (tmp_path / "mean").unlink()
    assert set(identities.inputs_of(template, template.parameters.check({}))) == {"PATH"}


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "../",
        "/",
        "gone.csv",
        "~",
        "a\nb",
        "x" * 5000,
        "demand.csv/x",
        "a fox",
        "data/..",
    ],
)
def test_a_text_that_is_no_file_of_the_runs_own_counts_as_a_text(project, value):
    template = project("PATH = 'x'")
    assert identities.inputs_of(template, template.parameters.check({"PATH": value})) == {}


WRITING = [
    'open(PATH, "w").write("x")',
    'with open(PATH, mode="a", encoding="utf-8") as file:\n    pass',
    "df.to_csv(PATH)",
    "df.to_parquet(path=PATH)",
    "figure.savefig(PATH)",
    "np.save(PATH, values)",
    "torch.save(model, PATH)",
    "place = Path(PATH)\nplace.write_text('x')",
    "from pathlib import Path\nhere = Path(PATH)\nthere = here\nthere.write_bytes(b'')",
    'Path(PATH).open("wb")',
    "import gzip\ngzip.open(PATH, 'wt')",
    "plotly.write_html(figure, os.path.abspath(PATH))",
]


@pytest.mark.parametrize("code", WRITING)
def test_a_file_that_the_notebook_writes_does_not_rename_its_runs(project, tmp_path, code):
    template = project('PATH = "demand.csv"', code)
    before = name_of(template)
    (tmp_path / "demand.csv").write_text("written by a run")
    assert name_of(template) == before


@pytest.mark.parametrize(
    "code",
    [
        "os.makedirs(PATH, exist_ok=True)",
        "Path(PATH).mkdir(exist_ok=True)",
        'df.to_csv(PATH + "/x.csv")',
        'df.to_csv(f"{PATH}/x.csv")',
        'df.to_csv(os.path.join(PATH, "x.csv"))',
        'out = Path(PATH) / "x"\nout.write_text("x")',
        'np.savez(Path(PATH).joinpath("x.npz"), a=1)',
    ],
)
def test_a_folder_that_the_notebook_writes_into_does_not_either(project, tmp_path, code):
    template = project('PATH = "data"', code)
    before = name_of(template)
    (tmp_path / "data" / "x.csv").write_text("written by a run")
    assert name_of(template) == before


@pytest.mark.parametrize(
    "code",
    [
        "df = pd.read_csv(PATH)\ndf.to_csv('other.csv')",
        "pd.read_csv(PATH).to_csv('other.csv')",
        "text = open(PATH).read()\nopen('other.txt', 'w').write(text)",
        "df.to_csv(Path(PATH).with_suffix('.out.csv'))",
        "df.to_csv(f'{Path(PATH).stem}-result.csv')",
        "print(f'reading {PATH}')\nopen(PATH, 'rb')",
        "log.write(f'read {PATH}')",
        "json.dump({'csv': PATH}, file)",
        "sqlite3.connect(PATH)",
        "names = PATH.replace('.csv', '')",
        "this is no Python",
    ],
)
def test_a_file_that_is_read_counts_though_others_are_written(project, tmp_path, code):
    template = project('PATH = "demand.csv"', code)
    before = name_of(template)
    (tmp_path / "demand.csv").write_text("tomorrow's")
    assert name_of(template) != before


@pytest.mark.parametrize("name", ["OUT", "out_csv", "OUTPUT_DIR", "cache", "tmp_dir", "save_to"])
def test_a_parameter_that_is_called_a_place_to_write_to_is_one(project, tmp_path, name):
    template = project(f'{name} = "mean"', "pass")
    before = name_of(template)
    (tmp_path / "mean").write_text("written by a run")
    assert name_of(template) == before


@pytest.mark.parametrize("name", ["log_file", "temp_csv", "outlier_csv", "results", "report"])
def test_a_name_that_inputs_have_too_is_not_taken_for_a_place(project, tmp_path, name):
    template = project(f'{name} = "mean"', "pass")
    before = name_of(template)
    (tmp_path / "mean").write_text("tomorrow's")
    assert name_of(template) != before


def test_what_is_declared_a_path_counts_though_it_is_written(project, tmp_path):
    template = project('PATH: str = "mean"  # [a path]', 'open(PATH, "w")')
    before = name_of(template)
    (tmp_path / "mean").write_text("changed")
    assert name_of(template) != before


def test_a_path_that_is_given_is_one_from_here(project, tmp_path, monkeypatch):
    template = project('PATH = "demand.csv"\nTEXT = "hello"')
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.csv").write_text("mine")
    (elsewhere / "hello2").write_text("x")
    (elsewhere / "demand.csv").write_text("mine too")
    monkeypatch.chdir(elsewhere)
    check = template.parameters.check
    assert check({"PATH": "mine.csv"})["PATH"] == str(elsewhere / "mine.csv")
    assert check({"PATH": Path("mine.csv")})["PATH"] == str(elsewhere / "mine.csv")
    assert check({"PATH": "demand.csv"})["PATH"] == str(elsewhere / "demand.csv")
    assert check({"PATH": "gone.csv"})["PATH"] == "gone.csv"
    assert check({"PATH": "data/a.csv"})["PATH"] == "data/a.csv"  # of the notebook's folder
    assert check({"TEXT": "hello2"})["TEXT"] == "hello2"  # no path, as the template's own is none


def test_the_parameters_of_a_record_can_be_given_back(project, tmp_path, monkeypatch):
    cell = 'A: str = "demand.csv"  # [a path]\nB: list[str] = ["data"]  # [each a path]\nC = "mean"'
    template = project(cell)
    monkeypatch.chdir("/")
    recorded = template.parameters.check({})
    assert recorded == {"A": "demand.csv", "B": ["data"], "C": "mean"}
    assert template.parameters.check(recorded) == recorded
    assert template.parameters.check(recorded, texts=True) == recorded
    assert name_of(template, **recorded) == name_of(template)
    monkeypatch.chdir(tmp_path)  # from the notebook's own folder it is the same run too
    assert template.parameters.check(recorded) == recorded
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "demand.csv").write_text("another")
    monkeypatch.chdir(tmp_path / "elsewhere")  # here the same words are another file
    assert template.parameters.check(recorded)["A"] == str(tmp_path / "elsewhere" / "demand.csv")
    monkeypatch.chdir("/")
    with pytest.raises(ParameterError, match="A is 'gone'") as caught:
        template.parameters.check({"A": "gone"})
    assert "there is none at '/gone'" in str(caught.value)


def test_of_much_data_sizes_and_times_count_and_it_is_said(project, tmp_path, monkeypatch):
    template = project('PATH = "data"')
    monkeypatch.setattr(inputs, "MOST_FILES", 3)
    for number in range(3):
        (tmp_path / "data" / f"{number}.csv").write_text("1")
    full = template.parameters.check({})
    rough = identities.inputs_of(template, full)["PATH"]
    assert rough.startswith("sizes and times ")
    os.utime(tmp_path / "data" / "1.csv", (1, 1))
    assert identities.inputs_of(template, full)["PATH"] != rough
    (tmp_path / "data" / "2.csv").unlink()
    assert not identities.inputs_of(template, full)["PATH"].startswith("sizes")
    monkeypatch.setattr(inputs, "MOST_BYTES", 2)
    assert identities.inputs_of(template, full)["PATH"].startswith("sizes")


def test_a_folder_with_too_many_files_is_refused(project, monkeypatch, one_sentence):
    template = project('PATH = "data"')
    monkeypatch.setattr(inputs, "MOST_LISTED", 0)
    with pytest.raises(ValueError, match="files") as caught:
        identities.inputs_of(template, template.parameters.check({}))
    one_sentence(caught.value, "data", "smaller folder")


# ---- changes beside a run ------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "harm"),
    [
        ('PATH = "demand.csv"', "Path(__import__('os').path.join('demand.csv')).unlink()"),
        ('PATH = "data"', "(Path.cwd() / 'data' / 'b.csv').symlink_to('a.csv')"),
        ('PATH: str = "mean"  # [a path]', "Path('mea' + 'n').rename('other')"),
    ],
)
def test_a_run_beside_which_its_input_changes_is_not_taken_for_done(
    project, tmp_path, cell, harm, one_sentence
):
    template = project(
        cell,
        f"from pathlib import Path\nfrom aigc_course import reports\n{harm}\nreports.record(n=2)",
    )
    run = reports.run(template.path, out=tmp_path / "out")
    assert (run.done, run.record.failure.kind, run.results) == (False, "results", {"n": 2})
    one_sentence(run.record.failure, "PATH points to", "changed while the notebook ran")


def test_a_run_that_writes_what_is_declared_a_path_is_done(project, tmp_path):
    template = project(
        'PATH: str = "mean"  # [a path]', "from pathlib import Path\nPath(PATH).write_text('new')"
    )
    assert reports.run(template.path, out=tmp_path / "out").done


@pytest.mark.parametrize("cell", ['PATH = "bad"', 'PATH: str = "bad"  # [a path]'])
def test_what_cannot_be_read_is_named_before_a_kernel(project, tmp_path, cell, one_sentence):
    (tmp_path / "bad").symlink_to("/proc/self/mem")  # a file whose reading fails, for root too
    with pytest.raises(OSError, match="cannot be read") as caught:
        reports.run(project(cell).path, out=tmp_path / "out")
    one_sentence(caught.value, "PATH is 'bad'", "Input/output error")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "cell",
    [
        'PATH: str = "gone.csv"  # [a path]',
        'PATH: list[str] = ["mean", "gone.csv"]  # [each a path]',
    ],
)
def test_a_path_of_the_templates_own_at_which_nothing_is_is_refused(
    project, tmp_path, cell, one_sentence, monkeypatch
):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "gone.csv").touch()  # a template's own are not from the folder at hand
    monkeypatch.chdir(tmp_path / "here")
    template = project(cell)
    with pytest.raises(ParameterError) as caught:
        reports.run(template.path, out=tmp_path / "out")
    one_sentence(caught.value, "PATH is 'gone.csv' in t", tmp_path / "gone.csv", "that exists")
    given = ["gone.csv"] if "list" in cell else "gone.csv"
    assert reports.run(template.path, {"PATH": given}, out=tmp_path / "out").record.inputs


# ---- what is read counts, whatever else is done with its name ------------------------


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ('PATH = "demand.csv"', "pd.read_csv(PATH)\ndf.to_html(caption=PATH)"),
        ('PATH = "demand.csv"', "open(PATH).read()\nsave_report(df, PATH)"),
        ('PATH = "demand.csv"', "np.load(PATH)\nto_tensor(PATH)"),
        ('PATH = "demand.csv"', "run_it(PATH)\nto_tensor(PATH)"),
        ('PATH = "demand.csv"', "np.savez('x.npz', csv=PATH)"),
        ('PATH = "demand.csv"', "if N:\n    df.to_csv(PATH)\npd.read_csv(PATH)"),
        ('PATH = "demand.csv"', "pd.read_csv(PATH)\ndf.to_csv(PATH)"),
        ('hold_out = "demand.csv"', "pd.read_csv(hold_out)"),
        ('hold_out_csv = "demand.csv"', "pass"),
        ('out_of_sample = "demand.csv"', "pd.read_csv(out_of_sample)"),
        ('cache_csv = "demand.csv"', "with open(cache_csv) as file:\n    file.read()"),
        ('DATA = "data"', "open(f'{DATA}/a.csv')\nopen(f'{DATA}/result.csv', 'w')"),
        ('DATA = "data"', "open(f'{DATA}/{N}')\nopen(f'{DATA}/{title}', 'w')"),
        ('DATA = "data"', "open(f'{DATA}/{N}')\ndf.to_csv(DATA + '/' + name + '.csv')"),
        ('DATA = "data"', "Path(DATA).glob('*.csv')\ndf.to_csv(f'{DATA}/{title}.csv')"),
    ],
)
def test_a_path_that_is_read_counts(project, tmp_path, cell, code):
    template = project(cell, code)
    before = name_of(template)
    (tmp_path / ("data/a.csv" if "DATA" in cell else "demand.csv")).write_text("tomorrow's")
    assert name_of(template) != before


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ('PATH = "demand.csv"', "df.to_csv(PATH)\npd.read_csv(PATH)"),
        ('PATH = "demand.csv"', "with open(PATH, 'w') as f:\n    f.write('x')\nopen(PATH).read()"),
        ('OUT = "data"', "for p in Path(OUT).glob('*.csv'):\n    p.unlink()"),
        ('CACHE = "demand.csv"', "if N:\n    pd.read_csv(CACHE)\nelse:\n    df.to_csv(CACHE)"),
        ('DATA = "data"', "os.mkdir(DATA)\nopen(f'{DATA}/a.csv')\ndf.to_csv(f'{DATA}/demand.csv')"),
    ],
)
def test_results_that_are_read_again_do_not(project, tmp_path, cell, code):
    template = project(cell, code)
    before = name_of(template)
    (tmp_path / ("data/demand.csv" if "data" in cell else "demand.csv")).write_text("a run's")
    assert name_of(template) == before


def test_a_folder_for_runs_that_is_read_is_none_until_others_are_in_it(project, tmp_path, put):
    template = project('HERE = "out"', "open(f'{HERE}/x')")
    before = name_of(template)
    put(tmp_path / "out", "t-0123456789ab")
    assert name_of(template) == before
    put(tmp_path / "out", "toy-0123456789ab")
    assert name_of(template) != before


def test_a_cell_that_is_skipped_makes_no_input_a_result(write_template, tmp_path):
    path = write_template(tmp_path / "t.ipynb", 'PATH = "demand.csv"', "df.to_csv(PATH)")
    notebook = nbformat.read(path, 4)
    notebook.cells[-1].metadata["tags"] = ["skip-execution"]
    nbformat.write(notebook, path)
    (tmp_path / "demand.csv").write_text("1")
    template = templates.find_template(path)
    assert set(identities.inputs_of(template, template.parameters.check({}))) == {"PATH"}


def test_who_reads_the_folder_of_his_runs_keeps_his_name_while_they_are_made(
    project, tmp_path, put
):
    template = project('RUNS: str = ""  # [a folder of runs, or empty]', "print(RUNS)")
    out = tmp_path / "out"
    put(out, "toy-0123456789ab")
    planned = plans.plan_runs(template, [template.parameters.check({"RUNS": str(out)})])
    plans.write_plan(planned, out)
    put(out, planned.runs[0].name)
    put(out, planned.runs[0].name + ".2")
    again, left_out = plans.replan(template, out)
    assert [run.name for run in again.runs] == [run.name for run in planned.runs]
    assert left_out == []
    put(out, "toy-1123456789ab")  # of another notebook: that is what it reads
    assert name_of(template, RUNS=str(out)) != planned.runs[0].name


# ---- paths in lists, and for empty values --------------------------------------------


def test_paths_in_lists_and_for_empty_values_are_from_here_too(project, tmp_path, monkeypatch):
    template = project(
        'FILES = ["demand.csv", "data/a.csv"]\nEMPTY = ""\nNONE = None\nLIST = []\nDICT = {}\n'
        'MIXED = ["mean value", "demand.csv"]\nWORDS = ["a", "b"]'
    )
    here = tmp_path / "here"
    here.mkdir()
    for name in ("mine.csv", "my file.csv", "demand.csv", "a", "words"):
        (here / name).write_text("mine")
    monkeypatch.chdir(here)
    check = template.parameters.check
    mine, spaced = str(here / "mine.csv"), str(here / "my file.csv")
    given = {"FILES": ["mine.csv", "a"], "EMPTY": "my file.csv", "NONE": "mine.csv"}
    given |= {"LIST": ["mine.csv"], "DICT": {"in": ["mine.csv"]}, "MIXED": ["a", "mine.csv"]}
    found = check(given | {"WORDS": ["a"]})
    assert found["FILES"] == [mine, str(here / "a")]
    assert (found["EMPTY"], found["NONE"]) == (spaced, mine)
    assert (found["LIST"], found["DICT"]) == ([mine], {"in": [mine]})
    assert (found["MIXED"], found["WORDS"]) == (["a", mine], ["a"])  # words are no paths
    assert check({})["FILES"] == ["demand.csv", "data/a.csv"]  # the template's own, from its folder
    assert check({"NONE": "words"})["NONE"] == "words"
    assert check(found) == found


def test_a_word_that_is_a_file_here_and_another_at_the_notebooks_is_refused(
    project, tmp_path, monkeypatch, one_sentence
):
    template = project("NONE = None\nN = 3")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "mean").write_text("mine")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ParameterError) as caught:
        template.parameters.check({"NONE": "mean"})
    one_sentence(caught.value, "NONE is 'mean'", tmp_path, "write './mean' or its whole path")
    assert template.parameters.check({"NONE": "./mean"})["NONE"] == str(tmp_path / "here" / "mean")
    monkeypatch.chdir(tmp_path)
    assert template.parameters.check({"NONE": "mean"})["NONE"] == "mean"
