#!/usr/bin/env python3
"""Writes the seeds of fuzz targets that no golden files serve: python3 tests/fuzz/make_corpus.py"""
import gzip
import json
import pathlib
import struct
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
