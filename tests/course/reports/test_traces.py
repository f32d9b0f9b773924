"""A record is current while all that its run read is the same; what runs write is no change.

Each notebook's code runs in a process of its own with the hook of a run's kernel, but without the
kernel; a few whole runs are at the end.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aigc_course import reports
from aigc_course.reports import inputs, records, templates, traces, watch

# Runs code in a fork with the hook for each line that it is given.
PROGRAM = """\
import glob, json, os, sqlite3, sys
from pathlib import Path
from aigc_course.reports import watch
for line in sys.stdin:
    home, folder, codes, values = json.loads(line)
    pid = os.fork()
    if not pid:
        sys.path.insert(0, "")
        names = {"glob": glob, "os": os, "sqlite3": sqlite3, "sys": sys, "Path": Path, **values}
        try:
            sys.stdout = open(os.devnull, "w")
            os.chdir(home)
            watch.begin(Path(folder))
            for code in codes:
                exec(code, names)
            os._exit(0)
        except BaseException as error:
            os.write(1, repr(error).encode())
            os._exit(1)
    if os.waitpid(pid, 0)[1] == 0:
        print("done", flush=True)
"""


@pytest.fixture(scope="module")
def execute(tmp_path_factory):
    """A function that runs code with the hook: in a folder, with values of parameters."""
    temporary = tmp_path_factory.mktemp("temporary")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip

    def run(home: Path, folder: Path, codes: list[str], values: dict) -> None:
        line = json.dumps([str(home), str(folder), codes, values])
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"

    run.temporary = temporary
    yield run
    process.stdin.close()
    process.wait(timeout=60)
    process.stdout.close()


class Project:
    """A notebook among files, and its runs."""

    def __init__(self, home: Path, path: Path, put, execute):
        self.home, self.path, self.put, self.execute = home, path, put, execute
        self.template = templates.find_template(path)
        self.count = 0

    def around(self) -> traces.Surroundings:
        return traces.Surroundings(self.template, self.home / "out")

    def run(self, meanwhile=lambda: None, **values) -> records.Record:
        """What the code does, as a record; its cells are those behind the first."""
        given = self.template.parameters.check(values)
        around, folder = self.around(), self.home.parent / f"trace{self.count}"
        named, self.count = around.named(given), self.count + 1
        number = self.count
        folder.mkdir()
        started = datetime.now(UTC)
        self.execute(self.home, folder, self.template.code_cells[1:], given)
        meanwhile()
        trace = around.traced(traces.read_lines(folder / watch.FILE), named, given, started)
        facts = {"parameters": given, **vars(trace)}
        facts |= {"started": started, "total_seconds": 1.0}
        path = self.put(self.home / "out", f"t-{number:012x}", **facts)
        return records.load_run(path).record

    def changed(self, record: records.Record) -> str:
        return self.around().changed(record)


@pytest.fixture
def project(write_template, tmp_path, put, execute):
    """A function that writes a notebook beside code and data."""
    home = (tmp_path / "home").resolve()
    for name, text in {
        "d.csv": "1",
        "e.csv": "2",
        "data/a.csv": "1",
        "data/b.csv": "1",
        "../far/x.csv": "1",
        "../far/mine.py": "from pathlib import Path\nX = Path(__file__).with_name('x.csv').open()\n",
        "helpers.py": "def load(folder='da' + 'ta'):\n    return os.listdir(folder)\nimport os\n",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    (home / "linked").symlink_to(home.parent / "far")
    (home / "out").mkdir()  # as `folders.check_folder` does before the first run

    def write(cell: str, *codes: str) -> Project:
        return Project(
            home, write_template(home / "t.ipynb", f"N = 1\n{cell}", *codes), put, execute
        )

    return write


# A notebook; a file that changes, or comes; whether a run is made anew.
CHANGES = [
    # A name that is used twice.
    ("", "p = 'o.csv'\nopen(p, 'w').close()\np = 'd.csv'\nopen(p).read()", "d.csv", True),
    ("", "p = 'd.csv'\nopen(p).read()\np = 'o.csv'\nopen(p, 'w').close()", "o.csv", False),
    # What is kept and added to counts if it is read, too.
    ("", "open('d.csv', 'a').write('x')\nopen('d.csv').read()", "d.csv", True),
    ("", "open('d.csv', 'a').write('x')", "d.csv", False),
    # Paths that are put together, and other folders.
    ("", "open(Path('..') / 'far' / 'x.csv')", "../far/x.csv", True),
    ("", "F = Path('..') / 'far'\nopen(os.path.join(F, 'x.csv'))", "../far/x.csv", True),
    ("", "open(f'{chr(100)}.csv')", "d.csv", True),
    ("", "glob.glob(os.path.join('data', '*.csv'))", "result_1.csv", False),
    ("", "glob.glob(os.path.join('data', '*.csv'))", "data/new.csv", True),
    ("", "os.chdir('..')\nopen('far/x.csv')", "../far/x.csv", True),
    ("", "sys.path.append(str(Path.cwd().parent / 'far'))\nimport mine", "../far/x.csv", True),
    ("", "sys.path.append('../far')\nimport mine", "../far/mine.py", True),
    # A folder that comes by an ordinary name.
    ("", "class C:\n    d = 'da' + 'ta'\nos.listdir(C.d)", "data/new.csv", True),
    ("", "import helpers\nhelpers.load()", "data/new.csv", True),
    ("", "for d in ['data']:\n    [open(f'{d}/{n}') for n in os.listdir(d)]", "data/b.csv", True),
    ("", "os.environ.get('D', 'data')", "data/a.csv", True),
    ("D = 'data'", "D", "data/a.csv", True),
    # What Python does not open: a library in C, a command.
    ("", "print('linked')", "../far/x.csv", True),
    ("C = 'e.csv'", "print('d.csv')", "d.csv", True),
    ("C = 'd.csv'", "print(C)", "d.csv", True),
    ("", "query = \"SELECT * FROM 'd.csv'\"", "d.csv", True),
    ("", "url = 'sqlite:///d.csv'", "d.csv", True),
    ("", "x = 'data/%d.png' % N", "data/1.png", True),
    ("", "x = 'da' 'ta'  # import data", "data/a.csv", False),
    ("", "data = d = 3", "data/a.csv", False),
    # What is not there yet.
    ("", "os.path.exists('new.csv')", "new.csv", True),
    ("", "os.path.exists('n' + 'ew.csv')", "new.csv", False),
    ("", "try:\n    open('n' + 'ew.csv')\nexcept OSError:\n    pass", "new.csv", True),
    # What runs make themselves.
    ("", "open('o.csv', 'w').close()", "o.csv", False),
    ("OUT = 'data'", "print(OUT)", "data/a.csv", False),
    ("", "glob.glob('data/*.csv')\nopen(f'data/{N}.csv', 'w').close()", "data/1.csv", False),
    ("", "glob.glob('data/*.csv')\nopen(f'data/{N}.csv', 'w').close()", "data/2.csv", True),
    ("", "open(f'data/{N}.txt', 'w').close()", "data/1.txt", False),
    ("", "Path('out').exists()", "out/toy-0123456789ab/run.json", False),
]


@pytest.mark.parametrize(("cell", "code", "file", "anew"), CHANGES)
def test_a_run_is_made_anew_if_what_it_read_has_changed(project, cell, code, file, anew):
    notebook = project(cell, code)
    record = notebook.run()
    assert notebook.changed(record) == ""
    path = notebook.home / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("tomorrow's")
    said = notebook.changed(record)
    assert bool(said) == anew
    name = Path(file).name
    assert (
        not anew
        or any(f"{part} " in f"{said} " for part in (name, "data/", "data", "linked/"))
        or ("far/" in said)
    )


def test_a_file_that_is_touched_or_put_back_is_the_same(project):
    notebook = project("", "open('d.csv').read()\nprint('data')")
    record = notebook.run()
    for name in ("d.csv", "data/a.csv"):
        path = notebook.home / name
        text = path.read_text()
        path.write_text("another")
        assert notebook.changed(record)
        path.write_text(text)
        assert notebook.changed(record) == ""


LOGS = [
    "open('log.txt', 'a').write('x')",
    "t = open('d.csv').read()\nopen('d.csv', 'w').write(t + str(N))",
    "db = sqlite3.connect('runs.db')\ndb.execute('create table if not exists t (n)')\n"
    "db.execute('insert into t values (1)')\ndb.commit()",
    "try:\n    t = open('all.csv').read()\nexcept OSError:\n    t = ''\n"
    "open('all.csv', 'w').write(t + str(N))",
    "import os\nif not os.path.exists('c.txt'):\n    open('c.txt', 'w').write('x')\nopen('c.txt')",
    "names = os.listdir('data')\nopen(f'data/r{N}.csv', 'w').write(str(names))",
    "old = glob.glob('*.csv')\nos.makedirs('figures', exist_ok=True)\n"
    "open(f'figures/{N}.png', 'w').close()\nopen(f'r{N}.csv', 'w').close()",
    "open(f'{N}.tmp', 'w').write(str(N))\nos.replace(f'{N}.tmp', 'best.csv')\nopen('best.csv')",
]


@pytest.mark.parametrize("code", LOGS)
def test_what_runs_leave_for_each_other_makes_none_of_them_anew(project, code):
    notebook = project("", code)
    made = [notebook.run(N=n) for n in (1, 2, 3)]
    assert [notebook.changed(record) for record in made] == ["", "", ""]


def test_a_log_that_somebody_else_has_edited_is_a_change(project):
    notebook = project("", LOGS[1])
    made = [notebook.run(N=n) for n in (1, 2)]
    (notebook.home / "d.csv").write_text("mine")
    assert [notebook.changed(record) for record in made] == ["d.csv has changed"] * 2
    (notebook.home / "d.csv").unlink()
    assert [notebook.changed(record) for record in made] == ["d.csv has changed"] * 2


def test_a_file_that_was_only_opened_to_be_written_to_is_an_input(project):
    codes = (
        "list(sqlite3.connect('in' + 'put.db').execute('select * from t'))",
        "open('d' + '.csv', 'r+').read()",
        "f = open('d' + '.csv', 'a+')\nf.seek(0)\nf.read()",
    )
    notebook = project("", "exec(CODES[N - 1])".replace("CODES", repr(codes)))

    def write(number: int) -> None:
        (notebook.home / "d.csv").write_text(str(number))
        (notebook.home / "input.db").unlink(missing_ok=True)
        with sqlite3.connect(notebook.home / "input.db") as base:
            base.execute(f"create table t as select {number}")
        base.close()

    write(1)
    made = [notebook.run(N=n) for n in (1, 2, 3, 1, 2)]
    assert {notebook.changed(record) for record in made} == {""}
    write(2)
    again = [notebook.run(N=n) for n in (1, 2)]
    changed = [notebook.changed(record).partition(" has")[0] for record in made]
    assert changed == ["input.db", "d.csv", "d.csv", "input.db", "d.csv"]
    assert [notebook.changed(record) for record in again] == ["", ""]


def test_runs_after_an_edit_of_a_log_excuse_none_before_it(project):
    notebook = project("", "t = open('d.csv').read()\nopen('d.csv', 'w').write(t + str(N))")
    before = [notebook.run(N=n) for n in (1, 2)]
    (notebook.home / "d.csv").write_text("mine")
    after = [notebook.run(N=n) for n in (3, 4)]
    assert [notebook.changed(record) for record in before] == ["d.csv has changed"] * 2
    assert [notebook.changed(record) for record in after] == ["", ""]


@pytest.mark.parametrize("name", ["c.txt", ".c.json", "new/c.txt"])
def test_what_a_run_makes_if_it_is_not_there_may_be_gone_and_not_be_edited(project, name):
    code = "import os\nif not os.path.exists(NAME):\n    os.makedirs('new', exist_ok=True)\n"
    code += "    open(NAME, 'w').write(str(N))\nopen(NAME).read()"
    notebook = project("", code.replace("NAME", repr(name)))
    record, path = notebook.run(), notebook.home / name
    assert notebook.changed(record) == ""
    path.write_text("mine")
    assert notebook.changed(record) == f"{name} has changed"
    path.unlink()
    assert notebook.changed(record) == ""


LINKED = [
    "open('latest' + '.csv')",
    "open(os.path.join('link' + 'ed', 'x.csv'))",
    "open(os.path.join('link' + 'ed', '..', 'x.csv'))",
    "os.listdir('link' + 'ed')",
    "glob.glob('link' + 'ed/*.csv')",
    "print('linked')",
    "print('latest.csv')",
]


@pytest.mark.parametrize("code", LINKED)
def test_a_link_that_leads_elsewhere_is_a_change(project, code):
    notebook = project("", code)

    def lead(store: str) -> None:
        for link, target in (("linked", f"{store}/in"), ("latest.csv", f"{store}/x.csv")):
            (notebook.home / link).unlink(missing_ok=True)
            (notebook.home / link).symlink_to(target)

    for store in (".store1", "store2"):
        (notebook.home / store / "in").mkdir(parents=True)
        for name in ("x.csv", f"in/{store}.csv", "in/x.csv"):
            (notebook.home / store / name).write_text(store)
    lead(".store1")
    record = notebook.run()
    assert notebook.changed(record) == ""
    lead("store2")
    assert "l" in notebook.changed(record)
    lead(".store1")
    assert notebook.changed(record) == ""


def test_of_the_course_s_data_folder_only_what_is_in_names_is_left_out(project, monkeypatch):
    code = "D = Path('..') / 'course'\n(D / f'plain{N}.txt').read_text()\n"
    code += "(D / f'set{N}' / 'a.csv').read_text()\n(D / 'named' / 'b.csv').read_text()"
    notebook = project("", code)
    data = notebook.home.parent / "course"
    monkeypatch.setenv("AIGC_DATA", str(data))
    files = [data / "plain1.txt", data / "set1" / "a.csv", data / "named" / "b.csv"]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    record = notebook.run()
    assert {Path(key).name for key in record.reads} == {"plain1.txt", "a.csv"}
    for path in files[:2]:
        path.write_text("2")
        assert path.name in notebook.changed(record)
        path.write_text("1")
    assert notebook.changed(record) == ""


HIDDEN = [
    ("", "open('.settings.json')", "home/.settings.json"),
    ("C = '.conf/a.yml'", "open(C)", "home/.conf/a.yml"),
    ("C = '.conf'", "open(C + '/a.yml')", "home/.conf/a.yml"),
    ("C = 'TEMPORARY/sales.csv'", "print(C)", "TEMPORARY/sales.csv"),
    ("C = 'TEMPORARY/.sales/1'", "open(C)", "TEMPORARY/.sales/1"),
    ("", "print('TEMPORARY/in')", "TEMPORARY/in/a.csv"),
    ("", "import tempfile\nopen(Path(tempfile.gettempdir()) / 'sales.csv')", "TEMPORARY/sales.csv"),
]


@pytest.mark.parametrize(("cell", "code", "file"), HIDDEN)
def test_hidden_and_temporary_files_that_were_there_are_inputs(
    project, execute, monkeypatch, cell, code, file
):
    monkeypatch.setattr(watch, "TEMPORARY", (str(execute.temporary),))
    cell, code, file = (
        text.replace("TEMPORARY", str(execute.temporary)) for text in (cell, code, file)
    )
    path = Path(file)
    notebook = project(cell, code)
    path = notebook.home.parent / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("1")
    record = notebook.run()
    assert notebook.changed(record) == ""
    path.write_text("2")
    assert notebook.changed(record).endswith(" has changed")


def test_temporary_and_hidden_files_of_a_run_s_own_are_none(project, execute, monkeypatch):
    monkeypatch.setattr(watch, "TEMPORARY", (str(execute.temporary),))
    code = "import tempfile\nwith tempfile.TemporaryDirectory() as d:\n"
    code += "    open(f'{d}/x', 'w').close()\n    open(f'{d}/x').read()\n    os.listdir(d)\n"
    code += "os.system(f'echo 1 > {tempfile.gettempdir()}/made')\n"
    code += "open(f'{tempfile.gettempdir()}/made').read()\n"
    code += "os.makedirs('.cache', exist_ok=True)\nopen(f'.cache/{N}', 'w').write('x')\n"
    code += "t = Path('.log').read_text() if os.path.exists('.log') else ''\n"
    code += "open('.log', 'w').write(t + str(N))"
    notebook = project("", code)
    made = [notebook.run(N=n) for n in (1, 2, 3)]
    assert [{*record.reads} for record in made] == [set(), {".cache/", ".log"}, {".cache/", ".log"}]
    assert [notebook.changed(record) for record in made] == ["", "", ""]
    (notebook.home / ".log").write_text("mine")
    assert notebook.changed(made[2]) == ".log has changed"


GATHERING = [
    "if N < 3:\n    open(f'res_{N}.csv', 'w').write(str(N))\nelse:\n    glob.glob('res_*.csv')",
    "if N < 3:\n    open(f'res_{N}.csv', 'w').write(str(N))\nelse:\n"
    "    os.makedirs('figures', exist_ok=True)\n    glob.glob('res_*.csv')",
    "if N < 3:\n    open(f'res_{N}.csv', 'w').write(str(N))\nelse:\n"
    "    t = [open(p).read() for p in glob.glob('res_*.csv')]\n    open('all.txt', 'w').write(str(t))",
]


@pytest.mark.parametrize("code", GATHERING)
def test_a_run_that_gathers_what_others_wrote_is_made_anew(project, code):
    notebook = project("", code)
    notebook.run(N=1)
    gathered = notebook.run(N=3)
    assert notebook.changed(gathered) == ""
    notebook.run(N=2)
    assert notebook.changed(gathered) == "there are other files in ."
    again = notebook.run(N=3)
    assert notebook.changed(again) == ""


def test_files_of_a_notebook_whose_name_begins_alike_are_another_s(project):
    notebook = project("", "glob.glob('data/*.csv')\nopen(f'data/{N}.csv', 'w').close()")
    record = notebook.run()
    (notebook.home / "data" / "big.csv").write_text("1")
    big = "t-big-0123456789ab"
    notebook.put(notebook.home / "out", big, writes={"data/big.csv": None}, reads={})
    assert notebook.changed(record) == "there are other files in data/"


@pytest.mark.parametrize("code", ["print('figures')", "os.listdir('fig' + 'ures')"])
def test_files_that_lay_where_a_run_writes_or_came_meanwhile_from_another_are_its_own(
    project, code
):
    notebook = project("", f"{code}\nopen(os.path.join('figures', f'{{N}}.png'), 'w').write('x')")
    (notebook.home / "figures").mkdir()
    for name in ("1.png", "a.txt"):
        (notebook.home / "figures" / name).write_text("old")
    others: list[records.Record] = []
    first = notebook.run(N=1, meanwhile=lambda: others.append(notebook.run(N=2)))
    assert [notebook.changed(record) for record in (first, *others)] == ["", ""]
    (notebook.home / "figures" / "a.txt").write_text("another")
    assert notebook.changed(first).startswith("figures")


def test_a_file_that_was_read_by_itself_may_be_touched(project):
    code = "F = os.path.join('..', 'far')\nos.listdir(F)\nopen(os.path.join(F, 'x.csv')).read()"
    notebook = project("", code)
    far = notebook.home.parent / "far"
    record = notebook.run()
    os.utime(far / "x.csv", (1, 1))
    assert notebook.changed(record) == ""
    os.utime(far / "mine.py", (1, 1))
    assert notebook.changed(record) == f"{far.as_posix()} has changed"
    (far / "y.csv").touch()
    assert notebook.changed(record) == f"there are other files in {far.as_posix()}"


def test_names_that_are_too_long_stop_nothing(project):
    code = "try:\n    open('x' * 300)\nexcept OSError:\n    pass\ntry:\n"
    code += "    open('t-0123456789ab.' + '1' * 300)\nexcept OSError:\n    pass"
    notebook = project("", code)
    assert notebook.changed(notebook.run()) == ""


def test_of_a_listed_folder_with_too_many_files_nothing_is_known(project):
    code = "from aigc_course.reports import watch\nwatch.MOST_LISTED = 1\nos.listdir('da' + 'ta')"
    notebook = project("", code)
    assert "data holds more than" in notebook.changed(notebook.run())


def test_a_folder_of_which_only_a_hash_was_kept_is_compared_by_it(project, monkeypatch):
    monkeypatch.setattr(traces, "MOST_HELD", 0)
    notebook = project("", "os.listdir('da' + 'ta')\nprint('data')")
    record = notebook.run()
    assert record.held == {}
    assert notebook.changed(record) == ""
    (notebook.home / "data" / "c.csv").touch()
    assert notebook.changed(record)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("open('best.csv', 'w').write(str(N))\nopen('best.csv').read()", True),
        ("t = open('d.csv').read()\nopen('d.csv', 'w').write(t + str(N))", True),
        ("open('log.txt', 'a').write(str(N))", False),
        ("open(f'{N}.csv', 'w').write(str(N))\nopen(f'{N}.csv').read()", False),
    ],
)
def test_runs_that_write_one_file_at_the_same_time_say_so(project, one_sentence, code, told):
    notebook = project("", code)
    before = notebook.run(N=3)
    others: list[records.Record] = []
    record = notebook.run(N=1, meanwhile=lambda: others.append(notebook.run(N=2)))
    assert before.notes == []
    assert bool(record.notes) == told
    if told:
        one_sentence(record.notes[0], "was written by", others[0].name, "one after the other")


def test_what_a_run_of_another_stage_has_made_is_an_input(project):
    code = "if N < 3:\n    open('f.npy', 'w').write(str(N))\nelse:\n    open('f.npy').read()"
    notebook = project("", code)
    notebook.run(N=1)
    trained = notebook.run(N=3)
    assert notebook.changed(trained) == ""
    notebook.run(N=2)
    assert notebook.changed(trained) == "f.npy has changed"


def test_of_much_sizes_and_times_count_and_of_too_much_nothing_is_known(project, monkeypatch):
    notebook = project("", "print('data')")
    monkeypatch.setattr(inputs, "MOST_FILES", 1)
    record = notebook.run()
    assert record.reads["data/"].startswith(watch.ROUGH)
    (notebook.home / "data" / "a.csv").touch()
    assert notebook.changed(record) == "data/ has changed"
    monkeypatch.setattr(watch, "MOST_LISTED", 1)
    assert "too many" in notebook.changed(notebook.run())
    monkeypatch.setattr(traces, "MOST_READ", 0)
    record = notebook.run()
    assert (record.reads, record.notes) == (None, ["It read more than 0 files."])
    assert "not known" in notebook.changed(record)


def test_links_in_a_circle_and_what_cannot_be_read_are_looked_at(project):
    notebook = project("", "print('data', 'gone', '\\0', 'x' * 3)")
    (notebook.home / "data" / "round").symlink_to("../data")
    (notebook.home / "data" / "nothing").symlink_to("nowhere")
    (notebook.home / "gone").symlink_to("/proc/self/mem")
    record = notebook.run()
    assert set(record.reads) == {"data/"}
    assert notebook.changed(record) == ""


def test_a_record_that_does_not_say_what_it_read_is_not_current(project, put, tmp_path):
    notebook = project("", "pass")
    old = records.load_run(put(tmp_path / "old", "t-0123456789ab", reads=None)).record
    assert notebook.changed(old) == "what it read is not known"


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("!python script.py data > out.txt", "data/ script.py"),
        ("%run script", "script.py"),
        ("%%bash\nsort d.csv\nls data", "d.csv data/"),
        ("x = !cat data/*.csv", "data/"),
        ("!python train.py --data=d.csv -m helpers", "d.csv helpers.py"),
        ("f(f'data/{N}.csv', 'data/%d' % N)", "data/"),
        ("f('data/?.csv', 'my file.csv')", "data/ my file.csv"),
        ("f('..', '.', '/', '/proc', '/usr', 't.ipynb')", ""),
        ("f('d.csv'", "d.csv"),
    ],
)
def test_files_that_the_code_names_are_found(project, code, files):
    notebook = project("", code)
    for name in ("script.py", "my file.csv"):
        (notebook.home / name).write_text("1")
    expected = {"data/", "d.csv", "script.py", "helpers.py", "my file.csv"}
    expected = {name for name in expected if name in files}
    assert set(notebook.around().named({})) == expected


def test_the_files_that_parameters_name_are_found_but_for_places_to_write_to(project):
    notebook = project("A = 'd.csv'\nB = ['x', {'y': 'data'}]\nOUT_CSV = 'e.csv'\ncache = 'data'")
    assert set(notebook.around().named({})) == set()
    values = notebook.template.parameters.check({})
    assert set(notebook.around().named(values)) == {"d.csv", "data/"}
    assert set(notebook.around().named({**values, "A": "e.csv"})) == {"e.csv", "data/"}


# ---- whole runs ----------------------------------------------------------------------------


def test_what_is_read_while_the_kernel_ends_is_noted(project):
    code = "import atexit, time\ndef late():\n    time.sleep(0.5)\n    open('la' + 'te.csv')\n"
    notebook = project("", f"{code}atexit.register(late)")
    (notebook.home / "late.csv").write_text("1")
    run = reports.run(notebook.path, out=notebook.home / "out")
    assert "late.csv" in run.record.reads


EDITED = """\
import subprocess, sys
text = open("d.csv").read()
if N == 2 and text == "1":  # as somebody does while the notebook runs
    subprocess.run([sys.executable, "-c", "open('d.csv', 'w').write('edited')"], check=True)
open("log.txt", "a").write(text)
old = open("all.csv").read() if __import__("os").path.exists("all.csv") else ""
open("all.csv", "w").write(old + text)"""


def test_a_sweep_loses_nothing_when_a_file_is_edited_while_it_runs(project, one_sentence):
    notebook = project("", EDITED, "from aigc_course import reports\nreports.record(text=text)")
    out = notebook.home / "out"

    def sweep() -> tuple[list, list[str], list[str]]:
        events: list[dict] = []
        grid = {"N": [1, 2, 3]}
        made = reports.sweep(notebook.path, grid=grid, out=out, on_event=events.append, jobs=1)
        assert [outcome.status for outcome in made] == ["done"] * 3
        said = [
            [event["message"] for event in events if event["event"] == kind]
            for kind in ("changed", "noted")
        ]
        return made, *said

    first, said, noted = sweep()
    assert [outcome.run.results["text"] for outcome in first] == ["1", "1", "edited"]
    assert said == []
    (note,) = first[1].run.record.notes
    one_sentence(note, "d.csv changed while the notebook ran")
    assert noted == [f"{first[1].run.name}: {note}"]
    second, said, noted = sweep()
    assert [outcome.recognised for outcome in second] == [False, False, True]
    assert [outcome.run.results["text"] for outcome in second] == ["edited"] * 3
    one_sentence(said[0], "d.csv has changed since t-", "made anew")
    assert len(said) == 1
    rows = reports.compare([*first, *second]).rows
    assert {len(row.made_with) for row in rows} == {1}  # contents of d.csv
    third, *said = sweep()
    assert ([outcome.recognised for outcome in third], said, noted) == ([True] * 3, [[], []], [])
