#!/usr/bin/env python3
"""Writes the .pth files beside it with PyTorch: the same small weights in every way that torch.save can write them.

    /usr/bin/python3 tests/golden/pth/make_golden.py            # Debian: apt install python3-torch
    python3 tests/golden/pth/make_golden.py newer               # objects*, views*, no_crc: PyTorch 2.6 or later, NumPy

Value i of the tensor "name" is (len(name) + i) / 4, exact in every type; counts are integers. pth_test.cpp knows the
same rule. The files committed were made by PyTorch 1.13, the newer ones by 2.15; other versions may differ in bytes, not
in values.
"""
import argparse
import collections
import datetime
import decimal
import enum
import fractions
import functools
import pathlib
import sys
import types as python_types
import uuid

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


def views():
    """Tensors that mean more than the bytes of their storage, and tensors that have none that can be read."""
    base = torch.arange(24, dtype=torch.float32)
    complex_base = torch.complex(base[:6], base[6:12])
    return {"negated": torch._neg_view(base.reshape(4, 6)), "negated_strided": torch._neg_view(base[1:13:3]),
            "negated_half": torch._neg_view(base[:5].half()), "negated_int": torch._neg_view(torch.arange(-2, 3)),
            "negated_byte": torch._neg_view(torch.arange(4, dtype=torch.uint8)),
            "imag_of_conj": complex_base.conj().imag, "real_of_conj": complex_base.conj().real,
            "expanded": torch.tensor([[1.5], [-2.0]]).expand(2, 3), "one": torch.tensor(2.5).expand(2, 2),
            "windows": base[:6].unfold(0, 3, 1), "diagonal": base[:16].reshape(4, 4).diagonal(),
            "shared": base[3:9], "empty": torch.empty(0, 5), "empty_part": base[24:], "empty_far": base[20:].narrow(0, 4, 0)}


def unreadable():
    base = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    return {"conj": torch.complex(base, base).conj(), "sparse": base.to_sparse(), "meta": torch.empty(3, device="meta"),
            "quantized": torch.quantize_per_tensor(base, 0.5, 0, torch.qint8)}


class Colour(enum.Enum):
    RED = 1


def objects(values=True):
    """What training scripts save beside the weights, none of which is a tensor."""
    import numpy as np
    attributed = torch.nn.Parameter(tensor("attributed", (2,)))
    attributed.tag = "x"
    kept = {
        "weight": tensor("weight", (2, 3)), "attributed": attributed,
        "np_float": np.float64(0.5), "np_int": np.int64(3), "np_bool": np.bool_(True), "np_str": np.str_("a"),
        "np_array": np.arange(6.0).reshape(2, 3), "np_objects": np.array([None, "a"], dtype=object),
        "np_dtype": np.dtype("float32"), "np_random": np.random.default_rng(0), "path": pathlib.PurePosixPath("a/b"),
        "windows": pathlib.PureWindowsPath("c:/b"), "namespace": argparse.Namespace(lr=0.1, seed=np.int32(1)),
        "dtype": torch.float32, "device": torch.device("cuda:0"), "size": torch.Size([2, 3]), "set": {1, 2},
        "frozen": frozenset("ab"), "ordered": collections.OrderedDict(a=1), "counter": collections.Counter("aab"),
        "default": collections.defaultdict(list, a=[1]), "deque": collections.deque([1, 2], 3), "enum": Colour.RED,
        "date": datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc), "delta": datetime.timedelta(1),
        "partial": functools.partial(int, base=2), "function": len, "class": dict, "method": "a".upper,
        "complex": 1 + 2j, "bytes": b"\x00\xff", "bytearray": bytearray(b"ab"), "range": range(3), "slice": slice(1, 2),
        "decimal": decimal.Decimal("1.5"), "fraction": fractions.Fraction(1, 3), "uuid": uuid.UUID(int=7),
        "simple": python_types.SimpleNamespace(a=1), "exception": ValueError("x"), "big": 1 << 80, "minus": -(1 << 70),
        "none": None, "float": 0.5, "nested": {"a": {"b": [1, (2, 3)]}}, ("tuple", 1): 2, None: 3,
        "tensors": [tensor("list", (2,))]}
    return kept if values else {name: value for name, value in kept.items() if isinstance(value, torch.Tensor)}


def newer():
    import zipfile
    for old in (False, True):
        suffix = "_old" if old else ""
        for protocol in (1, 2, 4) if old else (1, 2, 3, 4, 5):
            torch.save({"epoch": 3, "rng": torch.arange(8, dtype=torch.uint8), "model": objects()},
                       HERE / f"objects{protocol}{suffix}.pth", pickle_protocol=protocol,
                       _use_new_zipfile_serialization=not old)
        torch.save(views(), HERE / f"views{suffix}.pth", _use_new_zipfile_serialization=not old)
    torch.save({"weight": tensor("weight", (2, 3))} | unreadable(), HERE / "unreadable.pth")
    torch.serialization.set_crc32_options(False)
    torch.save(small_model(), HERE / "no_crc.pth")
    torch.serialization.set_crc32_options(True)
    with zipfile.ZipFile(HERE / "plain.pth") as whole:  # packed again by another program, compressed
        with zipfile.ZipFile(HERE / "deflated.pth", "w", zipfile.ZIP_DEFLATED) as archive:
            for record in whole.infolist():
                archive.writestr(record.filename, whole.read(record))


def main():
    if sys.argv[1:] == ["newer"]:
        return newer()
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
