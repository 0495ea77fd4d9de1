#!/usr/bin/env python3
"""Writes resnet_names.json: every name and shape (PyTorch's order, K,C,R,S) in the state_dict of resnet18 and resnet50.

    /usr/bin/python3 tests/golden/torch/state_dict_names.py      # Debian: apt install python3-torchvision

The file is made from torchvision. That the ResNet of tools/compare_torch.py, which the other golden results and the
benchmark use, has the same names, shapes and outputs is checked on the way.
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "tools"))

import torch  # noqa: E402
import torchvision  # noqa: E402

import compare_torch  # noqa: E402


def check_same(name, ours, theirs):
    theirs.load_state_dict(ours.state_dict())  # strict: raises unless names and shapes agree
    images = torch.rand(2, 3, 64, 64)
    for training in (True, False):
        with torch.no_grad():
            difference = (ours.train(training)(images) - theirs.train(training)(images)).abs().max().item()
        if difference > 1e-5:
            sys.exit(f"{name}: outputs differ from torchvision's by {difference} (training={training})")


def main():
    torch.manual_seed(0)
    names = {}
    for name in ("resnet18", "resnet50"):
        theirs = getattr(torchvision.models, name)()
        check_same(name, getattr(compare_torch, name)(), theirs)
        names[name] = {key: list(tensor.shape) for key, tensor in theirs.state_dict().items()}
    text = json.dumps({"torchvision": torchvision.__version__, **names}, separators=(",", ":")) + "\n"
    (HERE / "resnet_names.json").write_text(text)
    print({name: len(shapes) for name, shapes in names.items()}, len(text), "bytes")


if __name__ == "__main__":
    main()
