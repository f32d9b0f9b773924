"""Many runs: all planned or none, each made once, whoever is killed."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import math
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta

import psutil
import pytest

from aigc_course import reports
from aigc_course.reports import cluster as cluster_module
from aigc_course.reports import executors, history, plans, sweeps, templates, workers
from aigc_course.reports.parameters import ParameterError

WITHOUT_DASK = importlib.util.find_spec("distributed") is None
needs_dask = pytest.mark.skipif(WITHOUT_DASK, reason="Dask is not installed (extra: cluster)")

JOURNAL = """\
import time
from pathlib import Path

time.sleep(PAUSE)
with open(JOURNAL, "a") as file:
    file.write(f"{N} {SEED}\\n")"""


@pytest.fixture
def diary(write_template, tmp_path):
    """A template that writes a line into a file each time it is executed; and that file."""
    journal = tmp_path / "journal"
    journal.touch()
    template = write_template(
        tmp_path / "templates" / "diary.ipynb",
        "N: int = 1  # [1 to 100]\nSEED: int = 0\nPAUSE: float = 0.2  # [at least 0]\n"
        f"JOURNAL: str = {str(journal)!r}",
        JOURNAL,
        "from aigc_course import reports\nreports.record(score=N * 1000 + SEED)",
    )
    return template, journal


def executions(journal) -> Counter:
    return Counter(journal.read_text().splitlines())


# ---- planning ------------------------------------------------------------------------


def test_a_grid_combines_everything_with_every_set(toy):
    template = templates.find_template(toy)
    sets = plans.combine(template, [{"TEXT": "a"}, {"TEXT": "b"}], {"N": [1, 2], "SEED": [0, 1, 2]})
    assert len(sets) == 12
    assert {(s["TEXT"], s["N"], s["SEED"]) for s in sets} == {
        (text, n, seed) for text in "ab" for n in (1, 2) for seed in (0, 1, 2)
    }
    assert all(set(s) == set(template.parameters) for s in sets)


def test_the_same_set_twice_is_one_run(toy):
    template = templates.find_template(toy)
    planned = plans.plan_runs(
        template, plans.combine(template, [{"N": 1}, {"N": 1, "SEED": 0}, {}])
    )
    assert len(planned.runs) == 2
    assert len({run.name for run in planned.runs}) == 2


def test_everything_is_refused_before_anything_starts(toy, tmp_path):
    with pytest.raises(ParameterError) as caught:
        reports.sweep(toy, [{"N": 1}, {"M": 1}], grid={"SEED": [0, -1, 1.5]}, out=tmp_path / "out")
    assert len(caught.value.problems) == 3
    with pytest.raises(ParameterError, match="N is in the grid and among"):
        reports.sweep(toy, [{"N": 1}], grid={"N": [2]}, out=tmp_path / "out")
    with pytest.raises(ParameterError, match="N has no value"):
        reports.sweep(toy, grid={"N": []}, out=tmp_path / "out")
    with pytest.raises(ValueError, match="nothing to run"):
        reports.sweep(toy, [], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "sets"),
    [
        ("- {N: 1}\n- {N: 2, TEXT: x}", [(1, 0.0, "hello"), (2, 0.0, "x")]),
        ("fixed: {PAUSE: 1e-3}\ngrid: {N: [1, 2]}", [(1, 0.001, "hello"), (2, 0.001, "hello")]),
        ("grid:\n  N: 4", [(4, 0.0, "hello")]),
        ("- {TEXT: 中文}", [(3, 0.0, "中文")]),
    ],
)
def test_parameter_files_are_lists_of_sets_or_a_grid(toy, tmp_path, content, sets):
    (tmp_path / "p.yaml").write_text(content, encoding="utf-8")
    found = plans.parse_sweep(templates.find_template(toy), file=tmp_path / "p.yaml")
    assert [(s["N"], s["PAUSE"], s["TEXT"]) for s in found] == sets


@pytest.mark.parametrize(
    "content",
    [
        "",
        "3",
        "[]",
        "- 1",
        "{N: 1}",
        "grid: 3",
        "[",
        "a: b: c",
        "!!python/object:os.system {}",
        "\t",
    ],
)
def test_a_parameter_file_that_says_nothing_to_run_is_named(toy, tmp_path, content, one_sentence):
    (tmp_path / "p.yaml").write_text(content)
    with pytest.raises(ValueError, match=r"p\.yaml") as caught:
        plans.parse_sweep(templates.find_template(toy), file=tmp_path / "p.yaml")
    one_sentence(caught.value, "p.yaml")


def test_command_line_grid_and_fixed_values_join_the_file(toy, tmp_path):
    (tmp_path / "p.yaml").write_text("- {N: 1}\n- {N: 2}")
    found = plans.parse_sweep(
        templates.find_template(toy), ["TEXT=x"], ["SEED=0,1"], tmp_path / "p.yaml"
    )
    assert [(s["N"], s["SEED"], s["TEXT"]) for s in found] == [
        (1, 0, "x"), (1, 1, "x"), (2, 0, "x"), (2, 1, "x"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["jobs", "threads", "timeout"])
@pytest.mark.parametrize("value", [0, -1])
def test_no_jobs_threads_or_seconds_are_refused_before_anything_starts(
    toy, tmp_path, name, value, one_sentence
):
    with pytest.raises(ValueError, match=name) as caught:
        reports.sweep(toy, grid={"N": [1]}, out=tmp_path / "out", **{name: value})
    one_sentence(caught.value, f"{name} is {value}", "more than 0")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("timeout", math.inf, "nothing for no limit"),
        ("timeout", math.nan, "more than 0"),
        ("jobs", 1.5, "whole number"),
        ("threads", math.inf, "nothing for no limit"),
    ],
)
def test_numbers_that_are_none_are_refused(toy, tmp_path, name, value, words, one_sentence):
    with pytest.raises(ValueError, match=name) as caught:
        reports.sweep(toy, grid={"N": [1]}, out=tmp_path / "out", **{name: value})
    one_sentence(caught.value, f"{name} is {value}", words)


def test_one_job_makes_one_run_at_a_time(diary, tmp_path):
    template, _ = diary
    outcomes = reports.sweep(template, grid={"N": [1, 2, 3]}, out=tmp_path / "out", jobs=1)
    made = sorted((outcome.run.record for outcome in outcomes), key=lambda record: record.started)
    for earlier, later in itertools.pairwise(made):
        assert later.started >= earlier.started + timedelta(seconds=earlier.seconds)
    assert {record.threads for record in made} == {None}


# ---- making --------------------------------------------------------------------------


def test_a_sweep_makes_each_run_once_and_the_same_call_makes_none(diary, tmp_path):
    template, journal = diary
    out = tmp_path / "out"
    first = reports.sweep(template, grid={"N": [1, 2], "SEED": [0, 1]}, out=out)
    assert [outcome.status for outcome in first] == ["done"] * 4
    assert not any(outcome.recognised for outcome in first)
    assert [outcome.run.results["score"] for outcome in first] == [1000, 1001, 2000, 2001]
    second = reports.sweep(template, grid={"N": [1, 2, 3], "SEED": [0, 1]}, out=out)
    assert [outcome.recognised for outcome in second] == [True] * 4 + [False] * 2
    assert set(executions(journal).values()) == {1}
    assert len(list(out.glob("sweep-*.json"))) == 2  # neither plan was lost
    assert len(reports.load_runs(out)) == 6


def test_cores_are_shared_out_between_runs_that_are_beside_each_other(toy, tmp_path):
    cores = executors.num_cores()
    both = reports.sweep(toy, grid={"N": [1, 2]}, out=tmp_path, jobs=2)
    assert {outcome.run.record.threads for outcome in both} == {max(1, cores // 2)}
    alone = reports.sweep(toy, grid={"N": [3]}, out=tmp_path)
    assert alone[0].run.record.threads is None
    told = reports.sweep(toy, grid={"N": [4, 5]}, out=tmp_path, threads=1)
    assert {outcome.run.record.threads for outcome in told} == {1}


def test_failures_are_outcomes_and_do_not_stop_the_others(toy, tmp_path):
    outcomes = reports.sweep(toy, grid={"END": ["raise", "kill", "exit", "well"]}, out=tmp_path)
    assert [outcome.status for outcome in outcomes] == ["failed", "failed", "failed", "done"]
    assert all(outcome.run.folder.is_dir() for outcome in outcomes)
    assert "ValueError" in outcomes[0].message


def test_resume_goes_on_from_the_plan(diary, tmp_path):
    template, journal = diary
    out = tmp_path / "out"
    found = templates.find_template(template)
    planned = plans.plan_runs(found, plans.combine(found, grid={"N": [1, 2, 3]}))
    plans.write_plan(planned, out)
    reports.run(template, {"N": 2}, out=out)
    outcomes = reports.resume(template, out=out)
    assert [outcome.recognised for outcome in outcomes] == [False, True, False]
    assert executions(journal) == {"1 0": 1, "2 0": 1, "3 0": 1}


def test_resume_refuses_a_template_that_has_changed(diary, write_template, tmp_path, one_sentence):
    template, _ = diary
    out = tmp_path / "out"
    found = templates.find_template(template)
    plans.write_plan(plans.plan_runs(found, plans.combine(found, grid={"N": [1, 2]})), out)
    write_template(template, "N: int = 1\nSEED: int = 0", "print('changed')")
    with pytest.raises(ValueError, match="same as planned") as caught:
        reports.resume(template, out=out)
    one_sentence(caught.value, "the notebook", "instead of --resume")


@pytest.mark.parametrize("cell", ["N: int = 1\nM: int = 1", "M: int = 1"])
def test_resume_refuses_a_template_that_has_other_parameters(
    cell, write_template, tmp_path, one_sentence
):
    template = write_template(tmp_path / "grown.ipynb", "N: int = 1", "print(1)")
    found = templates.find_template(template)
    plans.write_plan(plans.plan_runs(found, [found.parameters.check({})]), tmp_path)
    write_template(template, cell, "print(1)")
    with pytest.raises(ValueError, match="not be the same as planned") as caught:
        reports.resume(template, out=tmp_path)
    one_sentence(caught.value, "the notebook", "instead of --resume")


def test_resume_takes_the_plans_of_today_and_names_the_others(
    diary, write_template, tmp_path, aigc, one_sentence
):
    """Older ones are of an edited notebook, or of another one of the same name."""
    template, journal = diary
    out = tmp_path / "out"
    before = templates.find_template(template)
    old = plans.write_plan(plans.plan_runs(before, plans.combine(before, grid={"N": [8, 9]})), out)
    text = template.read_text(encoding="utf-8")
    template.write_text(text.replace("A template with", "Another text of"), encoding="utf-8")
    now = templates.find_template(template)
    for grid in ({"N": [1, 2]}, {"N": [2, 3]}):
        plans.write_plan(plans.plan_runs(now, plans.combine(now, grid=grid)), out)
    events = []
    outcomes = reports.resume(template, out=out, on_event=events.append)
    assert [outcome.status for outcome in outcomes] == ["done"] * 3
    assert executions(journal) == {"1 0": 1, "2 0": 1, "3 0": 1}
    (said,) = [event["message"] for event in events if event["event"] == "left out"]
    one_sentence(said, old.name, "(changed: the notebook)")
    done = aigc("sweep", template, "--resume", "-o", out)
    assert (done.returncode, done.stdout.count(said), done.stdout.count("was done")) == (0, 1, 3)
    done = aigc("sweep", template, "--resume", "-o", out, "--json")
    assert json.loads(done.stdout.splitlines()[0]) == {"event": "left out", "message": said}


def test_resume_goes_on_beside_a_changed_file_and_leaves_out_the_plan_whose_file_is_gone(
    write_template, tmp_path, one_sentence
):
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text(name)
    path = write_template(tmp_path / "reader.ipynb", 'CSV = "a.csv"', "print(open(CSV).read())")
    template = templates.find_template(path)
    names = {}
    for name in "ab":
        sets = [template.parameters.check({"CSV": str(tmp_path / f"{name}.csv")})]
        names[name] = plans.write_plan(plans.plan_runs(template, sets), tmp_path / "out").name
    (tmp_path / "a.csv").write_text("changed")
    planned, said = plans.replan(template, tmp_path / "out")
    assert (len(planned.runs), said) == (2, [])
    (tmp_path / "b.csv").unlink()
    planned, (said,) = plans.replan(template, tmp_path / "out")
    assert len(planned.runs) == 1
    one_sentence(said, names["b"], "what CSV names")


def test_a_plan_of_another_way_of_naming_runs_is_not_resumed(toy, tmp_path, one_sentence):
    template = templates.find_template(toy)
    path = plans.write_plan(plans.plan_runs(template, [template.parameters.check({})]), tmp_path)
    old = json.loads(path.read_text())
    old["runs"][0] |= {"name": "toy-0123456789ab", "inputs": {"CSV": "1"}}
    path.write_text(json.dumps(old | {"held": {}, "since": None}))
    with pytest.raises(ValueError, match="same as planned") as caught:
        plans.replan(template, tmp_path)
    one_sentence(caught.value, "the course itself", "give the parameters anew")


def test_a_damaged_plan_is_named(toy, tmp_path, one_sentence):
    (tmp_path / "sweep-000000000000.json").write_text("{")
    with pytest.raises(ValueError, match="damaged") as caught:
        reports.resume(toy, out=tmp_path)
    one_sentence(caught.value, "sweep-000000000000.json")


# ---- killing -------------------------------------------------------------------------


def test_a_killed_worker_is_replaced_within_the_sweep(
    diary, tmp_path, kernels_of, eventually, kill
):
    template, journal = diary
    killed = []

    def on_event(event):
        if event["event"] == "cell" and not killed:
            killed.extend(kernels_of(psutil.Process().pid, "worker")[:1])
            kill(killed[0])

    outcomes = reports.sweep(
        template, [{"PAUSE": 0.5}], grid={"N": [1, 2, 3]}, out=tmp_path / "out", on_event=on_event
    )
    assert len(killed) == 1
    assert [outcome.status for outcome in outcomes] == ["done"] * 3
    assert sum(executions(journal).values()) == 3  # the first attempt had not come so far
    eventually(lambda: kernels_of(psutil.Process().pid) == [])


def test_a_worker_that_is_always_killed_loses_its_run_in_words(toy, tmp_path, kernels_of, kill):
    def on_event(event):
        if event["event"] == "cell":
            for worker in kernels_of(psutil.Process().pid, "worker"):
                kill(worker)

    (outcome,) = reports.sweep(toy, [{"PAUSE": 5}], out=tmp_path, on_event=on_event)
    assert (outcome.status, outcome.run) == ("lost", None)
    assert "worker process ended" in outcome.message
    assert reports.load_runs(tmp_path) == []


def test_a_killed_driver_takes_its_kernels_along_and_the_same_call_goes_on(
    diary, tmp_path, driver, kernels_of, eventually, kill, aigc
):
    template, journal = diary
    out = tmp_path / "out"
    arguments = ["sweep", template, "--grid", "N=1,2,3,4", "-p", "PAUSE=0.8", "-o", out]
    process = driver(*arguments)
    eventually(lambda: len(reports.load_runs(out)) >= 1, 60)
    kernels = eventually(lambda: kernels_of(process.pid))
    kill(process)
    process.wait(timeout=60)
    eventually(lambda: not any(map(is_alive, kernels)), 30)
    done = aigc(*arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert any(event.get("recognised") for event in events)
    assert len(reports.load_runs(out)) == 4
    assert set(executions(journal)) == {f"{n} 0" for n in (1, 2, 3, 4)}
    assert leftovers(out) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "batch system"])
def test_being_stopped_ends_with_130_says_what_is_kept_and_leaves_no_process(
    diary, tmp_path, driver, eventually, how
):
    template, _ = diary
    out = tmp_path / "out"
    process = driver("sweep", template, "--grid", "N=1,2,3,4", "-p", "PAUSE=1", "-o", out)
    eventually(lambda: len(reports.load_runs(out)) >= 1, 60)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(how)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "of 4 runs done, which are kept in" in said
    assert "Traceback" not in said
    eventually(lambda: not any(map(is_alive, family)), 10)


def test_two_drivers_of_one_sweep_make_each_run_once(diary, tmp_path, driver):
    template, journal = diary
    arguments = ["sweep", template, "--grid", "N=1,2,3,4", "-o", tmp_path / "out"]
    both = [driver(*arguments), driver(*arguments)]
    for process in both:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert executions(journal) == {f"{n} 0": 1 for n in (1, 2, 3, 4)}


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def leftovers(out) -> list[str]:
    """What a folder of runs has besides runs, plans and locks."""
    return [
        path.name
        for path in out.iterdir()
        if path.name != ".locks"
        and not path.name.startswith("sweep-")
        and not (path / "run.json").is_file()
    ]


def check_whole(out, template, count: int) -> None:
    """Each planned run is there, done once and undamaged; else only those whose kernel was killed."""
    (planned,) = plans.read_plans(out)
    assert len(planned.runs) == count
    records = reports.load_runs(out)
    runs = [run for run in records if run.done]
    done = [history.identity_name(run.name) for run in runs]
    assert sorted(done) == sorted(run.name for run in planned.runs)
    for run in records:
        assert run.done or run.record.failure.kind == "died", run.record.failure
    assert len({json.dumps(run.parameters, sort_keys=True) for run in runs}) == count
    for run in runs:
        assert run.damaged() == []
        assert run.results == {"score": run.parameters["N"] * 1000 + run.parameters["SEED"]}
    assert leftovers(out) == []


# Twice each of those that can be killed, and twice more what is killed most. Each kill costs the
# runs that were being made, seconds of a slow test; what a ninth would show, the second shows.
TARGETS = ["driver"] * 2 + ["worker"] * 2 + ["kernel"] * 4


@pytest.mark.slow
def test_eight_kills_at_random_lose_nothing_of_24_runs(
    diary, tmp_path, driver, kernels_of, kill, eventually, aigc
):
    template, _ = diary
    chance = random.Random(5)
    targets = chance.sample(TARGETS, len(TARGETS))
    seen: dict[int, psutil.Process] = {}
    sweep_number = 0

    def arguments():
        out = tmp_path / f"out{sweep_number}"
        return ["sweep", template, "--grid", f"N={','.join(map(str, range(1, 13)))}",
                "--grid", "SEED=0,1", "-o", out]  # fmt: skip

    process = driver(*arguments())
    deadline = time.monotonic() + 400
    while targets:
        assert time.monotonic() < deadline, f"not killed yet: {targets}"
        time.sleep(chance.uniform(0.2, 1.6))
        if process.poll() is not None:
            if process.returncode == 0:  # done before enough was killed: begin another
                check_whole(tmp_path / f"out{sweep_number}", template, 24)
                sweep_number += 1
            process = driver(*arguments())
            continue
        for kind in ("kernel", "worker"):
            seen |= {found.pid: found for found in kernels_of(process.pid, kind)}
        victims = [process] if targets[-1] == "driver" else kernels_of(process.pid, targets[-1])
        if victims and kill(chance.choice(victims)):
            targets.pop()
    kill(process)
    process.wait(timeout=60)
    for _ in range(3):
        done = aigc("sweep", template, "--resume", "-o", tmp_path / f"out{sweep_number}")
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    for number in range(sweep_number + 1):
        check_whole(tmp_path / f"out{number}", template, 24)
    eventually(lambda: not any(map(is_alive, seen.values())), 30)


# ---- Dask ----------------------------------------------------------------------------


class Cluster:
    """A real scheduler and two real workers on loopback."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.scheduler: subprocess.Popen | None = None
        self.workers: list[subprocess.Popen] = []

    def start(self, num_workers: int = 2) -> None:
        self.file.unlink(missing_ok=True)
        self.scheduler = self._dask(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--scheduler-file", self.file,
        )  # fmt: skip
        deadline = time.monotonic() + 120
        while not self.file.exists():
            assert self.scheduler.poll() is None
            assert time.monotonic() < deadline, "the scheduler wrote no file"
            time.sleep(0.05)
        self.workers = [self.start_worker() for _ in range(num_workers)]

    @property
    def address(self) -> str:
        return json.loads(self.file.read_text())["address"]

    def processes(self) -> list[psutil.Process]:
        """The workers themselves, not the nannies that start them anew.

        A nanny whose worker is killed before it has begun gives up; another takes its place.
        """
        self.workers = [w if w.poll() is None else self.start_worker() for w in self.workers]
        found = []
        for nanny in self.workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(nanny.pid).children():
                    if "spawn_main" in " ".join(child.cmdline()):
                        found.append(child)
        return found

    def stop(self) -> None:
        for process in [*self.workers, self.scheduler]:
            if process is not None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    for child in psutil.Process(process.pid).children(recursive=True):
                        with contextlib.suppress(psutil.NoSuchProcess):
                            child.kill()
                process.kill()
                process.wait(timeout=60)

    def start_worker(self) -> subprocess.Popen:
        return self._dask(
            "worker", "--host", "127.0.0.1", "--nthreads", "1", "--nworkers", "1",
            "--no-dashboard", "--scheduler-file", self.file,
            "--local-directory", self.folder,
        )  # fmt: skip

    def _dask(self, *arguments) -> subprocess.Popen:
        with open(self.folder / "dask.log", "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *map(str, arguments)], stdout=log, stderr=log
            )


@pytest.fixture
def cluster(tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    cluster = Cluster(folder)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def lone_scheduler(tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    cluster = Cluster(folder)
    cluster.start(num_workers=0)
    yield cluster
    cluster.stop()


@needs_dask
@pytest.mark.slow
def test_the_same_sweep_runs_on_a_dask_cluster(diary, tmp_path, cluster):
    template, journal = diary
    out = tmp_path / "out"
    outcomes = reports.sweep(
        template, grid={"N": [1, 2], "SEED": [0, 1]}, out=out, scheduler=cluster.address
    )
    assert [outcome.status for outcome in outcomes] == ["done"] * 4
    assert {outcome.run.record.threads for outcome in outcomes} == {1}
    check_whole(out, template, 4)
    assert set(executions(journal).values()) == {1}
    # Records are the same wherever they are made.
    assert all(o.recognised for o in reports.sweep(template, grid={"N": [1, 2]}, out=out))


@needs_dask
@pytest.mark.slow
def test_six_kills_of_dask_workers_driver_and_scheduler_lose_nothing_of_12_runs(
    diary, tmp_path, cluster, driver, kill, eventually
):
    template, _ = diary
    out = tmp_path / "out"
    grid = ["--grid", f"N={','.join(map(str, range(1, 7)))}", "--grid", "SEED=0,1"]
    chance = random.Random(7)
    targets = ["worker", "worker", "scheduler", "worker", "driver", "worker"]
    process = driver("sweep", template, *grid, "-p", "PAUSE=0.5", "-o", out,
                     "--scheduler", cluster.address)  # fmt: skip
    for target in targets:
        time.sleep(chance.uniform(0.5, 2.5))
        if target == "worker":
            kill(chance.choice(eventually(cluster.processes, 240)))
        elif target == "driver":
            kill(process)
            process.wait(timeout=60)
        else:
            # Only a driver that is connected can lose the connection.
            eventually(lambda: cluster.processes() and reports.load_runs(out), 240)
            kill(cluster.scheduler)
            said, _ = process.communicate(timeout=60)
            assert process.returncode == 1, said
            assert "scheduler" in said
            assert "Traceback" not in said
            cluster.stop()
            cluster.start()
        if process.poll() is not None:
            process = driver("sweep", template, "--resume", "-o", out,
                             "--scheduler", cluster.address)  # fmt: skip
    finish(cluster, process)
    for _ in range(3):
        process = driver("sweep", template, "--resume", "-o", out, "--scheduler", cluster.address,
                         "--timeout", "60")  # fmt: skip
        said = finish(cluster, process)
        if process.returncode == 0:
            break
    assert process.returncode == 0, said
    check_whole(out, template, 12)


def finish(cluster: Cluster, process: subprocess.Popen, seconds: float = 240) -> str:
    """Wait for a driver, and see to it that its cluster has workers meanwhile; what it said."""
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        assert time.monotonic() < deadline, "the driver does not end"
        cluster.processes()  # starts those anew that gave up
        time.sleep(0.2)
    said, _ = process.communicate(timeout=60)
    return said


@needs_dask
@pytest.mark.slow
def test_a_sweep_says_that_a_scheduler_has_no_worker_and_goes_on_when_there_is_one(
    diary, tmp_path, cluster
):
    template, _ = diary
    for process in cluster.workers:
        process.terminate()
        process.wait(timeout=60)
    events = []

    def on_event(event):
        events.append(event)
        if event["event"] == "waiting":
            cluster.workers = [cluster.start_worker()]

    (outcome,) = reports.sweep(
        template, grid={"N": [1]}, out=tmp_path / "out", scheduler=cluster.address,
        on_event=on_event,
    )  # fmt: skip
    assert outcome.status == "done"
    said = [event["message"] for event in events if event["event"] == "waiting"]
    assert any("has 0 workers" in message for message in said)


@needs_dask
@pytest.mark.slow
def test_waiting_for_a_worker_is_said_again_and_ends_with_the_limit(
    toy, tmp_path, lone_scheduler, monkeypatch
):
    monkeypatch.setattr(cluster_module, "EVERY", 2)
    events = []
    outcomes = reports.sweep(
        toy, grid={"N": [1, 2]}, out=tmp_path / "out", scheduler=lone_scheduler.address, timeout=6,
        on_event=events.append,
    )  # fmt: skip
    assert [outcome.status for outcome in outcomes] == ["lost", "lost"]
    assert all("has 0 workers" in outcome.message for outcome in outcomes)
    said = [event["message"] for event in events if "has 0 workers" in event.get("message", "")]
    assert len(said) > 1
    assert "dask worker" in said[0]
    assert len(list((tmp_path / "out").glob("sweep-*.json"))) == 1  # with which one goes on


@needs_dask
def test_who_takes_connections_and_never_speaks_is_no_scheduler(
    toy, tmp_path, monkeypatch, one_sentence
):
    monkeypatch.setattr(cluster_module, "CONNECTING", 3)
    monkeypatch.setattr(cluster_module, "SLOW", 0.2)
    events = []
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(OSError, match="no Dask scheduler") as caught:
            reports.run(toy, out=tmp_path, scheduler=address, on_event=events.append)
    one_sentence(caught.value, address, "start one")
    assert any("to answer, for up to 3 s" in event.get("message", "") for event in events)
    assert reports.load_runs(tmp_path) == []


@pytest.mark.parametrize(
    "address",
    ["; id", "", "tcp://", "tcp://host", "tcp://host:0", "host:99999", "http://h:1", "h:1\n"],
)
def test_what_is_no_address_of_a_scheduler_is_refused_at_once(toy, tmp_path, address, one_sentence):
    with pytest.raises(ValueError, match="no address") as caught:
        reports.run(toy, out=tmp_path / "out", scheduler=address)
    one_sentence(caught.value, repr(address), "tcp://host:8786")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "address", ["host:8786", "tcp://10.0.0.1:8786", "tls://[::1]:80", "tcp://a-b.example:1/"]
)
def test_addresses_of_schedulers_are_taken(address):
    assert executors.SweepOptions(scheduler=address).scheduler == address


@needs_dask
def test_a_scheduler_that_is_not_there_is_named(toy, tmp_path, aigc, one_sentence):
    done = aigc("sweep", toy, "--grid", "N=1,2", "-o", tmp_path, "--scheduler", "tcp://127.0.0.1:9")
    assert done.returncode == 2
    one_sentence(done.stdout, "Waiting for the scheduler", "for up to 10 s")
    one_sentence(done.stderr, "tcp://127.0.0.1:9", "start one")


def test_without_dask_a_scheduler_is_refused_with_what_to_install(
    toy, tmp_path, fresh_python, one_sentence
):
    program = (
        "import sys; sys.modules['distributed'] = None\nfrom aigc_course.cli import main; main()"
    )
    done = fresh_python(
        program, "sweep", str(toy), "--grid", "N=1,2", "-o", str(tmp_path),
        "--scheduler", "tcp://127.0.0.1:9",
    )  # fmt: skip
    assert done.returncode == 2
    one_sentence(done.stderr, "aigc-utils[cluster]")


# ---- worker processes ----------------------------------------------------------------


def test_workers_are_used_again_and_replaced_after_their_share(toy, tmp_path, kernels_of):
    found = templates.find_template(toy)
    planned = plans.plan_runs(found, plans.combine(found, grid={"N": [1, 2, 3]}))
    pids = []
    with workers.Workers(runs_each=2) as pool:
        for run in planned.runs:
            request = sweeps._job(planned, run, tmp_path, executors.SweepOptions(), None)
            pool.make(
                request,
                lambda event: pids.append(kernels_of(psutil.Process().pid, "worker")[0].pid),
            )
    assert len(set(pids)) == 2
    assert kernels_of(psutil.Process().pid, "worker") == []


def test_a_mistake_in_a_worker_is_an_answer_too(tmp_path):
    with workers.Workers() as pool:
        answer = pool.make('{"template": "gone.ipynb", "parameters": {}, "out": "x", "name": "y"}')
        assert answer["event"] == "refused"
        assert "gone.ipynb" in answer["message"]


@pytest.mark.parametrize("job", ["{}", "[", '{"template": 3}', '{"parameters": {}, "more": 1}'])
def test_a_job_that_is_none_is_refused_in_one_line(job):
    # A driver of another version may send it; nobody is left waiting.
    with workers.Workers() as pool:
        answer = pool.make(job)
    assert answer["event"] == "refused"
    assert "\n" not in answer["message"]


def test_a_worker_that_lives_and_answers_no_more_is_given_up(monkeypatch, one_sentence):
    monkeypatch.setattr(workers, "PATIENCE", 0.2)
    worker = workers.Worker()
    monkeypatch.setattr(worker, "_exchange", lambda job: None)  # as if its pipe had ended
    with pytest.raises(workers.WorkerDied) as caught:
        worker.make("{}", print)
    one_sentence(caught.value, "answered no more", "run it again")
    assert worker._process.wait(timeout=60) == -signal.SIGKILL
    worker.close()


def test_a_worker_that_ended_says_how(one_sentence):
    worker = workers.Worker()
    worker._process.kill()
    with pytest.raises(workers.WorkerDied) as caught:
        worker.make("{}", print)
    one_sentence(caught.value, f"code {-signal.SIGKILL}", "run it again")
    worker.close()
