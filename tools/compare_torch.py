#!/usr/bin/env python3
"""Training-step time and peak memory: PyTorch (eager) against dgsam, on the same CPU, in one interleaved run.

    /usr/bin/python3 tools/compare_torch.py                      # Debian: apt install python3-torch
    /usr/bin/python3 tools/compare_torch.py --cases r18-64-b32 --precisions f32 --rounds 3 --out compare.json

What is timed: one whole training step on data that is already in memory: forward, backward and Adam, batch norm frozen
(statistics constant, gamma and beta trained). PyTorch runs torchvision's ResNet (defined below) in channels_last; bf16
is torch.autocast with f32 parameters. dgsam runs `build/tools/bench step`, which does the same step.

How: each side is one process that stays alive and does steps on command. After an untimed warm-up, every round runs
`--steps` steps on one side and then as many on the other, and the side that goes first alternates, so that a slow phase
of a shared machine hits both. The table gives the median and the best over all steps of all rounds.

Memory is the peak resident set of each process (VmHWM), libraries included. What a process occupies before any model
exists (the PyTorch libraries, mostly) is given beside it, so that both readings can be made.
A side is a command that reads lines `steps K` and answers each with one JSON line {"ms": [K numbers]}.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

try:
    import torch
except ImportError:
    sys.exit(f"compare_torch: {sys.executable} has no PyTorch. On Debian: apt install python3-torch, "
             "then run this script with /usr/bin/python3.")
from torch import nn
from torch.nn import functional

CLASSES = 7  # PACS
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


# --- the model: torchvision's ResNet (v1.5: the stride is on the 3x3), with its parameter names ---------------------

def convolution(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


class Block(nn.Module):
    """A residual block. `kernels` and `strides` describe its convolutions, `widths` their output channels."""

    def __init__(self, inputs, widths, kernels, strides):
        super().__init__()
        self.depth = len(widths)
        channels = (inputs, *widths)
        for i in range(self.depth):
            setattr(self, f"conv{i + 1}", convolution(channels[i], channels[i + 1], kernels[i], strides[i]))
            setattr(self, f"bn{i + 1}", nn.BatchNorm2d(channels[i + 1]))
        self.downsample = None
        if max(strides) != 1 or inputs != widths[-1]:
            self.downsample = nn.Sequential(convolution(inputs, widths[-1], 1, max(strides)),
                                            nn.BatchNorm2d(widths[-1]))

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if i < self.depth:
                y = functional.relu(y, inplace=True)
        y += x if self.downsample is None else self.downsample(x)
        return functional.relu(y, inplace=True)


def basic_block(inputs, planes, stride):
    return Block(inputs, (planes, planes), (3, 3), (stride, 1))


def bottleneck(inputs, planes, stride):
    return Block(inputs, (planes, planes, 4 * planes), (1, 3, 1), (1, stride, 1))


class ResNet(nn.Module):
    def __init__(self, block, depths, planes=(64, 128, 256, 512), stem=64, classes=1000):
        super().__init__()
        self.conv1 = convolution(3, stem, 7, 2)
        self.bn1 = nn.BatchNorm2d(stem)
        channels = stem
        self.stages = []
        for stage, (depth, width) in enumerate(zip(depths, planes)):
            blocks = []
            for i in range(depth):
                blocks.append(block(channels, width, 2 if stage > 0 and i == 0 else 1))
                channels = width * (4 if block is bottleneck else 1)
            self.stages.append(f"layer{stage + 1}")
            setattr(self, self.stages[-1], nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        x = functional.max_pool2d(x, 3, 2, padding=1)
        for stage in self.stages:
            x = getattr(self, stage)(x)
        return self.fc(functional.adaptive_avg_pool2d(x, 1).flatten(1))


def resnet18(classes=1000):
    return ResNet(basic_block, (2, 2, 2, 2), classes=classes)


def resnet50(classes=1000):
    return ResNet(bottleneck, (3, 4, 6, 3), classes=classes)


# --- the PyTorch side: a process that does steps on command -----------------------------------------------------------

class TorchStep:
    """One step of ERM, SAM or DGSAM as a careful user would write it: eager, foreach operations, no extra copies."""
    RHO = 0.05

    def __init__(self, case):
        torch.manual_seed(0)
        self.algorithm, self.bfloat16 = case["algorithm"], case["precision"] == "bf16"
        self.device = torch.device(case.get("device", "cpu"))
        self.model = {"resnet18": resnet18, "resnet50": resnet50}[case["model"]](CLASSES)
        self.begin(case)
        self.model.to(self.device, memory_format=torch.channels_last).train()
        for module in self.model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        self.parameters = list(self.model.parameters())
        self.optimizer = self.make_optimizer()
        self.domains = [(images.to(self.device, memory_format=torch.channels_last), labels.to(self.device))
                        for images, labels in self.domains]
        images, labels = zip(*self.domains)
        self.everything = (torch.cat(images).contiguous(memory_format=torch.channels_last), torch.cat(labels))

    def begin(self, case):
        """Sets self.domains: images and labels of each; may change the model's initial values."""
        shape = (case["batch_size"], 3, case["image_size"], case["image_size"])
        self.domains = [(torch.randn(shape), torch.randint(CLASSES, shape[:1])) for _ in range(case["domains"])]

    def make_optimizer(self):
        return torch.optim.Adam(self.parameters, lr=5e-5)

    def loss(self, images, labels):
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            logits = self.model(images)
        return functional.cross_entropy(logits.float(), labels)

    def gradient(self, images, labels):
        with torch.enable_grad():
            return torch.autograd.grad(self.loss(images, labels), self.parameters)

    def ascend(self, gradient):
        norm = torch.stack(torch._foreach_norm(gradient)).norm()
        torch._foreach_add_(self.parameters, gradient, alpha=self.RHO / (norm.item() + 1e-12))

    def erm(self):
        return self.gradient(*self.everything)

    def sam(self):
        self.ascend(self.gradient(*self.everything))
        return self.gradient(*self.everything)

    def dgsam(self):
        count = len(self.domains)
        total = [torch.zeros_like(p) for p in self.parameters]
        for j in range(count + 1):
            gradient = self.gradient(*self.domains[j % count])
            torch._foreach_add_(total, gradient)
            if j < count:
                self.ascend(gradient)
        torch._foreach_mul_(total, count / (count + 1))
        return total

    @torch.no_grad()
    def step(self):
        if self.algorithm == "erm":
            descent = self.erm()
        else:
            saved = [p.clone() for p in self.parameters]
            descent = self.sam() if self.algorithm == "sam" else self.dgsam()
            for p, value in zip(self.parameters, saved):
                p.copy_(value)
        for p, gradient in zip(self.parameters, descent):
            p.grad = gradient
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)


def serve_torch(case):
    """The body of the PyTorch process. Its first line says that the libraries are loaded and nothing else is."""
    torch.set_num_threads(case["threads"])
    print(json.dumps({"ready": torch.__version__}), flush=True)
    sys.stdin.readline()
    worker = TorchStep(case)
    for line in sys.stdin:
        milliseconds = []
        for _ in range(int(line.split()[1])):
            start = time.perf_counter()
            worker.step()
            milliseconds.append(1e3 * (time.perf_counter() - start))
        print(json.dumps({"ms": milliseconds}), flush=True)


# --- running both sides ----------------------------------------------------------------------------------------------

class Side:
    """A process that does steps on command, and the times it has reported."""

    def __init__(self, name, command, environment):
        self.name, self.times = name, []
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                            env={**os.environ, **environment})
        except OSError as error:
            sys.exit(f"compare_torch: cannot start {command[0]}: {error}")

    def send(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # receive() names the process and its exit status

    def receive(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"compare_torch: the {self.name} process ended with status {self.process.wait()}; "
                     "its own message is above")
        try:
            return json.loads(line)
        except ValueError:
            sys.exit(f"compare_torch: the {self.name} process answered {line.strip()!r}, not one line of JSON")

    def run(self, steps, keep=True):
        self.send(f"steps {steps}")
        times = self.receive()["ms"]
        if len(times) != steps:
            sys.exit(f"compare_torch: the {self.name} process was asked for {steps} steps and timed {len(times)}")
        self.times += times if keep else []

    def memory_mb(self, field):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        return None

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def summary(self, images):
        median = statistics.median(self.times)
        return {"ms": [round(t, 3) for t in self.times], "median_ms": median, "best_ms": min(self.times),
                "images_per_second": 1e3 * images / median, "peak_rss_mb": self.memory_mb("VmHWM")}


def start_torch(case, reuse_memory):
    # glibc returns a freed activation to the kernel and faults it in again at the next step, unless told to keep it.
    tuning = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(1 << 26)}
    side = Side("PyTorch", [sys.executable, __file__, "--serve", json.dumps(case)],
                {"OMP_NUM_THREADS": str(case["threads"]), **(tuning if reuse_memory else {})})
    side.version = side.receive()["ready"]
    side.library_mb = side.memory_mb("VmRSS")
    side.send("start")
    return side


def start_dgsam(case, binary):
    command = [str(binary), "step", "--interactive", "--json"]
    for key, value in case.items():
        command += ["--" + key.replace("_", "-"), str(value)]
    return Side("dgsam", command, {"OMP_NUM_THREADS": str(case["threads"])})


def measure(case, options):
    evaluations = {"erm": case["domains"], "sam": 2 * case["domains"], "dgsam": case["domains"] + 1}[case["algorithm"]]
    images = case["batch_size"] * evaluations
    sides = []
    if options.only != "dgsam":
        sides.append(start_torch(case, options.torch_reuse_memory))
    if options.only != "torch":
        sides.append(start_dgsam(case, options.bench))
    for side in sides:
        side.run(options.warmup, keep=False)
    for index in range(options.rounds):
        for side in sides if index % 2 == 0 else reversed(sides):
            side.run(options.steps)
    result = {"case": case, "images_through_the_network": images}
    for side in sides:
        result[side.name.lower()] = side.summary(images)
        if side.name == "PyTorch":
            result["pytorch"]["library_rss_mb"] = side.library_mb
        side.close()
    return result


# --- the report ------------------------------------------------------------------------------------------------------

def cpu_description():
    fields = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    wanted = ("fma", "avx2", "avx512f", "avx512_bf16", "amx_bf16")
    flags = [flag for flag in wanted if flag in fields.get("flags", "").split()]
    return f"{fields.get('model name', platform.machine())}, {os.cpu_count()} CPUs, {' '.join(flags)}"


def print_row(result):
    case = result["case"]
    name = f"{case['model']} {case['image_size']}² b{case['batch_size']}"
    if case["domains"] > 1:
        name += f" ×{case['domains']}"
    cells = [name, case["precision"], case["algorithm"]]
    sides = [result.get("pytorch"), result.get("dgsam")]
    for side in sides:
        cells.append("–" if side is None else
                     f"{side['median_ms']:.1f} ({side['best_ms']:.1f}), {side['images_per_second']:.1f}/s")
    for key in ("median_ms", "best_ms"):
        cells.append("–" if None in sides else f"{sides[0][key] / sides[1][key]:.2f}×")
    cells.append("–" if sides[0] is None else f"{sides[0]['peak_rss_mb']:.0f} ({sides[0]['library_rss_mb']:.0f})")
    cells.append("–" if sides[1] is None else f"{sides[1]['peak_rss_mb']:.0f}")
    cells.append("–" if None in sides else f"{sides[1]['peak_rss_mb'] / sides[0]['peak_rss_mb']:.2f}×")
    print("| " + " | ".join(cells) + " |", flush=True)


def parse_case(text):
    try:
        model, size, batch = text.split("-")
        names = {"r18": "resnet18", "r50": "resnet50"}
        return {"model": names[model], "image_size": int(size), "batch_size": int(batch.removeprefix("b"))}
    except (KeyError, ValueError):
        raise argparse.ArgumentTypeError(f"'{text}' is not a case such as r50-224-b32 or r18-64-b8") from None


def words(*allowed):
    def parse(text):
        for word in text.split(","):
            if word not in allowed:
                raise argparse.ArgumentTypeError(f"'{word}' is not one of {', '.join(allowed)}")
        return text.split(",")
    return parse


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=lambda text: [parse_case(case) for case in text.split(",")],
                        default="r50-224-b32,r50-224-b8,r18-64-b32", help="model-size-batch, separated by commas")
    parser.add_argument("--precisions", type=words("f32", "bf16"), default="f32,bf16")
    parser.add_argument("--algorithms", type=words("erm", "sam", "dgsam"), default="erm")
    parser.add_argument("--domains", type=int, default=1, help="source domains, each with its own batch (default 1)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2, help="steps of each side in a round (default 2)")
    parser.add_argument("--warmup", type=int, default=2, help="untimed steps of each side (default 2)")
    parser.add_argument("--torch-reuse-memory", action="store_true",
                        help="tell PyTorch's malloc to keep freed memory (fewer page faults: a stronger baseline)")
    parser.add_argument("--only", choices=("torch", "dgsam"), help="measure one side alone")
    parser.add_argument("--bench", type=pathlib.Path, default=REPOSITORY / "build/tools/bench",
                        help="dgsam's benchmark program")
    parser.add_argument("--out", type=pathlib.Path, help="write every time and the settings to this JSON file")
    parser.add_argument("--serve", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if min(options.domains, options.threads, options.rounds, options.steps, options.warmup) < 1:
        parser.error("--domains, --threads, --rounds, --steps and --warmup must be at least 1")
    if options.only != "torch" and options.serve is None and not options.bench.is_file():
        parser.error(f"{options.bench} does not exist: build it (cmake -S . -B build -G Ninja && ninja -C build bench),"
                     " name it with --bench, or measure PyTorch alone with --only torch")
    return options


def main():
    options = parse_options()
    if options.serve is not None:
        serve_torch(options.serve)
        return
    command = " ".join(["tools/compare_torch.py", *sys.argv[1:]])
    machine = {"cpu": cpu_description(), "torch": torch.__version__, "command": command}
    machine["load_before"] = os.getloadavg()[0]
    print(f"{machine['cpu']}; PyTorch {machine['torch']}; {options.threads} threads\n`{command}`\n")
    if machine["load_before"] > 0.5:
        print(f"WARNING: the load average was {machine['load_before']:.1f} before the start. Threads that wait for a "
              "busy CPU stall both sides, often tenfold: measure on an idle machine.\n")
    print("Milliseconds per step: median (best), images through forward and backward per second at the median.\n"
          "Peak resident memory in MB (PyTorch: of which libraries before a model exists).\n")
    print("| case | precision | method | PyTorch | dgsam | speed-up, median | best | PyTorch MB | dgsam MB | memory |")
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    results = []
    for case in options.cases:
        for precision in options.precisions:
            for algorithm in options.algorithms:
                results.append(measure({**case, "domains": options.domains, "precision": precision,
                                        "algorithm": algorithm, "threads": options.threads}, options))
                print_row(results[-1])
    if options.out:
        options.out.write_text(json.dumps({**machine, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
