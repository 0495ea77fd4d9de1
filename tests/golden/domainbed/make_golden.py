"""Writes records.jsonl (made-up results of DomainBed runs), and what DomainBed's own collect_results prints of them.

Usage: make_golden.py DOMAINBED_CHECKOUT [RESULTS]. Needs numpy; torch, torchvision, wilds and tqdm are not needed:
collect_results uses of them only names, which are read from the checkout's text. With RESULTS (a folder of DomainBed
runs) nothing is written: its tables are printed.
"""
import ast
import contextlib
import io
import json
import os
import pathlib
import random
import runpy
import sys
import tempfile
import types

HERE = pathlib.Path(__file__).parent


def assignments(path, names):
    """Literal values of `NAME = [...]`, at top level or in classes: {(class or "", name): value}."""
    found = {}
    tree = ast.parse(path.read_text())
    scopes = [("", tree.body)] + [(node.name, node.body) for node in tree.body if isinstance(node, ast.ClassDef)]
    for scope, body in scopes:
        for node in body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in names:
                with contextlib.suppress(ValueError):
                    found[scope, node.targets[0].id] = ast.literal_eval(node.value)
    return found


def stand_in(name, **members):
    sys.modules[name] = types.ModuleType(name)
    for key, value in members.items():
        setattr(sys.modules[name], key, value)
    return sys.modules[name]


def load_domainbed(checkout):
    sys.path.insert(0, str(checkout))
    import domainbed

    torch = stand_in("torch", Tensor=object, no_grad=lambda: lambda f: f, nn=types.SimpleNamespace(Module=object),
                     optim=types.SimpleNamespace(Optimizer=object))
    torch.utils = stand_in("torch.utils")
    torch.utils.data = stand_in("torch.utils.data", Dataset=object)
    stand_in("tqdm", tqdm=lambda items, **_: items)
    data = assignments(checkout / "domainbed/datasets.py", {"DATASETS", "ENVIRONMENTS"})
    classes = {scope: type(scope, (), {"ENVIRONMENTS": value})
               for (scope, name), value in data.items() if name == "ENVIRONMENTS"}
    domainbed.datasets = stand_in("domainbed.datasets", DATASETS=data["", "DATASETS"],
                                  get_dataset_class=classes.get,
                                  num_environments=lambda name: len(classes[name].ENVIRONMENTS))
    names = assignments(checkout / "domainbed/algorithms.py", {"ALGORITHMS"})
    domainbed.algorithms = stand_in("domainbed.algorithms", ALGORITHMS=names["", "ALGORITHMS"])


def collected(folder, latex):
    """What collect_results prints."""
    text, before = io.StringIO(), (sys.stdout, sys.argv, os.listdir)
    sys.stdout, sys.argv = text, ["collect_results", "--input_dir", str(folder)] + ["--latex"] * latex
    # DomainBed adds up in the order in which the system lists folders, which can turn 65.65 into 65.6 or 65.7.
    os.listdir = lambda path: sorted(before[2](path))
    try:
        runpy.run_module("domainbed.scripts.collect_results", run_name="__main__")
    finally:
        sys.stdout, sys.argv, os.listdir = before
    return text.getvalue()


def made_up_records():
    """Three data sets, complete and not: missing trials, pairs, steps, and ties between checkpoints and hparams."""
    draw = random.Random(5)
    run = 0
    for dataset, domains, algorithms in [("VLCS", 4, ["ERM", "CORAL", "OurMethod"]), ("RotatedMNIST", 6, ["ERM"]),
                                         ("PACS", 4, ["CORAL", "ERM"])]:
        for algorithm in algorithms:
            for trial in range(3 if dataset == "VLCS" else 2):
                envs = [[a] for a in range(domains)]
                if dataset == "VLCS" and algorithm != "OurMethod":
                    envs += [[a, b] for a in range(domains) for b in range(a + 1, domains)]
                for test_envs in envs:
                    for hparams in range(2 if dataset == "VLCS" else 1):
                        run += 1
                        missing = draw.random() < 0.03 or (dataset == "PACS" and algorithm == "ERM" and test_envs == [2])
                        for step in [0, 300]:
                            record = {"dir": f"run{run:03}", "args": {
                                "algorithm": algorithm, "dataset": dataset, "hparams_seed": hparams, "seed": run,
                                "test_envs": test_envs, "trial_seed": trial}, "step": step}
                            for env in range(domains):
                                if len(test_envs) == 1 or env in test_envs:
                                    record[f"env{env}_in_acc"] = round(draw.uniform(0.5, 0.9), 3)
                                if len(test_envs) == 1:  # one digit: ties are frequent
                                    record[f"env{env}_out_acc"] = round(draw.uniform(0.5, 0.9), 1)
                                else:
                                    record[f"env{env}_out_acc"] = 0.5
                            if draw.random() < 0.02:
                                record["loss"] = float("nan")
                            if not missing:
                                yield record


def main():
    checkout = pathlib.Path(sys.argv[1]).resolve()
    load_domainbed(checkout)
    if len(sys.argv) > 2:
        print(collected(sys.argv[2], False), end="")
        return
    with tempfile.TemporaryDirectory() as folder, (HERE / "records.jsonl").open("w") as records:
        for record in made_up_records():
            records.write(json.dumps(record, separators=(",", ":")) + "\n")
            place = pathlib.Path(folder) / record.pop("dir")
            place.mkdir(exist_ok=True)
            with (place / "results.jsonl").open("a") as file:
                file.write(json.dumps(record) + "\n")
        (HERE / "results.txt").write_text(collected(folder, False))
        (HERE / "results.tex").write_text(collected(folder, True))


main()
