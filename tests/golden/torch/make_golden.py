#!/usr/bin/env python3
"""Writes trajectories.json: ten training steps of each method on two small ResNets, computed by PyTorch.

    /usr/bin/python3 tests/golden/torch/make_golden.py           # Debian: apt install python3-torch
    /usr/bin/python3 tests/golden/torch/make_golden.py --check   # also: how far another correct engine may drift

The tests rebuild every input from the formulas below, so only losses and norms are stored.

INPUTS
    fnv1a64(name)   FNV-1a over the bytes of the name: offset basis 0xcbf29ce484222325, prime 0x100000001b3
    mix(z)          z = (z ^ z>>30) * 0xbf58476d1ce4e5b9;  z = (z ^ z>>27) * 0x94d049bb133111eb;  z ^ z>>31   (mod 2^64)
    u(name, i)      (mix(fnv1a64(name) + (i+1) * 0x9e3779b97f4a7c15) >> 11) * 2^-53                      in [0, 1)
that is, u(name, i) is output i of a splitmix64 generator seeded with the hash of the name. Every value below is
computed in double and rounded to float32, in the float64 runs too: both precisions start from the same numbers.
The flat index i runs over the shape in PyTorch's order (weights K,C,R,S; images N,C,H,W); u means u(name, i).
    parameters and buffers, by their state_dict name
        convolution weight (four dimensions) (2u-1) * sqrt(3 / (C*R*S))
        fc.weight, fc.bias                   (2u-1) * 0.125
        batch norm weight                    0.25 + u/2
        batch norm bias                      -1-u if u < 0.25, else 1+u
        running_mean                         (2u-1) * 0.2
        running_var                          0.5 + u
    images of domain d at step t             name "image/d/t": (4u-2) + 0.25*d
    labels of domain d at step t             name "labels/d/t": floor(5u)
The biases keep most ReLU inputs away from zero, and the learning rate is small: a ReLU that rounding switches would
make the float32 run of another correct engine leave this one. --check measures that distance. For the same reason the
deepest batch norm has 2x2 pixels, not one, and the images are named so that no run passes close to such a switch: with
relative noise of 2e-7 on the initial parameters all float32 losses stay within 3e-6.
Three domains, four images (3x32x32) of each per step, five classes. The entry "inputs" has a few of these values.

MODELS (torchvision's ResNet with other widths; batch norm has eps 1e-5, momentum 0.1)
    tiny-basic        stem 3->16 (7x7, stride 2), max pool; three stages of one BasicBlock, planes 16, 32, 64
    tiny-bottleneck   stem 3->16, max pool; two stages of one Bottleneck (stride on the 3x3), planes 8, 16, outputs 4x
In each, the first stage has stride 1, the others 2; then global average pooling and fc 64->5.

BATCH NORM
    frozen   statistics are the constants running_mean and running_var
    batch    statistics of the batch of the pass; the first pass of a step, and no other, updates the running ones
             (momentum 0.1, unbiased variance). A pass of all methods but DISAM and DGSAM sees all domains concatenated in domain order.

METHODS. Every gradient is that of the mean cross-entropy of its batch, over all parameters; norms are global L2 norms
(accumulated in double). Weight decay is the optimiser's business. "orders" has the domain order of each step.
    erm     loss
    sam     loss (at theta), perturbed_loss;  norms: of the ascent gradient
    gsam    loss, perturbed_loss as sam;  norms: of g and of the gradient g_p at the perturbed point.  The gradient is
            g_p - alpha g_o, g_o = g - <g, g_p>/|g_p|^2 g_p
    sagm    the same records;  perturbed point theta + rho g/|g| - alpha g, gradient (g + g_p)/2
    disam   losses: of the S domains at theta, then of all at the perturbed point;  norms: of the S gradients.  The ascent
            gradient is that of the mean of the S losses less "lambda" times their variance, by autograd
    dgsam   losses: of the S+1 passes in order;  norms: of the S ascent gradients.  gradients = "fresh": losses of the
            S ascent passes, then of the S descent passes (the same order of domains)
With "adaptive", sam's and dgsam's ascent is ASAM's: theta + rho theta^2 g/||theta g||, theta the point of the gradient.
    descent_norm   the norm of d, the gradient given to the optimiser
The optimiser is PyTorch's: Adam (L2-coupled weight decay), AdamW, or SGD with Nesterov momentum.
The float64 runs also end with "final": sums over all parameters, their squares, and over the running statistics.
"""
import argparse
import itertools
import json
import math
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "tools"))

import numpy  # noqa: E402
import torch  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402

from compare_torch import ResNet, basic_block, bottleneck  # noqa: E402

STEPS, DOMAINS, BATCH, CLASSES, SIZE, RHO = 10, 3, 4, 5, 32, 0.05
PERMUTATIONS = list(itertools.permutations(range(DOMAINS)))
ORDERS = [PERMUTATIONS[step % len(PERMUTATIONS)] for step in range(STEPS)]
MODELS = {
    "tiny-basic": lambda: ResNet(basic_block, (1, 1, 1), (16, 32, 64), stem=16, classes=CLASSES),
    "tiny-bottleneck": lambda: ResNet(bottleneck, (1, 1), (8, 16), stem=16, classes=CLASSES),
}
DTYPES = {"f32": torch.float32, "f64": torch.float64}
DIGITS = {"f32": 9, "f64": 14}
METHODS = [{"method": "erm"}, {"method": "sam"}, {"method": "gsam", "alpha": 0.2}, {"method": "sagm", "alpha": 0.002}] + [
    {"method": "dgsam", "gradients": gradients, "scale": scale}
    for gradients, scale in (("all", "sum"), ("all", "mean"), ("perturbed", "sum"), ("fresh", "sum"))]
LATER_METHODS = [{"method": "disam", "lambda": 0.3}, {"method": "sam", "adaptive": True},
                 {"method": "dgsam", "gradients": "all", "scale": "sum", "adaptive": True}]
OPTIMIZERS = {
    "adam": {"lr": 1e-4, "weight_decay": 1e-2},
    "adamw": {"lr": 1e-4, "weight_decay": 1e-2},
    "sgd": {"lr": 1e-3, "weight_decay": 1e-2, "momentum": 0.9, "nesterov": True},
}


# --- inputs ----------------------------------------------------------------------------------------------------------

def fnv1a64(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def uniform(name, count):
    """u(name, 0..count-1), as float64."""
    word = numpy.uint64
    z = word(fnv1a64(name)) + numpy.arange(1, count + 1, dtype=word) * word(0x9E3779B97F4A7C15)
    z = (z ^ (z >> word(30))) * word(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> word(27))) * word(0x94D049BB133111EB)
    return ((z ^ (z >> word(31))) >> word(11)).astype(numpy.float64) * 2.0**-53


def state_value(name, shape):
    """The initial value of a parameter or buffer: a float32 array."""
    u = uniform(name, math.prod(shape))
    if len(shape) == 4:
        value = (2 * u - 1) * math.sqrt(3 / (shape[1] * shape[2] * shape[3]))
    elif name.startswith("fc."):
        value = (2 * u - 1) * 0.125
    elif name.endswith(".weight"):
        value = 0.25 + u / 2
    elif name.endswith(".bias"):
        value = numpy.where(u < 0.25, -1 - u, 1 + u)
    elif name.endswith(".running_var"):
        value = 0.5 + u
    else:
        value = (2 * u - 1) * 0.2
    return value.reshape(shape).astype(numpy.float32)


def batch(domain, step, dtype):
    images = (4 * uniform(f"image/{domain}/{step}", BATCH * 3 * SIZE * SIZE) - 2) + 0.25 * domain
    labels = numpy.floor(CLASSES * uniform(f"labels/{domain}/{step}", BATCH)).astype(numpy.int64)
    images = images.reshape(BATCH, 3, SIZE, SIZE).astype(numpy.float32)
    return torch.from_numpy(images).to(dtype), torch.from_numpy(labels)


# --- training --------------------------------------------------------------------------------------------------------

class Trainer:
    def __init__(self, model, batch_norm, dtype, optimizer):
        self.net = MODELS[model]()
        for name, tensor in self.net.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(torch.from_numpy(state_value(name, tuple(tensor.shape))))
        self.net.to(dtype).train(batch_norm == "batch")
        self.norms = [module for module in self.net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
        self.parameters = list(self.net.parameters())
        kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
        self.optimizer = kinds[optimizer](self.parameters, **OPTIMIZERS[optimizer])

    def theta(self):
        return torch.cat([p.detach().flatten() for p in self.parameters])

    def set_theta(self, theta):
        torch.nn.utils.vector_to_parameters(theta.clone(), self.parameters)

    def gradient(self, images, labels, first):
        """(loss, gradient as one vector) at the current parameters. Only a step's first pass moves the statistics."""
        for module in self.norms:
            module.momentum = 0.1 if first else 0.0
        loss = cross_entropy(self.net(images), labels)
        return loss.item(), torch.cat([g.flatten() for g in torch.autograd.grad(loss, self.parameters)])

    def update(self, theta, descent):
        """theta <- base(theta, descent), from the original theta."""
        self.set_theta(theta)
        sizes = [p.numel() for p in self.parameters]
        for p, part in zip(self.parameters, descent.split(sizes)):
            p.grad = part.view_as(p)
        self.optimizer.step()


def norm(vector):
    return vector.double().norm().item()


def ascent(theta, gradient, eps, options):
    """The perturbed point of sam and dgsam."""
    if options.get("adaptive"):
        return theta + RHO / (norm(theta.abs() * gradient) + eps) * theta**2 * gradient
    return theta + RHO / (norm(gradient) + eps) * gradient


def erm(trainer, batches, order, options):
    loss, gradient = trainer.gradient(*concatenated(batches), first=True)
    return gradient, {"loss": loss}


def sam(trainer, batches, order, options):
    everything, theta = concatenated(batches), trainer.theta()
    loss, gradient = trainer.gradient(*everything, first=True)
    trainer.set_theta(ascent(theta, gradient, 0, options))
    perturbed_loss, descent = trainer.gradient(*everything, first=False)
    return descent, {"loss": loss, "perturbed_loss": perturbed_loss, "norms": norm(gradient)}


def gsam(trainer, batches, order, options):
    """Zhuang et al. 2022, with the radius of SAM."""
    everything, theta = concatenated(batches), trainer.theta()
    loss, gradient = trainer.gradient(*everything, first=True)
    trainer.set_theta(theta + RHO / (norm(gradient) + 1e-12) * gradient)
    perturbed_loss, perturbed = trainer.gradient(*everything, first=False)
    orthogonal = gradient - (gradient @ perturbed) / (perturbed @ perturbed) * perturbed
    return perturbed - options["alpha"] * orthogonal, {"loss": loss, "perturbed_loss": perturbed_loss,
                                                       "norms": [norm(gradient), norm(perturbed)]}


def sagm(trainer, batches, order, options):
    """Wang et al. 2023, as the authors' code has it."""
    everything, theta = concatenated(batches), trainer.theta()
    loss, gradient = trainer.gradient(*everything, first=True)
    trainer.set_theta(theta + (RHO / (norm(gradient) + 1e-12) - options["alpha"]) * gradient)
    perturbed_loss, perturbed = trainer.gradient(*everything, first=False)
    return (gradient + perturbed) / 2, {"loss": loss, "perturbed_loss": perturbed_loss,
                                        "norms": [norm(gradient), norm(perturbed)]}


def disam(trainer, batches, order, options):
    """Zhang et al. 2024. The ascent is autograd's, of the objective itself; a batch norm with batch statistics sees one
    domain at a time, and the first one's statistics move."""
    theta, losses, norms = trainer.theta(), [], []
    for domain, (images, labels) in enumerate(batches):
        for module in trainer.norms:
            module.momentum = 0.1 if domain == 0 else 0.0
        losses.append(cross_entropy(trainer.net(images), labels))
    for loss in losses:
        parts = torch.autograd.grad(loss, trainer.parameters, retain_graph=True)
        norms.append(norm(torch.cat([g.flatten() for g in parts])))
    stacked = torch.stack(losses)
    objective = stacked.mean() - options["lambda"] * stacked.var(unbiased=False)
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(objective, trainer.parameters)])
    trainer.set_theta(theta + RHO / (norm(gradient) + 1e-12) * gradient)
    perturbed = [trainer.gradient(*one, first=False) for one in batches]
    descent = sum(g for _, g in perturbed) / DOMAINS
    return descent, {"losses": [loss.item() for loss in losses] + [sum(loss for loss, _ in perturbed) / DOMAINS],
                     "norms": norms}


def dgsam(trainer, batches, order, options):
    """Algorithm 1 of arXiv 2503.23430 and the variants named by options["gradients"] and options["scale"]."""
    losses, norms, gradients, theta = [], [], [], trainer.theta()
    descents = order if options["gradients"] == "fresh" else order[:1]
    for j, domain in enumerate(order + descents):
        loss, gradient = trainer.gradient(*batches[domain], first=j == 0)
        losses.append(loss)
        gradients.append(gradient)
        if j < DOMAINS:
            norms.append(norm(gradient))
            theta = ascent(theta, gradient, 1e-12, options)
            trainer.set_theta(theta)
    used = gradients[{"all": 0, "perturbed": 1, "fresh": DOMAINS}[options["gradients"]]:]
    factor = DOMAINS if options["scale"] == "sum" else 1
    return factor / len(used) * sum(used), {"losses": losses, "norms": norms}


def concatenated(batches):
    images, labels = zip(*batches)
    return torch.cat(images), torch.cat(labels)


def run(settings):
    """The ten steps of one run: its settings, then one list per recorded quantity."""
    dtype = DTYPES[settings["precision"]]
    trainer = Trainer(settings["model"], settings["batch_norm"], dtype, settings["optimizer"])
    method = {"erm": erm, "sam": sam, "gsam": gsam, "sagm": sagm, "disam": disam, "dgsam": dgsam}[settings["method"]]
    columns = {}
    for step in range(STEPS):
        batches = [batch(domain, step, dtype) for domain in range(DOMAINS)]
        theta = trainer.theta()
        descent, record = method(trainer, batches, ORDERS[step], settings)
        trainer.update(theta, descent)
        for key, value in {**record, "descent_norm": norm(descent)}.items():
            columns.setdefault(key, []).append(value)
    result = {**settings, **columns}
    if settings["precision"] == "f64":
        theta = trainer.theta()
        result["final"] = {"parameter_sum": theta.sum().item(), "parameter_square_sum": theta.square().sum().item(),
                           "running_mean_sum": sum(module.running_mean.sum().item() for module in trainer.norms),
                           "running_var_sum": sum(module.running_var.sum().item() for module in trainer.norms)}
    return result


# --- the file --------------------------------------------------------------------------------------------------------

def rounded(value, digits):
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def numbers(value):
    """Every number in a nested list, in order."""
    return [x for item in value for x in numbers(item)] if isinstance(value, list) else [value]


def differences(a, b):
    """The largest relative difference between two runs: in their losses and in their norms."""
    worst = {"loss": 0.0, "norm": 0.0}
    for key in a:
        if isinstance(a[key], list):
            kind = "loss" if "loss" in key else "norm"
            worst[kind] = max(worst[kind], *(abs(x - y) / abs(y) for x, y in zip(numbers(a[key]), numbers(b[key]))))
    return worst


def input_samples():
    samples = {"fnv1a64(image/0/0)": f"{fnv1a64('image/0/0'):016x}"}
    for name, shape in (("conv1.weight", (16, 3, 7, 7)), ("bn1.running_var", (16,)), ("fc.bias", (5,))):
        samples[name] = state_value(name, shape).flatten()[:3].astype(float).tolist()
    images, labels = batch(2, 7, torch.float64)
    return {**samples, "image/2/7": images.flatten()[:3].tolist(), "labels/2/7": labels.tolist()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="repeat the f32 runs with other kernels and compare")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the order of sums, and so the last bits, do not depend on the machine's size

    settings = [{"model": model, "batch_norm": batch_norm, "optimizer": "adam", **method}
                for methods in (METHODS, LATER_METHODS)
                for model in MODELS for batch_norm in ("frozen", "batch") for method in methods]
    runs, worst = [], {"loss": 0.0, "norm": 0.0}
    for one in settings:
        single, double = [run({**one, "precision": precision}) for precision in DTYPES]
        runs += [single, double]
        others = [single]
        if options.check:
            with torch.backends.mkldnn.flags(enabled=False):
                others.append(run({**one, "precision": "f32"}))
        found = [differences(other, double) for other in others]
        worst = {kind: max(worst[kind], *(f[kind] for f in found)) for kind in worst}
        print(*one.values(), *(f"| loss {f['loss']:.1e} norm {f['norm']:.1e}" for f in found), flush=True)
    print(f"f32 against f64, worst relative difference: losses {worst['loss']:.1e}, norms {worst['norm']:.1e}")
    for optimizer in ("adamw", "sgd"):
        runs.append(run({"model": "tiny-basic", "batch_norm": "frozen", "optimizer": optimizer, "method": "erm",
                         "precision": "f64"}))

    header = {"torch": torch.__version__, "steps": STEPS, "domains": DOMAINS, "batch": BATCH, "classes": CLASSES,
              "image_size": SIZE, "rho": RHO, "orders": ORDERS, "optimizers": OPTIMIZERS,
              "inputs": input_samples()}
    lines = [json.dumps(rounded(one, DIGITS[one["precision"]]), separators=(",", ":")) for one in runs]
    text = json.dumps(header)[:-1] + ', "runs": [\n' + ",\n".join(lines) + "\n]}\n"
    (HERE / "trajectories.json").write_text(text)
    print(f"{len(runs)} runs, {len(text)} bytes")


if __name__ == "__main__":
    main()
