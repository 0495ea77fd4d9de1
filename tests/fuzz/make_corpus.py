#!/usr/bin/env python3
"""Writes the seeds of fuzz targets that no golden files serve: python3 tests/fuzz/make_corpus.py"""
import argparse
import collections
import copyreg
import enum
import functools
import gzip
import io
import json
import pathlib
import pickle
import struct
import sys
import types
import zipfile
import zlib

HERE = pathlib.Path(__file__).parent / "corpus"


def write(name, data):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def safetensors(tensors, metadata=None):
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def floats(count):
    return struct.pack(f"<{count}f", *(i / 7 - 1 for i in range(count)))


write("weights/plain.safetensors", safetensors({
    "fc.weight": ("F32", [3, 4], floats(12)), "fc.bias": ("F32", [3], floats(3)),
    "half": ("F16", [2], b"\x00\x3c\x00\xc0"), "wide": ("BF16", [1, 2], b"\x80\x3f\x00\xc0"),
    "count": ("I64", [], struct.pack("<q", 7))}, {"format": "pt", "step": "3"}))
write("weights/empty.safetensors", safetensors({}))



# --- PyTorch's files, without PyTorch: every opcode of every pickle protocol, and pickles that would run code -------

torch = types.ModuleType("torch")
torch._utils = types.ModuleType("torch._utils")
sys.modules.update({"torch": torch, "torch._utils": torch._utils})


def _rebuild_tensor_v2(*arguments):
    raise NotImplementedError


_rebuild_tensor_v2.__module__ = "torch._utils"
torch._utils._rebuild_tensor_v2 = _rebuild_tensor_v2
torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})


class Storage:
    pass


class Tensor:
    def __init__(self, offset, shape, strides, *metadata):
        self.arguments = (Storage(), offset, shape, strides, False, collections.OrderedDict(), *metadata)

    def __reduce_ex__(self, protocol):
        return _rebuild_tensor_v2, self.arguments


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return ("storage", torch.FloatStorage, "0", "cpu", 8) if isinstance(value, Storage) else None


def pickled(value, protocol):
    out = io.BytesIO()
    Pickler(out, protocol).dump(value)
    return out.getvalue()


def legacy(value, protocol=2):
    data = value if isinstance(value, bytes) else pickled(value, protocol)
    return (pickle.dumps(0x1950a86a20f9469cfc6c, protocol) + pickle.dumps(1001, protocol) + pickle.dumps({}, protocol) +
            data + pickle.dumps(["0"], protocol) + struct.pack("<Q", 8) + floats(8))


def archive(data, compression=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as file:
        for name, content in (("a/data.pkl", data), ("a/byteorder", b"little"), ("a/data/0", floats(8))):
            file.writestr(zipfile.ZipInfo(name), content, compress_type=compression)
    return out.getvalue()


class Colour(enum.Enum):
    RED = 1


class Arguments:  # pickled with its arguments by name: NEWOBJ_EX
    def __getnewargs_ex__(self):
        return (1,), {"name": 2}


class Registered:  # pickled by a number: EXT1
    pass


copyreg.add_extension("__main__", "Registered", 240)
weights = {"w": Tensor(0, (2, 2), (2, 1)), "t": Tensor(1, (2, 3), (1, 2)), "n": Tensor(0, (8,), (1,), {"neg": True}),
           "e": Tensor(3, (2, 4), (1, 0)), "z": Tensor(8, (0, 3), (3, 1))}
things = {"set": {1}, "frozen": frozenset("a"), "bytes": b"ab", "array": bytearray(b"a"), "big": 1 << 600,
          "name": argparse.Namespace(a=1), "path": pathlib.PurePosixPath("a/b"), "counter": collections.Counter("ab"),
          "default": collections.defaultdict(list), "deque": collections.deque([1]), "enum": Colour.RED,
          "partial": functools.partial(int, "1"), "complex": 1j, "long": "a" * 300, "ext": Registered(),
          "new": Arguments(), "function": len, "float": 0.5, "list": [1, -2, 70000, (1, 2, 3, 4), True, None]}
for protocol in range(1, 6):
    write(f"weights/protocol{protocol}.zip", archive(pickled({"state_dict": weights, **things}, protocol)))
    write(f"weights/protocol{protocol}.old", legacy({**weights, **things}, protocol))
write("weights/deflated.zip", archive(pickled(weights, 2), zipfile.ZIP_DEFLATED))
for number, hostile in enumerate((
        b"cos\nsystem\n(S'id'\ntR.", b"(S'id'\nios\nsystem\n.", b"(cos\nsystem\nV1\no.", b"\x80\x04\x8c\x02os"
        b"\x8c\x06system\x93\x8c\x02id\x85R.", b"cbuiltins\ngetattr\n(cos\nsystem\nS'x'\ntR(S'id'\ntR.",
        b"cos\nsystem\n)}\x92}b.", b"}(X\x01\0\0\0wcos\nsystem\n)\x81u.", b"(lp0\nI01\naL5L\naF0.5\nag0\na(1N200.",
        b"}X\x01\0\0\0wctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\nctorch\nTensor\n(tNtRs.")):
    write(f"weights/hostile{number}.old", legacy(hostile))

progress = json.dumps({
    "steps": 3, "evaluation_due": False, "updates": 3, "loss_sum": 1.5, "step_seconds": 0.25, "steps_since": 1,
    "training_seconds": 0.5, "evaluated_step": 0, "accuracy": {"env0_in": 0.5}, "selection": {},
    "best_validation": 0.5, "best_oracle": None, "metrics_bytes": 100, "timing_bytes": 100, "results_bytes": 100})
theta = floats(32)
checksum = zlib.crc32(theta, zlib.crc32(b"theta", zlib.crc32(progress.encode())))
write("state/state.safetensors", safetensors({"theta": ("F32", [32], theta)},
                                             {"run": progress, "crc32": f"{checksum:08x}"}))
write("state/progress.json", progress.encode())

images = struct.pack(">IIII", 0x803, 2, 3, 4) + bytes(range(24))
labels = struct.pack(">II", 0x801, 3) + b"\x00\x05\x09"
write("idx/images", images)
write("idx/labels", labels)
write("idx/images.gz", gzip.compress(images, mtime=0))

write("config/config.json", json.dumps({
    "protocol": "swad", "dataset": "PACS", "data_dir": "data", "test_env": "0", "algorithm": "dgsam",
    "model": "resnet50", "weights": "", "steps": 5001, "batch_size": 32, "lr": 5e-5, "rho": 0.05, "freeze_bn": True,
    "seed": 0, "holdout": 0.2, "image_size": 224, "channels": 3, "threads": 0}).encode())
write("config/classes.json", json.dumps(["dog", "elephant", "giraffe"]).encode())
write("config/normalisation.json", json.dumps({"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}).encode())
write("config/step", b"12")

write("annotations/ints.json", json.dumps({
    "images": [{"id": "a", "file_name": "a.jpg", "location": 38}, {"id": "b", "file_name": "b.jpg", "location": 46}],
    "annotations": [{"id": "1", "image_id": "a", "category_id": 1}, {"id": "2", "image_id": "b", "category_id": 30}],
    "categories": [{"id": 1, "name": "opossum"}, {"id": 30, "name": "empty"}]}).encode())
write("annotations/text.json", json.dumps({
    "images": [{"id": 5, "file_name": "x/5.jpg", "location": "100", "width": 1024}],
    "annotations": [{"id": 1, "image_id": 5, "category_id": 6}],
    "categories": [{"id": 6, "name": "bobcat", "count": 3}], "info": {"version": "x"}}).encode())

write("manifest/list.csv", b'cpath,domain,label,split\na/1.png,field,cat,in\n"b, ""2"".png",field,"dog",out\r\n')
write("manifest/list.json", b"j" + json.dumps([
    {"path": "a/1.png", "domain": "field", "label": "cat", "split": "in"},
    {"path": "b.png", "domain": "field", "label": 7, "more": {"x": [1, None, 2.5]}}]).encode())
