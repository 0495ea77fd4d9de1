#!/usr/bin/env python3
"""The event files of a run, read by the tensorboard package. Run by ctest:  read_test.py DGSAM_RUN

Exits with 77, which ctest shows as skipped, where the package is not installed (pip install tensorboard).
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    print("skipped: the tensorboard package is not installed for", sys.executable)
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from program import run  # noqa: E402


def require(holds, *what):
    if not holds:
        sys.exit(" ".join(map(str, what)))


def make_images(root):
    """Three domains of two classes, as small PPM files."""
    draw = random.Random(0)
    for domain in ("photo", "sketch", "cartoon"):
        for brightness, label in enumerate(("dark", "light")):
            folder = root / domain / label
            folder.mkdir(parents=True)
            for i in range(10):
                pixels = bytes(draw.randrange(100) + 100 * brightness for _ in range(16 * 16 * 3))
                (folder / f"{i}.ppm").write_bytes(b"P6 16 16 255\n" + pixels)


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def check(out, algorithm, steps):
    accumulator = EventAccumulator(str(out), size_guidance={"scalars": 0})
    accumulator.Reload()

    def series(tag):
        return [(event.step, event.value) for event in accumulator.Scalars(tag)]

    def require_series(tag, expected):
        found = series(tag)
        require([step for step, _ in found] == [step for step, _ in expected], algorithm, tag, "has other steps than the run:",
                sorted({step for step, _ in found} ^ {step for step, _ in expected}), len(found), "points")
        for (step, ours), (_, theirs) in zip(found, expected):
            require(abs(ours - theirs) <= 1e-6 * abs(theirs), algorithm, tag, "at step", step, ours, "not", theirs)

    metrics, results = lines_of(out / "metrics.jsonl"), lines_of(out / "results.jsonl")
    require(len(metrics) == steps, "metrics.jsonl has", len(metrics), "lines")
    require_series("train/loss", [(line["step"], line["loss"]) for line in metrics])
    for i in range(len(metrics[0]["grad_norms"])):
        require_series(f"grad_norm/{i + 1}", [(line["step"], line["grad_norms"][i]) for line in metrics])
    if algorithm == "dgsam":
        for i in range(3):
            require_series(f"pass_loss/{i + 1}", [(line["step"], line["losses"][i]) for line in metrics])
    if algorithm == "sam":
        require_series("train/perturbed_loss", [(line["step"], line["perturbed_loss"]) for line in metrics])
    require_series("val/accuracy", [(line["step"], line["val_acc"]) for line in results])
    for index, domain in enumerate(("cartoon", "photo", "sketch")):  # in order of name
        for kind, key in (("accuracy", "acc"), ("eval_loss", "loss")):
            require_series(f"{kind}/{domain}_out", [(line["step"], line[f"env{index}_out_{key}"]) for line in results])
    require(len(series("train/seconds_per_step")) == steps, "train/seconds_per_step", series("train/seconds_per_step"))
    print(f"{algorithm}: {len(accumulator.Tags()['scalars'])} series are the run's")


def kill_after_two_states(command, out):
    """Leaves some steps that no state knows of, most likely."""
    def newest_state():
        try:
            return (out / "state.safetensors").stat().st_mtime_ns
        except FileNotFoundError:
            return None

    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    last, saved = newest_state(), 0
    while process.poll() is None and saved < 2:
        time.sleep(0.001)
        now = newest_state()
        if now not in (None, last):
            last, saved = now, saved + 1
    process.kill()
    require(process.wait() != 0, "the run ended before it was killed")


def main(dgsam_run):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        make_images(root / "data")

        def train(out, algorithm, *flags):
            return [dgsam_run, "train", "--data-dir", root / "data", "--test-env", "photo", "--model", "mnist-cnn",
                    "--image-size", 16, "--batch-size", 2, "--algorithm", algorithm, "--tensorboard", "on",
                    "--threads", 1, "--sharpness-images", 0, "--out", out, *flags]

        for algorithm in ("erm", "sam", "dgsam"):
            run(*train(root / algorithm, algorithm, "--steps", 9, "--eval-every", 4))
            check(root / algorithm, algorithm, 9)

        # Killed twice: each time a file is left with points that come again, and at last a record cut in two.
        out = root / "killed"
        for _ in range(2):
            kill_after_two_states(train(out, "dgsam", "--resume", "--steps", 400, "--eval-every", 40,
                                             "--save-every", 5), out)
        sessions = sorted(out.glob("events.out.tfevents.*"))
        require(len(sessions) == 2, "two starts wrote", sessions)
        whole = sessions[-1].read_bytes()
        sessions[-1].write_bytes(whole + whole[:30])
        run(dgsam_run, "train", "--resume", "--out", out)
        check(out, "dgsam", 400)


if __name__ == "__main__":
    main(sys.argv[1])
