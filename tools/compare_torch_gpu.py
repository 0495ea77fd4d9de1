#!/usr/bin/env python3
"""Training-step time and memory on a GPU: PyTorch, eager and compiled, against dgsam, in interleaved runs.

    tools/compare_torch_gpu.py --out compare.json                    # a machine with a GPU, PyTorch 2
    tools/compare_torch_gpu.py --device cpu --image-size 32 --batch 2 --precisions f32   # shows that it works

What is timed: one whole training step of ResNet-50 on images that are in the device's memory: all passes, norms,
ascents and Adam, batch norm frozen. Every side starts from the weights and the images that `bench step --export` wrote,
so the losses of all passes of the second step must agree; their largest difference stands beside the times.

The sides, each a process that takes steps on command; they take turns, and the time is the median of all rounds:
  dgsam     build/tools/bench step
  loops     eager, SAM and DGSAM as public code has them: a loop over the parameters for every ascent
  foreach   eager, with foreach operations and the ascent's scale on the device
  compiled  torch.compile(max-autotune, CUDA graphs), conv and frozen batch norm folded by inductor, fused Adam
  captured  the same kernels, but one CUDA graph holds the whole step
Sides start one after another, and --out has what is known of each as soon as it is known: a run that is stopped has lost
only what was not measured.
f32 keeps TF32 off, tf32 allows it, bf16 is autocast. Where time runs out (--seconds), what was not measured is named.
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import compare_torch
from compare_torch import Side, TorchStep, torch, words
from read_safetensors import read_safetensors

PEERS = ("loops", "foreach", "compiled", "captured")
MODERN = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 1)
# The largest difference of losses in the second step that rounding explains, relative to the largest loss: Adam's first
# update is a sign, and rounding turns some of them. A method that is not ours differs by tenths.
LOSS_TOLERANCE = {"f32": 1e-2, "tf32": 3e-2, "bf16": 1e-1}


# --- the PyTorch sides ------------------------------------------------------------------------------------------------

class ForeachStep(TorchStep):
    """Foreach operations; no value comes to the host within a step."""

    def begin(self, case):
        folder = pathlib.Path(case["export"])
        self.model.load_state_dict(read_safetensors(folder / "weights.safetensors"))
        batches = read_safetensors(folder / "batches.safetensors")
        self.domains = [(batches[f"images.{d}"].permute(0, 3, 1, 2), batches[f"labels.{d}"])
                        for d in range(case["domains"])]
        self.losses = []

    @torch.enable_grad()
    def gradient(self, images, labels):
        loss = self.loss(images, labels)
        self.losses.append(loss.detach())
        return torch.autograd.grad(loss, self.parameters)

    def ascend(self, gradient):
        scale = self.RHO / (torch.stack(torch._foreach_norm(gradient)).norm() + 1e-12)
        torch._foreach_add_(self.parameters, torch._foreach_mul(gradient, scale if MODERN else [scale] * len(gradient)))

    def step(self):
        self.losses = []
        super().step()


class LoopStep(ForeachStep):
    """The ascents of davda54/sam's first_step(), which DGSAM's public code repeats."""

    def ascend(self, gradient):
        norm = torch.norm(torch.stack([g.norm(p=2) for g in gradient]), p=2)
        scale = self.RHO / (norm + 1e-12)
        for parameter, g in zip(self.parameters, gradient):
            parameter.add_(g * scale)


class CompiledStep(ForeachStep):
    MODE = "max-autotune"

    def __init__(self, case):
        import torch._inductor.config as inductor
        inductor.efficient_conv_bn_eval_fx_passes = True
        super().__init__(case)
        self.compiled_loss = torch.compile(super().loss, mode=self.mode_of(case.get("compile_mode")))

    @classmethod
    def mode_of(cls, asked):
        return asked or cls.MODE

    def make_optimizer(self):
        return torch.optim.Adam(self.parameters, lr=5e-5, fused=True, capturable=True)

    def loss(self, images, labels):
        torch.compiler.cudagraph_mark_step_begin()
        return self.compiled_loss(images, labels)

    def gradient(self, images, labels):
        # A graph's outputs are overwritten by its next run.
        gradient = [g.clone() for g in super().gradient(images, labels)]
        self.losses[-1] = self.losses[-1].clone()
        return gradient


class CapturedStep(CompiledStep):
    MODE = "max-autotune-no-cudagraphs"
    # Modes that make CUDA graphs of their own, which cannot be captured, and the same without.
    WITHOUT_GRAPHS = {"max-autotune": MODE, "reduce-overhead": "default"}
    graph = None

    @classmethod
    def mode_of(cls, asked):
        return cls.WITHOUT_GRAPHS.get(asked, asked) or cls.MODE

    def loss(self, images, labels):
        return self.compiled_loss(images, labels)

    def gradient(self, images, labels):
        return ForeachStep.gradient(self, images, labels)

    def step(self):
        if self.graph:
            self.graph.replay()
            return
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            super().step()  # the first step compiles and allocates
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            super().step()  # written down, not done; every replay writes to self.losses
        self.graph = graph


STEPS = dict(zip(PEERS, (LoopStep, ForeachStep, CompiledStep, CapturedStep)))


def describe(worker, on_gpu):
    text = {"torch": torch.__version__}
    if on_gpu:
        text["max_allocated_mb"] = torch.cuda.max_memory_allocated() / 1e6
        text["max_reserved_mb"] = torch.cuda.max_memory_reserved() / 1e6
        text["kernels_per_step"] = kernels_per_step(worker)
    return text


def kernels_per_step(worker):
    from torch.profiler import ProfilerActivity, profile
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        worker.step()
        torch.cuda.synchronize()
    return sum(event.count for event in profiled.key_averages() if event.key != "cudaDeviceSynchronize")


def serve(case):
    """The body of a PyTorch process. As bench does: the first step is not timed, a GPU is waited for once per line."""
    torch.set_num_threads(case["threads"])
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = case["precision"] != "f32"
    on_gpu = case["device"] != "cpu"
    wait = torch.cuda.synchronize if on_gpu else lambda: None
    with contextlib.redirect_stdout(sys.stderr):  # inductor's autotuning prints
        worker = STEPS[case["peer"]](case)
        worker.step()
        wait()
    for line in sys.stdin:
        if line == "describe\n":
            print(json.dumps(describe(worker, on_gpu)), flush=True)
            continue
        count, milliseconds = int(line.split()[1]), []
        while len(milliseconds) < count:
            steps = count if on_gpu else 1
            start = time.perf_counter()
            for _ in range(steps):
                worker.step()
            wait()
            milliseconds += [1e3 * (time.perf_counter() - start) / steps] * steps
        print(json.dumps({"ms": milliseconds, "losses": [loss.item() for loss in worker.losses]}), flush=True)


# --- running the sides ------------------------------------------------------------------------------------------------

def used_mb(device):
    """Device memory in use by all processes, in MB (10^6); None where nobody tells."""
    if device == "cpu":
        return None
    try:
        text = subprocess.run(["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"],
                              capture_output=True, text=True, check=True).stdout
        return float(text.splitlines()[0]) * 2**20 / 1e6
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None


class DeviceSide(Side):
    """A side that warms up at once, notes the losses of the second step, and how much device memory is gone then."""

    def __init__(self, name, command, options):
        before = used_mb(options.device)
        super().__init__(name, command, {"OMP_NUM_THREADS": str(options.threads)})
        self.losses = self.ask("steps 1")["losses"]
        self.run(options.warmup, keep=False)
        after = used_mb(options.device)
        self.device_mb = None if None in (before, after) else after - before

    def median(self):
        """Milliseconds per step so far; None before the first round."""
        return statistics.median(self.times) if self.times else None

    def ask(self, line):
        self.send(line)
        return self.receive()

    def summary(self, images):
        return {**super().summary(images), "device_mb": self.device_mb, "losses": self.losses, **self.ask("describe")}


def start_side(name, case, folder, options):
    if name != "dgsam":
        peer = {**case, "peer": name, "export": folder, "compile_mode": options.compile_mode}
        return DeviceSide(name, [sys.executable, __file__, "--serve", json.dumps(peer)], options)
    command = [str(options.bench), "step", "--interactive", "--roofline", "--warmup", "0", "--images-stay", "on",
               "--domain-order", "fixed", "--export", folder]
    for key in ("model", "image_size", "batch_size", "domains", "precision", "algorithm", "threads", "device"):
        command += ["--" + key.replace("_", "-"), str(case[key])]
    return DeviceSide(name, command, options)


def attempt(name, results, work):
    """work(), unless the side has failed; notes in `results` that its process ended. The end of ours ends everything."""
    if name in results:
        return None
    try:
        return work()
    except SystemExit as error:
        if name == "dgsam":
            raise
        results[name] = {"failed": str(error)}
        return None


def loss_difference(ours, theirs):
    if len(ours) != len(theirs):
        return float("inf")
    return max(abs(a - b) for a, b in zip(ours, theirs)) / max(map(abs, ours))


def measure(case, options, result, note):
    """Fills `result`, and calls note() whenever more of it is known."""
    gradients = {"erm": case["domains"], "sam": 2 * case["domains"], "dgsam": case["domains"] + 1}[case["algorithm"]]
    images = case["batch_size"] * gradients
    result.update({"case": case, "images_through_the_network": images, "sides": {}})
    so_far = result["so_far"] = {}  # medians of sides that are still running
    with tempfile.TemporaryDirectory() as folder:
        sides = []
        for name in ("dgsam", *options.peers):
            if name in ("compiled", "captured") and (options.device == "cpu" or not MODERN):
                result["sides"][name] = {"skipped": "needs a GPU and PyTorch 2.1"}
                continue
            sides.append(attempt(name, result["sides"], lambda: start_side(name, case, folder, options)))
            if sides[-1]:
                attempt(name, result["sides"], lambda: sides[-1].run(options.steps))
                so_far[name] = sides[-1].median()
            note()
        sides = [side for side in sides if side]
        for index in range(1, options.rounds):  # the first round was each side's own
            for side in sides[::1 if index % 2 == 0 else -1]:
                attempt(side.name, result["sides"], lambda: side.run(options.steps))
                so_far[side.name] = side.median()
            note()
        sides = [side for side in sides if side.name not in result["sides"]]
        for side in sides:
            result["sides"][side.name] = side.summary(images)
            side.close()
    ours = result["sides"]["dgsam"]
    for side in sides[1:]:
        theirs = result["sides"][side.name]
        theirs["speed_up"] = theirs["median_ms"] / ours["median_ms"]
        theirs["loss_difference"] = loss_difference(ours["losses"], theirs["losses"])
        theirs["losses_agree"] = theirs["loss_difference"] <= LOSS_TOLERANCE[case["precision"]]
    del result["so_far"]
    note()


# --- the report -------------------------------------------------------------------------------------------------------

def print_result(result):
    case = result["case"]
    print(f"{case['precision']} {case['algorithm']}, {case['domains']} x {case['batch_size']} images of "
          f"{case['image_size']}²")
    for name, side in result["sides"].items():
        if "median_ms" not in side:
            print(f"  {name:9} {side}")
            continue
        memory = side["device_mb"] if side["device_mb"] is not None else side["peak_rss_mb"]
        text = (f"  {name:9} {side['median_ms']:9.2f} ms ({side['best_ms']:.2f}) {side['images_per_second']:9.1f} "
                f"images/s {memory:8.0f} MB")
        if "kernels_per_step" in side:
            text += f", {side['kernels_per_step']} kernels"
        if name == "dgsam":
            text += f", {100 * side['roofline_ms'] / side['median_ms']:.0f}% of the roofline"
        else:
            text += f", {side['speed_up']:.2f}x ours; losses differ by {side['loss_difference']:.1e}"
            text += "" if side["losses_agree"] else ", MORE THAN ROUNDING EXPLAINS"
        print(text, flush=True)


def goals(results):
    """What docs/gpu/README.md wants, each with its value, or None where it was not measured."""
    by_case = {(r["case"]["precision"], r["case"]["algorithm"]): r["sides"] for r in results}

    def value(precision, algorithm, side, key):
        return by_case.get((precision, algorithm), {}).get(side, {}).get(key)

    def ratio(a, b):
        return None if a is None or b is None else a / b

    def time_of(precision, algorithm, side="dgsam"):
        return value(precision, algorithm, side, "median_ms")

    def fastest(precision, algorithm, sides):
        times = [time_of(precision, algorithm, side) for side in sides]
        return min((t for t in times if t is not None), default=None)

    erm, sam, dgsam = (time_of("bf16", algorithm) for algorithm in ("erm", "sam", "dgsam"))
    eager = fastest("bf16", "dgsam", ("loops", "foreach"))
    compiled = fastest("bf16", "dgsam", ("compiled", "captured"))
    memory = ratio(value("bf16", "dgsam", "dgsam", "device_mb"), value("bf16", "dgsam", "foreach", "device_mb"))
    rows = [("bf16 DGSAM against eager PyTorch, times as fast", ratio(eager, dgsam), 3.0, "at least"),
            ("bf16 DGSAM against the strongest compiled PyTorch, times as fast", ratio(compiled, dgsam), 1.3, "at least"),
            *((f"{'TF32' if precision == 'tf32' else precision} {algorithm.upper()}, share of the roofline",
               ratio(value(precision, algorithm, "dgsam", "roofline_ms"), time_of(precision, algorithm)), 0.6, "at least")
              for precision, algorithm in (("bf16", "dgsam"), ("bf16", "erm"), ("bf16", "sam"), ("tf32", "erm"))),
            ("bf16 SAM, times our ERM step", ratio(sam, erm), 2.05, "at most"),
            *((f"bf16 {name.upper()}, share of norms, ascents and update",
               ratio(value("bf16", name, "dgsam", "update_ms"), time_of("bf16", name)), 0.1, "at most")
              for name in ("erm", "sam", "dgsam")),
            ("bf16 DGSAM, device memory against eager PyTorch", memory, 0.6, "at most")]
    return [{"goal": name, "wanted": f"{way} {bound}", "value": number,
             "met": None if number is None else number >= bound if way == "at least" else number <= bound}
            for name, number, bound, way in rows]


def write(path, report):
    """A reader sees the old file or the new one."""
    if path:
        whole = path.with_name(path.name + ".new")
        whole.write_text(json.dumps(report, indent=1) + "\n")
        whole.replace(path)


def device_name(device):
    return torch.cuda.get_device_name(0) if device != "cpu" else compare_torch.cpu_description()


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--precisions", type=words("f32", "tf32", "bf16"), default="bf16,tf32,f32")
    parser.add_argument("--algorithms", type=words("erm", "sam", "dgsam"), default="dgsam,erm,sam")
    parser.add_argument("--peers", type=words(*PEERS), default=",".join(PEERS))
    parser.add_argument("--model", choices=("resnet18", "resnet50"), default="resnet50")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32, help="images per domain (default 32)")
    parser.add_argument("--domains", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10, help="steps of each side in a round (default 10)")
    parser.add_argument("--warmup", type=int, default=3, help="untimed steps of each side (default 3)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile-mode", help="torch.compile's mode instead of max-autotune, which compiles for minutes")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no further case after so long")
    parser.add_argument("--bench", type=pathlib.Path, default=compare_torch.REPOSITORY / "build/tools/bench")
    parser.add_argument("--out", type=pathlib.Path, help="write everything to this JSON file, case by case")
    parser.add_argument("--serve", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is None and options.device == "cuda" and not torch.cuda.is_available():
        parser.error("this machine has no GPU that PyTorch can use; --device cpu shows how this works")
    if options.serve is None and not options.bench.is_file():
        parser.error(f"{options.bench} does not exist: build it (ninja -C build bench) or name it with --bench")
    return options


def main():
    options = parse_options()
    if options.serve is not None:
        serve(options.serve)
        return
    begin = time.monotonic()
    report = {"device": device_name(options.device), "torch": torch.__version__, "python": platform.python_version(),
              "command": " ".join(["tools/compare_torch_gpu.py", *sys.argv[1:]]), "results": [], "not_reached": []}
    print(f"{report['device']}; PyTorch {report['torch']}\nms per step: median (best)\n")
    for precision in options.precisions:
        for algorithm in options.algorithms:
            case = {"model": options.model, "image_size": options.image_size, "batch_size": options.batch,
                    "domains": options.domains, "precision": precision, "algorithm": algorithm,
                    "threads": options.threads, "device": options.device}
            if time.monotonic() - begin > options.seconds:
                report["not_reached"].append(f"{precision} {algorithm}")
                continue
            report["results"].append({})
            measure(case, options, report["results"][-1], lambda: write(options.out, report))
            print_result(report["results"][-1])
            report["goals"] = goals(report["results"])
            write(options.out, report)
    if report["not_reached"]:
        print(f"not reached within {options.seconds:.0f} s: {', '.join(report['not_reached'])}")
        write(options.out, report)
    disagree = [f"{r['case']['precision']} {r['case']['algorithm']} {name}" for r in report["results"]
                for name, side in r["sides"].items() if side.get("losses_agree") is False]
    if disagree:
        sys.exit(f"compare_torch_gpu: these do not train what dgsam trains: {', '.join(disagree)}")


if __name__ == "__main__":
    main()
