#!/usr/bin/env python3
"""Writes the .pth files beside it with PyTorch: the same small weights in every way that torch.save can write them.

    /usr/bin/python3 tests/golden/pth/make_golden.py            # Debian: apt install python3-torch

Value i of the tensor "name" is (len(name) + i) / 4, exact in every type; counts are integers. pth_test.cpp knows the
same rule. The files committed were made by PyTorch 1.13; other versions may differ in bytes, not in values.
"""
import collections
import pathlib

import torch

HERE = pathlib.Path(__file__).resolve().parent


def tensor(name, shape, dtype=torch.float32):
    count = 1
    for extent in shape:
        count *= extent
    values = torch.arange(count, dtype=torch.float64) + len(name)
    return (values if not dtype.is_floating_point else values / 4).to(dtype).reshape(shape)


def small_model(prefix="", dtype=torch.float32):
    """The state_dict of a module, with the attribute _metadata that PyTorch gives it."""
    weights = collections.OrderedDict()
    for name, shape in (("conv1.weight", (2, 3, 2, 2)), ("bn1.running_var", (2,)), ("fc.weight", (3, 2))):
        weights[prefix + name] = tensor(name, shape, dtype)
    weights[prefix + "bn1.num_batches_tracked"] = torch.tensor(7)
    weights._metadata = collections.OrderedDict([("", {"version": 1}), ("bn1", {"version": 2})])
    return weights


def domainbed():
    """The keys of DomainBed's model.pkl for ERM on a ResNet: every tensor under two names."""
    weights = collections.OrderedDict()
    for name, shape in (("conv1.weight", (2, 3, 2, 2)), ("bn1.running_var", (2,))):
        weights["featurizer.network." + name] = weights["network.0.network." + name] = tensor(name, shape)
    weights["classifier.weight"] = weights["network.1.weight"] = tensor("fc.weight", (3, 2))
    return {"args": {"algorithm": "ERM", "lr": 5e-5, "test_envs": [0], "data_dir": pathlib.Path("data"), "none": None},
            "model_input_shape": (3, 224, 224), "model_num_classes": 3, "model_num_domains": 3,
            "model_hparams": {"batch_size": 32, "resnet18": True, "seed": 1 << 70}, "model_dict": weights}


def strided():
    """Tensors that do not lie in their storage in order: transposed, a slice, channels last, parts of one storage."""
    base = torch.arange(24, dtype=torch.float32)
    return {"transposed": base.reshape(4, 6).t(), "sliced": base.reshape(4, 6)[1:3, 1:6:2],
            "channels_last": tensor("channels_last", (2, 3, 2, 2)).to(memory_format=torch.channels_last),
            "tail": base[20:], "scalar": base[5], "empty": base[:0],
            "parameter": torch.nn.Parameter(torch.tensor([1.5, -2.0]))}


def types():
    return {str(dtype).split(".")[1]: tensor(str(dtype).split(".")[1], (3,), dtype)
            for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32,
                          torch.int16, torch.int8, torch.uint8)} | {"bool": torch.tensor([True, False, True])}


def main():
    optimizer = {"state": {0: {"step": 3, "exp_avg": tensor("avg", (4,))}},
                 "param_groups": [{"lr": 0.1, "params": [0]}]}
    contents = {
        "plain": small_model(),
        "parallel": small_model("module."),
        "nested": {"epoch": 3, "state_dict": small_model(dtype=torch.float16), "optimizer": optimizer,
                   "best": tensor("best", ())},
        "domainbed": domainbed(),
        "strided": strided(),
        "types": types(),
    }
    for name, content in contents.items():
        torch.save(content, HERE / f"{name}.pth")
        torch.save(content, HERE / f"{name}_old.pth", _use_new_zipfile_serialization=False)
    for path in sorted(HERE.glob("*.pth")):
        print(path.name, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
