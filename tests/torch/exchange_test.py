#!/usr/bin/env python3
"""Weights go to PyTorch and come back unchanged. Run by ctest:  exchange_test.py DGSAM_RUN WRITE_WEIGHTS

Exits with 77, which ctest shows as skipped, where PyTorch is not installed (Debian: apt install python3-torch).
The safetensors package is not needed: the format is a length, JSON and bytes, and is read here by hand.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
sys.path.insert(0, str(HERE.parent / "golden" / "pth"))
sys.path.insert(0, str(HERE.parent))

try:
    import torch
except ImportError:
    print("skipped: PyTorch is not installed for", sys.executable)
    sys.exit(77)
import compare_torch  # noqa: E402
import make_golden  # noqa: E402
from program import run  # noqa: E402
from read_safetensors import read_safetensors  # noqa: E402


def require_equal(what, ours, theirs):
    if ours.keys() != theirs.keys():
        sys.exit(f"{what}: names differ: {sorted(ours.keys() ^ theirs.keys())}")
    for name, tensor in theirs.items():
        if ours[name].dtype != tensor.dtype or not torch.equal(ours[name], tensor.detach().contiguous().resolve_neg()):
            sys.exit(f"{what}: {name} differs")
    print(f"{what}: {len(theirs)} tensors are equal to the bit")


def random_model():
    """A narrow ResNet with values that no initialisation gives, statistics included."""
    model = compare_torch.ResNet(compare_torch.basic_block, (1, 1, 1, 1), (16, 32, 48, 64), 16, classes=7)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.randn_like(tensor))
            else:
                tensor.fill_(12345)
    return model


def to_torch(write_weights, folder):
    """load_state_dict(strict=True) takes what save_weights writes, and the values arrive."""
    for name, model in (("resnet18", compare_torch.resnet18(7)), ("resnet50", compare_torch.resnet50(7))):
        path = folder / f"{name}.safetensors"
        run(write_weights, name, 7, path)
        tensors = read_safetensors(path)
        model.load_state_dict(tensors, strict=True)
        require_equal(f"{name} in PyTorch", dict(model.state_dict()), tensors)
        if not all(torch.isfinite(tensor).all() for tensor in tensors.values()) or tensors["conv1.weight"].std() < 1e-3:
            sys.exit(f"{name}: these are no initial values")
        with torch.no_grad():
            model.eval()(torch.randn(2, 3, 64, 64))


def from_torch(dgsam_run, folder):
    """What torch.save writes, in every way, has the same names, types and values here."""
    model = random_model()
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(2, 3, 32, 32)).sum().backward()
    optimizer.step()
    weights = model.state_dict()
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    bfloats = {name: tensor.bfloat16() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    channels_last = {name: tensor.to(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor
                     for name, tensor in weights.items()}
    transposed = dict(weights, **{"fc.weight": weights["fc.weight"].t().contiguous().t()})
    parameters = dict(weights, **dict(model.named_parameters()))
    cases = {
        "bare": (weights, weights),
        "data-parallel": (torch.nn.DataParallel(model).state_dict(), weights),
        "half": (halves, halves),
        "bfloat16": (bfloats, bfloats),
        "channels-last": (channels_last, channels_last),
        "transposed": (transposed, transposed),
        "parameters": (parameters, parameters),
        "with-optimizer": ({"epoch": 3, "model": weights, "optimizer": optimizer.state_dict(), "loss": 0.5},
                           weights),
        "domainbed": (domainbed_checkpoint(weights), weights),
        "types": (make_golden.types(), make_golden.types()),
        "strided": (make_golden.strided(), make_golden.strided()),
        "views": (make_golden.views(), make_golden.views()),
        "compiled": ({"_orig_mod." + name: tensor for name, tensor in weights.items()}, weights),
        "lightning": ({"epoch": 1, "state_dict": {"model." + name: tensor for name, tensor in weights.items()},
                       "hyper_parameters": argparse.Namespace(lr=0.1, dtype=torch.float32, sizes={1, 2})}, weights),
        "dassl": ({"state_dict": {("classifier" + name[2:] if name.startswith("fc.") else "backbone." + name): tensor
                                  for name, tensor in weights.items()}, "val_result": None}, weights),
        "moco": ({"arch": "resnet18", "state_dict": moco(weights)}, weights),
    }
    try:
        cases["objects"] = (make_golden.objects(), make_golden.objects(False))
    except ImportError:
        print("objects: no NumPy")
    for name, (content, expected) in cases.items():
        for new in (True, False):
            for protocol in (1, 2, 3, 4, 5) if name == "objects" else (2,):
                path, out = folder / f"{name}.pth", folder / f"{name}.safetensors"
                torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=new)
                if name == "views":  # releases before 2 forget a view's negative bit when they save it
                    expected = torch.load(path)
                run(dgsam_run, "weights", "convert", path, out)
                require_equal(f"{name} ({'zip' if new else 'old'}, protocol {protocol})", read_safetensors(out),
                              dict(expected))
    path, out = folder / "moco.pth", folder / "key.safetensors"
    run(dgsam_run, "weights", "convert", "--strip-prefix", "module.encoder_k.", path, out)
    require_equal("the key encoder", read_safetensors(out), {name: tensor + 1 for name, tensor in weights.items()})
    path = folder / "resnet18.pth"
    torch.save(compare_torch.resnet18(7).state_dict(), path)
    info = json.loads(run(dgsam_run, "weights", "info", "--json", path))
    if info["model"] != {"name": "resnet18", "classes": 7, "image_channels": 3}:
        sys.exit(f"weights info: model {info['model']}")


def moco(weights):
    names = {}
    for name, tensor in weights.items():
        names["module.encoder_q." + name] = tensor
        names["module.encoder_k." + name] = tensor + 1
    return names | {"module.queue": torch.zeros(8, 16), "module.queue_ptr": torch.zeros(1, dtype=torch.long)}


def domainbed_checkpoint(weights):
    names = {}
    for name, tensor in weights.items():
        head = name.startswith("fc.")
        names[name.replace("fc.", "classifier.") if head else "featurizer.network." + name] = tensor
        names[name.replace("fc.", "network.1.") if head else "network.0.network." + name] = tensor
    return {"args": {"algorithm": "ERM"}, "model_hparams": {"lr": 5e-5}, "model_dict": names}


def refuses_code(dgsam_run, folder):
    """A whole module is a program: it is refused, and what it asks for is named."""
    for new in (True, False):
        path = folder / "module.pth"
        torch.save(compare_torch.resnet18(7), path, _use_new_zipfile_serialization=new)
        result = subprocess.run([dgsam_run, "weights", "info", path], capture_output=True, text=True)
        if result.returncode != 1 or "torch.save(model.state_dict()" not in result.stderr:
            sys.exit(f"a pickled module: exit {result.returncode}: {result.stdout}{result.stderr}")
    print("a pickled module is refused:", result.stderr.strip())


def main():
    dgsam_run, write_weights = sys.argv[1:]
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        to_torch(write_weights, folder)
        from_torch(dgsam_run, folder)
        refuses_code(dgsam_run, folder)
    print("PyTorch", torch.__version__)


if __name__ == "__main__":
    main()
