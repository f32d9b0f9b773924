"""Training speed of the course's VAE beside that of others, measured in one run.

Each competitor is a process that lives as long as the run (`workers/`). They take turns, an
epoch each, and a round is one turn of everybody: what slows the machine for a while slows
all alike. Run it by ``make bench``, or ``python tests/benchmarks/bench.py --help``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from matplotlib.figure import Figure

from aigc_utils import plots
from aigc_utils.files import atomic_path
from aigc_utils.runtime import multiplies_bfloat16

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ON_JAX = ROOT / ".venv" / "on-jax"
TRAIN_IMAGES = 60_000
PRODUCT_FLOPS = 2 * 2048**3  # of one step of workers/products.py
PAUSE_S = 0.3  # lets the threads of whoever ran last fall asleep before the next turn
EAGER = "PyTorch eager"

# Multiplications of one image's forward pass, layer by layer, each with its addition: inputs
# times outputs of a dense layer; places times kernel size times channels in times channels out
# of a convolution, places being those of the output, or of the input where it is transposed.
DENSE = (784 * 512, 512 * 256, 256 * 32, 16 * 256, 256 * 512, 512 * 784)
TORCH_EXAMPLE = (784 * 400, 400 * 40, 20 * 400, 400 * 784)
KERAS_IO = (
    14 * 14 * 9 * 1 * 32, 7 * 7 * 9 * 32 * 64, 3136 * 16, 16 * 4,
    2 * 3136, 7 * 7 * 9 * 64 * 64, 14 * 14 * 9 * 64 * 32, 28 * 28 * 9 * 32 * 1,
)  # fmt: skip


def training_flops(multiply_adds: Sequence[int]) -> int:
    """Floating-point operations of training on one image: 6 a multiply-add, less some.

    Two for the forward pass, two for the gradient of the weights and two for the gradient of
    the layer's input, which nobody needs of the first layer. Products alone are counted;
    activations, noise, loss and Adam are left out, as is usual.
    """
    return 6 * sum(multiply_adds) - 2 * multiply_adds[0]


@dataclass(frozen=True)
class Competitor:
    """Who takes part, and how it is started.

    Attributes:
        name: in table and plot.
        worker: a file in `workers/`.
        arguments: its command line.
        peer: runs in the environment of PyTorch and JAX.
        multiply_adds: layer by layer, see `training_flops`.
        epochs: of the published recipe, for published examples; None for the dense VAE of
            latent size 16, which is the same model in all others.
        batch_size: of the published recipe; None for that of all others.
        latent_dim: of a published example; ours is held to it in a second comparison.
        share: of a round's steps; less than 1 spares time where a step takes many times longer.
    """

    name: str
    worker: str
    arguments: tuple[str, ...] = ()
    peer: bool = False
    multiply_adds: tuple[int, ...] = DENSE
    epochs: int | None = None
    batch_size: int | None = None
    latent_dim: int = 16
    share: float = 1.0


COMPETITORS = (
    Competitor("ours, float32", "ours.py"),
    *(
        [Competitor("ours, bfloat16", "ours.py", ("--products", "bfloat16"))]
        if multiplies_bfloat16()
        else []
    ),
    Competitor("ours, XLA", "ours.py", ("--xla",)),
    Competitor("Keras fit", "keras_fit.py"),
    Competitor(EAGER, "torch_vae.py", peer=True),
    Competitor("PyTorch compiled", "torch_vae.py", ("--compile",), peer=True),
    Competitor("JAX jit", "jax_vae.py", peer=True),
)
PUBLISHED = (
    Competitor("keras.io example", "keras_io.py", multiply_adds=KERAS_IO, epochs=30,
        batch_size=128, latent_dim=2, share=0.2,
    ),
    # The published loss is summed over the batch, which Adam does not notice.
    Competitor(
        "PyTorch example", "torch_vae.py",
        ("--grey", "--hidden-units", "400", "--latent-dim", "20"),
        peer=True, multiply_adds=TORCH_EXAMPLE, epochs=10, batch_size=128, latent_dim=20,
    ),
)  # fmt: skip
YARDSTICK = Competitor("float32 products", "products.py")


class WorkerError(RuntimeError):
    """A worker could not be started, or ended before its time."""


class Worker:
    """A competitor's process; it has trained one batch when this returns.

    Raises:
        WorkerError: with "not installed", or the last line that it wrote to standard error.
    """

    def __init__(self, competitor: Competitor, settings: argparse.Namespace, *more: str):
        python = settings.peers_python if competitor.peer else Path(sys.executable)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        environment = {
            # PyTorch's threads wait for each other by spinning for milliseconds, which costs a
            # factor of ten and more as soon as anything else runs; this is the short spin that
            # their library takes by itself where it knows that it shares the processor.
            "GOMP_SPINCOUNT": "1000",
            **os.environ,
            "CUDA_VISIBLE_DEVICES": "-1",  # the comparison is of processors
            "JAX_PLATFORMS": "cpu",
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            # An empty cache, so that seconds to the first batch are those of a first time.
            "TORCHINDUCTOR_CACHE_DIR": settings.cache_dir,
        }
        if python == Path(sys.executable) and competitor.worker == "jax_vae.py":
            environment["PYTHONPATH"] = str(ON_JAX)  # kept apart from what readers' kernels load
        started = ("--started", str(time.time()))
        batch = ("--batch-size", str(competitor.batch_size or settings.batch_size))
        try:
            self._process = subprocess.Popen(
                [python, HERE / "workers" / competitor.worker,
                 *competitor.arguments, *batch, *started, *more],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
                text=True, env=environment,
            )  # fmt: skip
        except FileNotFoundError:
            raise WorkerError("not installed") from None
        try:
            self.hello = self._read()
        except WorkerError:
            self.kill()
            raise

    def ask(self, do: str, **values: object) -> dict:
        """Give one command and wait for the answer."""
        with contextlib.suppress(BrokenPipeError):  # then `_read` says why
            self._process.stdin.write(json.dumps({"do": do, **values}) + "\n")
            self._process.stdin.flush()
        return self._read()

    def kill(self) -> None:
        """End the process, whatever it is doing; without effect on one that has ended."""
        self._process.kill()
        self._process.communicate(timeout=60)
        self._errors.close()

    def _read(self) -> dict:
        line = self._process.stdout.readline()
        if line:
            return json.loads(line, parse_constant=_not_finite)
        self._process.wait(60)
        self._errors.seek(0)
        last = (self._errors.read().decode(errors="replace").strip().splitlines() or ["no word"])[
            -1
        ]
        missing = last.startswith("ModuleNotFoundError")
        raise WorkerError("not installed" if missing else f"failed: {last[:200]}")


def _not_finite(name: str) -> None:
    raise WorkerError(f"failed: a number came out as {name}")


@contextlib.contextmanager
def running(competitor: Competitor, settings: argparse.Namespace, *more: str) -> Iterator[Worker]:
    """A worker that ends with the block."""
    worker = Worker(competitor, settings, *more)
    try:
        yield worker
    finally:
        worker.kill()


# ---- the first phase: speed, and time to a score ---------------------------------------------


class Entry:
    """What is known of one competitor; `record` gives it as JSON has it."""

    def __init__(self, competitor: Competitor):
        self.competitor = competitor
        self.worker: Worker | None = None
        self.status = "ok"
        self.batch_size = self.steps = 0  # of a round
        self.peak_memory_mb: float | None = None
        self.speeds: list[float] = []  # images a second, one a round
        self.losses: list[float] = []
        self.call_seconds: list[float] = []
        self.seconds = 0.0  # of training so far, without the first batch
        self.scores: list[tuple[float, float]] = []  # seconds so far, held-out negative ELBO

    def attempt(self, action: Callable[[], None]) -> None:
        """Do something with the worker; if that fails, go on without it, and say so."""
        try:
            action()
        except WorkerError as error:
            self.status = str(error)
            say(f"{self.competitor.name}: {self.status}")
            if self.worker is not None:
                self.worker.kill()

    def start(self, settings: argparse.Namespace) -> None:
        self.worker = Worker(self.competitor, settings)
        self.batch_size = self.competitor.batch_size or settings.batch_size
        self.steps = max(1, round(settings.steps * self.competitor.share))

    def turn(self, timed: bool) -> None:
        """One round: train, then score without counting the time."""
        time.sleep(PAUSE_S)
        answer = self.worker.ask("steps", steps=self.steps)
        self.seconds += answer["seconds"]
        self.losses.append(answer["loss"])
        if timed:
            self.speeds.append(self.steps * self.batch_size / answer["seconds"])
            self.call_seconds.append(answer["call_seconds"])
        if self.competitor.epochs is None:
            self.scores.append((self.seconds, self.worker.ask("evaluate")["negative_elbo"]))

    def stop(self) -> None:
        self.peak_memory_mb = self.worker.ask("stop")["peak_memory_mb"]

    def seconds_to(self, target: float) -> float | None:
        """Seconds of training after which the held-out score first was at most ``target``."""
        return next((seconds for seconds, score in self.scores if score <= target), None)

    def record(self, product_rates: Sequence[float], eager: Entry | None, target: float) -> dict:
        flops = training_flops(self.competitor.multiply_adds)
        hello = self.worker.hello if self.worker else {}
        shares = [s * flops / r for s, r in zip(self.speeds, product_rates, strict=False)]
        eager_speeds = eager.speeds if eager else []
        ratios = [s / e for s, e in zip(self.speeds, eager_speeds, strict=False)]
        return {
            "name": self.competitor.name,
            "status": self.status,
            "versions": hello.get("versions"),
            "flops_per_image": flops,
            "images_per_second": spread(self.speeds),
            "share_of_product_rate": median(shares) if shares else None,
            "ratio_to_pytorch_eager": median(ratios) if ratios else None,
            "seconds_to_first_batch": hello.get("ready"),
            "peak_memory_mb": self.peak_memory_mb,
            "seconds_to_target": self.seconds_to(target),
            "losses": self.losses,
            "call_seconds": self.call_seconds,
            "held_out": [
                {"seconds": seconds, "negative_elbo": score} for seconds, score in self.scores
            ],
        }


def compare_speeds(settings: argparse.Namespace) -> dict:
    """Speed rounds of everybody, then epochs for those that have not reached the target."""
    yardstick = Entry(YARDSTICK)
    entries = [Entry(c) for c in (*COMPETITORS, *PUBLISHED)]
    products: list[float] = []  # floating-point operations a second, one a round
    try:
        yardstick.start(settings)
        for entry in entries:  # one after another: each start has the machine to itself
            say(f"starting {entry.competitor.name}")
            entry.attempt(lambda entry=entry: entry.start(settings))
        for number in range(settings.rounds):
            say(f"round {number + 1} of {settings.rounds}")
            time.sleep(PAUSE_S)
            answer = yardstick.worker.ask("steps", steps=settings.products)
            products.append(PRODUCT_FLOPS * settings.products / answer["seconds"])
            # Each round begins with another, so that nobody always follows the same one.
            for entry in entries[number % len(entries) :] + entries[: number % len(entries)]:
                if entry.status == "ok":
                    entry.attempt(lambda entry=entry: entry.turn(True))
        for number in range(settings.rounds, settings.max_epochs):
            late = [
                entry for entry in entries
                if entry.status == "ok" and entry.competitor.epochs is None
                and entry.seconds_to(settings.target) is None
            ]  # fmt: skip
            if late:
                say(f"epoch {number + 1}: {len(late)} above {settings.target:g} nats")
            for entry in late:
                entry.attempt(lambda entry=entry: entry.turn(False))
        for entry in entries:
            if entry.status == "ok":
                entry.attempt(entry.stop)
    finally:
        for entry in (yardstick, *entries):
            if entry.worker is not None:
                entry.worker.kill()
    eager = next((entry for entry in entries if entry.competitor.name == EAGER), None)
    return {
        "product_rate_gflops": spread([rate / 1e9 for rate in products]),
        "competitors": [entry.record(products, eager, settings.target) for entry in entries],
    }


# ---- the second phase: the published examples ------------------------------------------------


def compare_with_published(settings: argparse.Namespace) -> list[dict]:
    """Seconds that each published example takes for its score, and that ours takes for it."""
    return [beside(example, settings) for example in PUBLISHED]


def beside(example: Competitor, settings: argparse.Namespace) -> dict:
    """Train an example by its recipe, then ours until it is as good, from several seeds."""
    steps = settings.published_steps or example.epochs * (TRAIN_IMAGES // example.batch_size)
    result = {
        "name": example.name, "status": "ok", "epochs": example.epochs, "steps": steps,
        "seconds": None, "negative_elbo": None, "ours": [],
    }  # fmt: skip
    say(f"{example.name}: {steps} steps")
    try:
        with running(example, settings) as worker:
            result["seconds"] = worker.ask("steps", steps=steps)["seconds"]
            answer = worker.ask("evaluate", images=settings.published_images)
            result["negative_elbo"] = target = answer["negative_elbo"]
        for latent_dim in (16, example.latent_dim):
            runs = [reach(target, latent_dim, seed, settings) for seed in range(settings.repeats)]
            # A run that never got there took longer than any that did.
            seconds = median(math.inf if run is None else run for run in runs)
            reached = math.isfinite(seconds)
            result["ours"].append({
                "latent_dim": latent_dim, "runs_seconds": runs,
                "seconds": seconds if reached else None,
                "ratio": result["seconds"] / seconds if reached else None,
            })  # fmt: skip
    except WorkerError as error:
        result["status"] = str(error)
    return result


def reach(target: float, latent_dim: int, seed: int, settings: argparse.Namespace) -> float | None:
    """Seconds of training until ours scores ``target`` on grey test images; None if never."""
    # As the course trains: from the mean image, batches of 256, the peak rate of `train`, and
    # products as the processor likes them. It trains on binary draws, as always.
    ours = Competitor("ours", "ours.py", ("--adapt", "--grey", "--products", "auto"))
    options = {
        "--batch-size": 256, "--learning-rate": 2e-3, "--latent-dim": latent_dim, "--seed": seed
    }  # fmt: skip
    command = [str(word) for option in options.items() for word in option]
    say(f"ours, latent size {latent_dim}, seed {seed}, to {target:.1f} nats")
    with running(ours, settings, *command) as worker:
        answer = worker.ask(
            "reach", target=target, images=settings.published_images, max_steps=settings.max_steps
        )
    return answer["seconds"]


# ---- what is reported ------------------------------------------------------------------------


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def spread(values: Sequence[float]) -> dict | None:
    """Median, least and most, and the values themselves; None if there are none."""
    if not values:
        return None
    return {
        "median": median(values), "low": min(values), "high": max(values), "rounds": list(values)
    }  # fmt: skip


def machine() -> dict:
    """What the numbers depend on; the load tells whether the machine was idle."""
    name = platform.processor()
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        name = next((x.split(":")[1].strip() for x in file if x.startswith("model name")), name)
    return {
        "processor": name, "cores": os.cpu_count(), "system": platform.platform(),
        "python": platform.python_version(), "load_before": os.getloadavg()[0],
    }  # fmt: skip


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, the first one to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def summary(report: dict) -> str:
    """All that a reader wants to know, as text."""
    target = report["settings"]["target"]
    rows = [[
        "", "images/s", "range", "of fp32 rate", "to PyTorch eager", "first batch (s)",
        "memory (MB)", f"to {target:g} nats (s)",
    ]]  # fmt: skip
    for c in report["competitors"]:
        if c["status"] != "ok":
            rows.append([f"{c['name']}: {c['status']}", *["-"] * 7])
            continue
        speed = c["images_per_second"]
        rows.append([
            c["name"], f"{speed['median']:,.0f}", f"{speed['low']:,.0f}–{speed['high']:,.0f}",
            number(c["share_of_product_rate"], ".0%"), number(c["ratio_to_pytorch_eager"], ".2f"),
            number(c["seconds_to_first_batch"], ".1f"), number(c["peak_memory_mb"], ",.0f"),
            number(c["seconds_to_target"], ".1f"),
        ])  # fmt: skip
    rate = report["product_rate_gflops"]
    text = [
        table(rows),
        f"\nfp32 rate: {rate['median']:.0f} ({rate['low']:.0f}–{rate['high']:.0f}) GFLOP/s in "
        f"products of 2048 x 2048 matrices. Medians of {report['settings']['rounds']} rounds.",
    ]
    for example in report["published"]:
        if example["status"] != "ok":
            text.append(f"\n{example['name']}: {example['status']}")
            continue
        text.append(
            f"\n{example['name']}: {example['negative_elbo']:.1f} nats (grey levels) after "
            f"{example['steps']:,} steps in {example['seconds']:.1f} s of training"
        )
        for ours in example["ours"]:
            reached = (
                f"{number(ours['seconds'], '.1f')} s, {number(ours['ratio'], '.1f')} times less"
            )
            text.append(
                f"  ours, latent size {ours['latent_dim']}, is as good after "
                + (reached if ours["seconds"] else "more steps than it was given")
            )
    return "\n".join(text)


def plot(report: dict) -> Figure:
    """Speeds as bars with the range of rounds; held-out scores against seconds of training."""
    plots.apply_style()
    figure = Figure(figsize=(11, 4.2))
    left, right = figure.subplots(1, 2)
    ran = [c for c in report["competitors"] if c["images_per_second"]]
    for place, c in enumerate(reversed(ran)):
        speed = c["images_per_second"]
        middle = speed["median"]
        left.barh(
            place, middle, xerr=[[middle - speed["low"]], [speed["high"] - middle]], capsize=3,
            color=plots.COLOURS["blue" if c["name"].startswith("ours") else "sky"],
        )  # fmt: skip
    left.set_yticks(range(len(ran)), [c["name"] for c in reversed(ran)])
    left.set(xlabel="images a second (median and range of rounds)", title="Training speed")
    for c, marker in zip([c for c in ran if c["held_out"]], "osD^vPX", strict=False):
        right.plot(
            [point["seconds"] for point in c["held_out"]],
            [point["negative_elbo"] for point in c["held_out"]],
            label=c["name"], marker=marker, markersize=4,
        )  # fmt: skip
    right.axhline(report["settings"]["target"], color="black", linestyle="--", linewidth=1)
    right.set(
        xlabel="seconds of training", ylabel="held-out negative ELBO (nats an image)",
        title="The same VAE, 784-512-256-16",
    )  # fmt: skip
    right.legend(fontsize=8)
    return figure


def run(settings: argparse.Namespace) -> dict:
    """The whole comparison; writes ``bench.json`` and ``bench.png`` and gives the report."""
    before = machine()
    if before["load_before"] > 0.25 * before["cores"]:
        say(f"The load is {before['load_before']:.1f}: timings mean little on a busy machine.")
    with tempfile.TemporaryDirectory(prefix="bench-") as settings.cache_dir:
        report = {
            "taken": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": before,
            "settings": {
                name: value for name, value in vars(settings).items()
                if name not in ("peers_python", "out", "cache_dir")  # folders of one machine
            },
            **compare_speeds(settings),
            "published": compare_with_published(settings) if settings.published else [],
        }  # fmt: skip
    with atomic_path(settings.out / "bench.json") as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    with atomic_path(settings.out / "bench.png") as temporary:
        temporary.write_bytes(plots.to_png(plot(report)))
    return report


def peers_python() -> Path:
    """Who runs PyTorch and JAX: `make bench`'s environment, or else this one, which has JAX."""
    made = ROOT / ".venv-bench" / "bin" / "python"
    named = os.environ.get("AIGC_BENCH_PYTHON")
    return Path(named or (made if made.exists() else sys.executable))


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Settings from the command line; the defaults are those of ``make bench``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--peers-python", type=Path, help="interpreter that has torch and jax",
        default=peers_python())  # fmt: skip
    add("--out", type=Path, default=ROOT / "out" / "bench", help="folder for JSON and plot")
    add("--batch-size", type=int, default=256, help="of the dense VAE; 256 is what `train` takes")
    add("--steps", type=int, help="of a round; an epoch unless given")
    add("--rounds", type=int, default=7, help="of the speed comparison")
    add("--products", type=int, default=10, help="matrix products a round")
    add("--target", type=float, default=240.0, help="held-out negative ELBO, nats an image")
    add("--max-epochs", type=int, default=30, help="rounds in which to reach the target")
    add("--published", action="store_true", help="also the published examples, to their end")
    add("--published-steps", type=int, help="instead of the recipe's epochs")
    add("--published-images", type=int, default=10_000, help="test images that score them")
    add("--max-steps", type=int, default=10_000, help="of ours beside a published example")
    add("--repeats", type=int, default=3, help="seeds of ours beside a published example")
    settings = parser.parse_args(words)
    settings.steps = settings.steps or TRAIN_IMAGES // settings.batch_size
    return settings


if __name__ == "__main__":
    chosen = parse()
    print(summary(run(chosen)))
    say(f"Written to {chosen.out}: bench.json, bench.png")
