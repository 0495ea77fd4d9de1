"""Made-up finished runs, as `dgsam-run train` and the analysis commands leave them: a sweep of three methods, four
domains and five trials, with every file that the report reads. Numbers are functions of their indices; nothing is
random."""

import json
import math
import struct
import zlib

DOMAINS = ["art_painting", "cartoon", "photo", "sketch"]
CLASSES = ["dog", "elephant", "giraffe", "guitar", "horse", "house", "person"]
ALGORITHMS = ["erm", "sam", "dgsam"]
STEPS, EVERY, TRIALS = 300, 20, 5


def wave(*keys):
    """A number in -1..1 that differs between keys."""
    return math.sin(sum((i + 1) * 12.9898 * (k + 1) for i, k in enumerate(keys))) * 0.5 + 0.5 * math.sin(
        sum((i + 2) * 78.233 * (k + 3) for i, k in enumerate(keys)))


def png(path, shade):
    """A 24 x 24 picture of stripes."""
    rows = b"".join(
        b"\0" + b"".join(bytes([(shade + 9 * x) % 256, (2 * shade + 9 * y) % 256, 128]) for x in range(24))
        for y in range(24))
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 24, 24, 8, 2, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def images(root):
    for d, domain in enumerate(DOMAINS):
        for c, name in enumerate(CLASSES):
            for i in range(3):
                png(root / domain / name / f"{i}.png", 31 * d + 17 * c + 5 * i)


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def roles(unseen):
    sources = [d for d in range(4) if d != unseen]
    return [(DOMAINS[d], "source") for d in sources] + [(DOMAINS[unseen], "unseen"), ("total", "total")]


def sharpness(a, unseen, trial):
    losses = []
    for i, (name, role) in enumerate(roles(unseen)):
        flat = [1.0, 0.45, 0.4][a] * (1 + 0.15 * wave(a, unseen, trial, i)) * (0.6 if role == "total" else 1)
        losses.append({
            "name": name, "role": role, "loss": 0.8 * flat,
            "worst_case": [{"radius": r, "one_step": flat * r * 6, "multi_step": flat * r * 7 * (1 + r)}
                           for r in (0.02, 0.05, 0.1)],
            "eigenvalues": [{"value": 70 * flat / (k + 1), "residual": 0.01 * (k + 1), "error": 0.1} for k in range(3)],
            "trace": {"mean": 900 * flat, "standard_error": 25 * flat, "samples": 10}})
    return {"checkpoint": "last.safetensors", "algorithm": ALGORITHMS[a], "step": STEPS - 1, "seed": trial,
            "trial_seed": trial, "rho": 0.05, "precision": "f32", "images": 256,
            "ascent": {"steps": 5, "restarts": 2}, "hessian_step": 0.01, "losses": losses}


def plane(a, unseen):
    axis = [-1 + 0.1 * i for i in range(21)]
    losses = []
    for i, (name, role) in enumerate(roles(unseen)):
        steep = [5.0, 2.0, 1.6][a] * (1 + 0.2 * i)
        losses.append({"name": name, "role": role, "values": [
            [0.15 + steep * ((x - 0.1 * i) ** 2 + 0.6 * y * y + 0.3 * x * y) for x in axis] for y in axis]})
    losses[0]["values"][0][0] = None  # a loss that was not finite
    return {"checkpoint": "last.safetensors", "algorithm": ALGORITHMS[a], "kind": "plane", "directions": "random",
            "x": axis, "y": axis, "x_label": "first direction", "y_label": "second direction",
            "points": [{"name": "last.safetensors", "x": 0.0, "y": 0.0}], "losses": losses}


def path(a, unseen):
    axis = [-0.25 + 0.05 * i for i in range(31)]
    return {"checkpoint": "last.safetensors", "algorithm": ALGORITHMS[a], "kind": "path", "directions": "checkpoints",
            "x": axis, "x_label": "from erm to dgsam",
            "points": [{"name": "erm/last.safetensors", "x": 0.0}, {"name": "dgsam/last.safetensors", "x": 1.0}],
            "losses": [{"name": name, "role": role,
                        "values": [0.3 + (1 + 0.3 * i + a) * (x * (1 - x)) ** 2 * 8 for x in axis]}
                       for i, (name, role) in enumerate(roles(unseen))]}


def evaluation(a, unseen):
    domains = []
    for d, domain in enumerate(DOMAINS):
        confusion = [[30 + 3 * c if c == p else (c * p + d + a) % 5 for p in range(7)] for c in range(7)]
        mistakes = [{"file": f"{domain}/{CLASSES[k]}/{k % 3}.png", "truth": CLASSES[k],
                     "predicted": CLASSES[(k + a + 1) % 7], "confidence": 0.99 - 0.02 * k} for k in range(5)]
        domains.append({"name": domain, "unseen": d == unseen, "all": {"images": 300, "accuracy": 0.8, "loss": 0.6},
                        "confusion": confusion, "mistakes": mistakes})
    return {"checkpoint": "last.safetensors", "classes": CLASSES, "domains": domains}


def run(folder, a, unseen, trial, data):
    algorithm, sources = ALGORITHMS[a], [d for d in range(4) if d != unseen]
    folder.mkdir(parents=True)
    config = {"protocol": "swad", "dataset": "folder", "data_dir": str(data), "test_env": str(unseen),
              "algorithm": algorithm, "model": "resnet18", "steps": STEPS, "batch_size": 32, "lr": 1e-4, "rho": 0.05,
              "trial_seed": trial, "seed": trial, "image_size": 32, "augment": "none", "threads": 0,
              "backend": "cpu (2 threads), oneDNN 2.6.3", "cpu": "A processor", "cpu_threads": 2,
              "versions": {"dgsam": "0.1.0", "revision": "abc1234", "compiler": "gcc 12.2"}}
    (folder / "config.json").write_text(json.dumps(config))
    lines(folder / "metrics.jsonl", ({"step": s, "loss": 0.4 + 1.6 * math.exp(-s / 60) + 0.1 * wave(a, unseen, trial, s)}
                                     for s in range(STEPS)))
    def accuracy(d, s):
        top = 0.62 + 0.05 * d + 0.02 * a - (0.12 if d == unseen else 0) + 0.015 * wave(a, unseen, trial, d)
        return top * (1 - 0.6 * math.exp(-s / 50)) + 0.005 * wave(a, d, trial, s)
    def accuracies(s, suffix):
        known = {f"env{d}_out{suffix}": accuracy(d, s) for d in range(4)}
        known[f"env{unseen}_in{suffix}"] = accuracy(unseen, s) + 0.01
        return known
    steps = [*range(0, STEPS, EVERY), STEPS - 1]
    lines(folder / "results.jsonl", ({"step": s, "args": config, **accuracies(s, "_acc")} for s in steps))
    sharp = {DOMAINS[d]: [0.35, 0.12, 0.11][a] * (1 + 0.2 * wave(a, unseen, trial, d)) for d in range(4)}
    gradients = STEPS * [3, 6, 4][a]
    summary = {"algorithm": algorithm, "test_env": unseen, "domains": DOMAINS, "seconds": 0.1 * gradients * (
                   1 + 0.05 * wave(a, trial)), "steps": STEPS, "domain_gradients": gradients,
               "flops": gradients * 3.6e11, "accuracy": accuracies(STEPS - 1, ""), "peak_rss_mb": 440 + 60 * (a > 0),
               "sharpness": sharp, "sharpness_total": 0.6 * sum(sharp[DOMAINS[d]] for d in sources) / 3,
               "sharpness_rho": 0.05}
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "last.sharpness.json").write_text(json.dumps(sharpness(a, unseen, trial)))
    if trial == 0:
        (folder / "last.landscape.json").write_text(json.dumps(plane(a, unseen) if unseen > 0 else path(a, unseen)))
        (folder / "last.eval.json").write_text(json.dumps(evaluation(a, unseen)))
    (folder / "done").write_text("done")


def make(root):
    """A data set in root/data and a sweep of 60 finished runs and one that is not in root/sweep."""
    images(root / "data")
    definition = {"datasets": ["folder"], "algorithms": ALGORITHMS, "test_envs": "all", "trials": TRIALS,
                  "grid": "defaults", "search": "first-trial", "n_hparams": 1,
                  "train": ["--data-dir", str(root / "data"), "--model", "resnet18"], "domains": {"folder": DOMAINS},
                  "choices": [{}]}
    for a, algorithm in enumerate(ALGORITHMS):
        for unseen, domain in enumerate(DOMAINS):
            for trial in range(TRIALS):
                job = root / "sweep" / f"folder-{algorithm}-{unseen}-{domain}-t{trial}-h0"
                run(job / "run", a, unseen, trial, root / "data")
                (job / "job.json").write_text(json.dumps({"name": job.name}))
    (root / "sweep" / "sweep.json").write_text(json.dumps(definition))
    stopped = root / "sweep" / "folder-sam-0-art_painting-t9-h0" / "run"
    stopped.mkdir(parents=True)
    (stopped / "config.json").write_text("{}")
