"""What Python is seen to do with files: one process with the hook for each line of a table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aigc_course.reports import inputs, templates, traces, watch

# Makes the same folder for each piece of code, and runs it there in a fork with the hook.
PROGRAM = """\
import glob, json, os, py_compile, sys
from pathlib import Path
import numpy as np
from aigc_course.reports import watch

root = Path(sys.argv[1])
for number, code in enumerate(json.load(sys.stdin)):
    home, trace = root / str(number) / "home", root / str(number) / "trace"
    for name in ("d.csv", "e.csv", "data/a.csv", "data/b.csv", "../far/x.csv", "inner/y.csv"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("1,2\\n")
    (home / "helpers.py").write_text("def load(path='d.csv'):\\n    return open(path).read()\\n")
    (home / "linked").symlink_to(root / str(number) / "far")
    (home / "link.csv").symlink_to("d.csv")
    np.save(home / "n.npy", np.zeros(3))
    trace.mkdir()
    if os.fork() == 0:
        sys.stdin.close()
        os.chdir(home)
        sys.path.insert(0, "")
        py_compile.compile("helpers.py")
        try:
            watch.begin(trace)
            exec(code, {"np": np, "os": os, "glob": glob, "Path": Path, "__name__": "cell"})
        except BaseException as error:
            print(f"{code}: {error!r}", file=sys.stderr, flush=True)
        os._exit(0)
    os.wait()
"""

# The code; what it reads, writes and lists.
SEEN = [
    # ---- reading
    ("import csv\nlist(csv.reader(open('d.csv')))", "d.csv", "", ""),
    ("import json\njson.load(open('inner/y.csv'.replace('y', 'y'))) if 0 else open('e.csv')",
     "e.csv", "", ""),
    ("np.load('n.npy')", "n.npy", "", ""),
    ("np.load('n.npy', mmap_mode='r')", "n.npy", "", ""),
    ("np.loadtxt('d.csv', delimiter=',')", "d.csv", "", ""),
    ("np.fromfile('d.csv', np.uint8)", "d.csv", "", ""),
    ("Path('d.csv').read_text()", "d.csv", "", ""),
    ("(Path('..') / 'far' / 'x.csv').read_bytes()", "../far/x.csv", "", ""),
    ("os.close(os.open('d.csv', os.O_RDONLY))", "d.csv", "", ""),
    ("open(os.open('d.csv', os.O_RDONLY))", "d.csv", "", ""),
    ("open(b'd.csv')", "d.csv", "", ""),
    ("os.chdir('..')\nopen('far/x.csv')", "../far/x.csv", "", ""),
    ("os.chdir('data')\nopen('a.csv')\nos.chdir('..')\nopen('d.csv')", "data/a.csv d.csv", "", ""),
    ("open('linked/x.csv')", "../far/x.csv linked/x.csv", "", ""),
    ("open('linked/../home/d.csv')", "d.csv linked/../home/d.csv", "", ""),
    ("open('link.csv')", "d.csv link.csv", "", ""),
    ("os.listdir('linked')", "", "", "../far linked"),
    ("open('link.csv', 'a').write('x')\nopen('link.csv')", "d.csv link.csv", "d.csv link.csv", ""),
    ("import helpers", "helpers.py", "", ""),
    ("import helpers\nhelpers.load()", "helpers.py d.csv", "", ""),
    ("import runpy\nrunpy.run_path('helpers.py')", "helpers.py", "", ""),
    ("path = 'out.csv'\nopen(path, 'w')\npath = 'd.csv'\nopen(path)", "d.csv", "out.csv", ""),
    ("import zipfile\nzipfile.ZipFile('z.zip', 'w').write('d.csv', 'x')", "d.csv", "z.zip", ""),
    ("import threading\nt = threading.Thread(target=open, args=['d.csv'])\nt.start()\nt.join()",
     "d.csv", "", ""),
    ("try:\n    open('gone.csv')\nexcept OSError:\n    pass", "gone.csv", "", ""),
    ("try:\n    open('d.csv', 'x')\nexcept OSError:\n    open('d.csv')", "d.csv", "", ""),
    # ---- listing
    ("[open(p) for p in glob.glob('[de].csv')]", "d.csv e.csv", "", "."),
    ("os.listdir('data')", "", "", "data"),
    ("os.listdir()", "", "", "."),
    ("import importlib.metadata, pkgutil\nimportlib.metadata.version('numpy')\n"
     "list(pkgutil.iter_modules())", "", "", ""),
    ("list(os.walk('data'))", "", "", "data"),
    ("[p.read_text() for p in Path('../far').glob('*')]", "../far/x.csv", "", "../far"),
    ("glob.glob('no/*.csv')", "", "", "no"),
    # ---- writing
    ("open('log.txt', 'a').write('x')", "", "log.txt", ""),
    ("open('d.csv', 'a').write('x')", "", "d.csv", ""),
    ("open('d.csv', 'a').close()\nopen('d.csv')", "d.csv", "", ""),
    ("text = open('d.csv').read()\nopen('d.csv', 'w').write(text)", "d.csv", "", ""),
    ("open('d.csv', 'w').close()\nopen('d.csv').read()", "", "d.csv", ""),
    ("open('d.csv', 'r+').write('x')", "d.csv", "d.csv", ""),
    ("np.savez('x.npz', a=1)\nnp.load('x.npz')", "", "x.npz", ""),
    ("np.memmap('n.npy', mode='r+')", "n.npy", "", ""),
    ("os.truncate('d.csv', 1)\nopen('d.csv')", "d.csv", "d.csv", ""),
    ("open('t', 'w').close()\nos.replace('t', 'd.csv')\nopen('d.csv')", "", "t d.csv", ""),
    ("import shutil\nshutil.copy('d.csv', 'x.csv')\nopen('x.csv')", "d.csv", "x.csv", ""),
    ("import shutil\nshutil.move('d.csv', 'x.csv')\nopen('x.csv')", "d.csv", "d.csv x.csv", ""),
    ("os.link('d.csv', 'x.csv')\nopen('x.csv')", "d.csv", "x.csv", ""),
    ("os.symlink('d.csv', 'x.csv')\nopen('x.csv')", "d.csv", "x.csv", ""),
    ("os.remove('link.csv')\nopen('d.csv')", "d.csv", "link.csv", ""),
    ("os.symlink('d.csv', 'x')\nopen('x')\nos.remove('x')\nos.symlink('e.csv', 'x')\nopen('x')",
     "d.csv e.csv", "x", ""),
    ("import shutil\nshutil.copy('d.csv', 'inner/d.csv')\nshutil.rmtree('inner')\nopen('d.csv')",
     "d.csv", "inner inner/d.csv", ""),
    ("glob.glob('inner/*')\nimport shutil\nshutil.rmtree('inner')", "", "inner", "inner"),
    ("os.makedirs('new/deep')\nopen('new/deep/x', 'w').close()\n[open(p) for p in glob.glob('new/*/*')]",
     "", "new new/deep new/deep/x", ""),
    ("os.makedirs('data', exist_ok=True)\nopen('data/a.csv')", "data/a.csv", "", ""),
    ("os.mkdir('t')\nopen('t/x', 'w').close()\nos.rename('t', 'u')\nopen('u/x')", "", "t t/x u", ""),
    ("pid = os.fork()\nif not pid:\n    open('x.csv', 'w').close()\n    os._exit(0)\n"
     "os.waitpid(pid, 0)\nopen('x.csv')", "", "x.csv", ""),
    ("import sqlite3\nsqlite3.connect('runs.db').execute('create table t (n)')",
     "runs.db", "runs.db", ""),
    ("import sqlite3\nsqlite3.connect('file:d.csv?mode=ro', uri=True)", "d.csv", "", ""),
    # ---- what fails
    ("for f in (lambda: os.rmdir('data'), lambda: os.remove('data'), lambda: open('data', 'w'),\n"
     "          lambda: os.rename('gone', 'd.csv'), lambda: os.link('e.csv', 'd.csv'),\n"
     "          lambda: os.symlink('e.csv', 'd.csv'), lambda: os.mkdir('data')):\n"
     "    try:\n        f()\n    except OSError:\n        pass\nopen('data/a.csv'), open('d.csv')",
     "data/a.csv d.csv", "", ""),
    ("os.makedirs('inner/a')\nos.removedirs('inner/a')\nopen('inner/y.csv')",
     "inner/y.csv", "inner/a", ""),
    # ---- from an open folder
    ("list(os.fwalk('data'))", "", "", "data"),
    ("os.listdir(os.open('data', os.O_RDONLY))", "", "", "data"),
    ("f = os.open('.', os.O_RDONLY)\nos.rename('d.csv', 'x.csv', src_dir_fd=f, dst_dir_fd=f)\n"
     "open('x.csv')", "d.csv", "d.csv x.csv", ""),
    ("f = os.open('data', os.O_RDONLY)\nos.link('a.csv', 'x.csv', src_dir_fd=f)\n"
     "os.mkdir('new', dir_fd=f)\nopen('data/new/x', 'w')",
     "data/a.csv", "x.csv data/new data/new/x", ""),
    # ---- with the trace's own number closed, which another file gets then
    ("os.closerange(3, 64)\nf = open('own.txt', 'w')\nopen('e.csv')\nf.write('x')\nf.close()\n"
     "assert open('own.txt').read() == 'x'", "e.csv", "own.txt", ""),
    # ---- in C: h5py, as Keras uses it
    ("import h5py\nh5py.File('w.h5', 'w').close()\nh5py.File('w.h5').close()", "", "w.h5", ""),
    ("import h5py\ntry:\n    h5py.File('d.csv', 'w-')\nexcept OSError:\n    pass\n"
     "try:\n    h5py.File('d.csv')\nexcept OSError:\n    pass", "d.csv", "", ""),
    ("import h5py\nh5py.File('w.h5', 'a').close()\nimport io\nh5py.File(io.BytesIO(), 'w').close()",
     "w.h5", "w.h5", ""),
    # ---- what is none of the user's
    ("import decimal, idna, tempfile\nopen('/proc/self/stat')\nopen('/etc/passwd')\n"
     "os.makedirs('.cache')\nopen('.cache/x', 'w').close()\nopen(0, closefd=False)", "", ".cache .cache/x", ""),
    ("open('.made', 'w').close()\nopen('.made').read()\nos.mkdir('.c')\nos.listdir('.c')",
     "", ".made .c", ""),
    ("import sqlite3\nsqlite3.connect(':memory:')\nopen('a\\0b') if 0 else None", "", "", ""),
]  # fmt: skip


@pytest.fixture(scope="module")
def seen(tmp_path_factory, write_template):
    """What was noted of each piece of code, by its number, and the folder that it ran in."""
    root = tmp_path_factory.mktemp("watch").resolve()
    codes = [code for code, *_ in SEEN] + list(LOST)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root)], input=json.dumps(codes), text=True,
        capture_output=True, timeout=300, env={**os.environ, "TMPDIR": "/dev/shm"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""

    def find(code: str) -> traces.Trace:
        folder = root / str(codes.index(code))
        template = write_template(folder / "home" / "t.ipynb", "N = 1")
        around = traces.Surroundings(templates.find_template(template), folder / "out")
        trace = around.traced(
            traces.read_lines(folder / "trace" / watch.FILE), {}, {}, datetime.now(UTC)
        )
        for keys in (trace.reads or {}, trace.writes, trace.listed):
            for key in [key for key in keys if key.startswith("/")]:
                keys[Path(os.path.relpath(key, folder / "home")).as_posix()] = keys.pop(key)
        return trace

    return find


@pytest.mark.parametrize(("code", "reads", "writes", "listed"), SEEN)
def test_what_is_done_with_files_is_seen(seen, code, reads, writes, listed):
    trace = seen(code)
    assert set(trace.reads) == set(reads.split())
    assert set(trace.writes) == set(writes.split())
    assert set(trace.listed) == set(listed.split())


def test_a_content_is_that_at_the_first_look(seen, tmp_path):
    (tmp_path / "d.csv").write_text("1,2\n")
    before = inputs.content_at(tmp_path / "d.csv")
    for code in (
        "text = open('d.csv').read()\nopen('d.csv', 'w').write(text)",
        "open('d.csv', 'a').close()\nopen('d.csv')",
        "os.truncate('d.csv', 1)\nopen('d.csv')",
    ):
        assert seen(code).reads["d.csv"] == before
    assert seen("try:\n    open('gone.csv')\nexcept OSError:\n    pass").reads == {"gone.csv": ""}


# What cannot be followed; such a run is made anew each time.
LOST = [
    "os.rename('data', 'moved')\nopen('moved/a.csv')",
    "os.open('a.csv', os.O_RDONLY, dir_fd=os.open('data', os.O_RDONLY))",
    # A line that cannot be written, as on a full disk, and many that can.
    "import resource as r, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    "limits = r.getrlimit(r.RLIMIT_FSIZE)\nr.setrlimit(r.RLIMIT_FSIZE, (0, limits[1]))\n"
    "open('d.csv')\nr.setrlimit(r.RLIMIT_FSIZE, limits)\nopen('e.csv')",
]


@pytest.mark.parametrize("code", LOST)
def test_what_cannot_be_followed_is_not_taken_for_nothing(seen, code):
    assert seen(code).reads is None


def test_half_a_line_or_none_is_not_taken_for_nothing(tmp_path):
    assert traces.read_lines(tmp_path / "gone") is None
    (tmp_path / "half").write_text('["read", "/x", ""]\n["re')
    assert traces.read_lines(tmp_path / "half") is None


def test_what_could_not_be_noted_is_tried_again(tmp_path):
    lines = []

    def write(line: bytes) -> None:
        lines.append(json.loads(line))
        if len(lines) == 1:
            raise OSError(28, "No space left on device")

    watched = watch.FileWatch(str(tmp_path), write)
    for _ in range(3):
        watched("open", (str(tmp_path / "x.csv"), "r", 0))
    assert [kind for kind, *_ in lines] == ["read", "lost", "read"]


def test_nothing_is_raised_and_what_is_lost_is_said():
    lines = []
    watched = watch.FileWatch("/", lines.append)
    watched("open", ())  # not what Python says
    watched("os.scandir", (object(),))
    assert [json.loads(line)[0] for line in lines] == ["lost", "lost"]
    watched("compile", ())
    watched("open", (3, "r", 0))
    watched("open", ("a\0b", "r", 0))
    assert len(lines) == 2
