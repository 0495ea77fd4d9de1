#!/usr/bin/env python3
"""The record that tools/gpu_check.sh keeps: one JSON file, complete after every check.

    gpu_report.py REPORT begin STAGE...                 machine and versions; the named stages start empty
    gpu_report.py REPORT run STAGE CHECK SECONDS COMMAND...
    gpu_report.py REPORT skip STAGE CHECK REASON
    gpu_report.py REPORT until SECONDS              prints what GPU_CHECK_END is in so many seconds
    gpu_report.py REPORT end                            a summary; exits with 1 if a check failed

A check that is in the file with an outcome is not run again. What is left until GPU_CHECK_END in the environment (seconds
since 1970) limits every check: one for which less than a quarter of its SECONDS is left is not started, and it and one that
is stopped by that end are `not reached`, to be run by the next call.

A check passes when its command exits with 0, and is skipped at 77. A JSON object in the last line of its output, or in the
.json file that its --out names, is kept as the check's figures.
"""
import datetime
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
SKIPPED = 77
NOT_REACHED = "not reached"


def now():
    """Seconds; those in the file that GPU_CHECK_CLOCK names, for a rehearsal."""
    clock = os.environ.get("GPU_CHECK_CLOCK")
    return float(pathlib.Path(clock).read_text()) if clock else time.time()


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def revision():
    bundled = REPOSITORY / ".deps/revision"
    described = output_of("git", "describe", "--always", "--dirty")
    return described or (bundled.read_text().strip() if bundled.is_file() else "unknown")


def machine():
    fields = ("name", "driver_version", "memory.total", "compute_cap")
    line = output_of("nvidia-smi", "--query-gpu=" + ",".join(fields), "--format=csv,noheader") or ""
    gpu = dict(zip(fields, (part.strip() for part in line.split("\n")[0].split(","))))
    versions = {"nvcc": output_of("nvcc", "--version"), "compiler": output_of("c++", "--version"),
                "cmake": output_of("cmake", "--version")}
    return {"device": gpu.get("name"), "driver": gpu.get("driver_version"), "memory": gpu.get("memory.total"),
            "compute_capability": gpu.get("compute_cap"), "revision": revision(), "cores": os.cpu_count(),
            "versions": {name: text.splitlines()[-1 if name == "nvcc" else 0] if text else None
                         for name, text in versions.items()}}


def read(path):
    return json.loads(path.read_text()) if path.is_file() else {}


def write(path, report):
    """A reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(json.dumps(report, indent=1) + "\n")
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def begin(path, stages):
    """Stages that an earlier call ran stay when it was the same device and revision."""
    here, before = machine(), read(path)
    same = all(before.get(key) == here[key] for key in ("device", "revision"))
    kept = before.get("stages", {}) if same else {}
    report = {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), **here,
              "stages": {name: checks for name, checks in kept.items() if name not in stages}}
    report["stages"].update({name: {} for name in stages})
    write(path, report)


def note(path, stage, check, **result):
    report = read(path)
    report["stages"].setdefault(stage, {})[check] = result
    write(path, report)
    print(f"  {result['outcome']:11} {check}" + (f" ({result['seconds']:.0f} s)" if "seconds" in result else ""),
          flush=True)
    if result["outcome"] != "passed" and result.get("detail"):
        print("           " + result["detail"].replace("\n", "\n           "), flush=True)


def figures_of(lines, command):
    """The JSON object in the last line of the output, or in the file that the command was to write."""
    text = lines[-1] if lines else ""
    out = pathlib.Path(command[command.index("--out") + 1]) if "--out" in command else None
    if out and out.suffix == ".json" and out.is_file():
        text = out.read_text()
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return {"figures": value} if isinstance(value, dict) else {}


def run(path, stage, check, limit, command):
    before = read(path)["stages"].get(stage, {}).get(check, {"outcome": NOT_REACHED})
    if before["outcome"] != NOT_REACHED:
        return 1 if before["outcome"] == "failed" else 0
    left = float(os.environ.get("GPU_CHECK_END", "inf")) - now()
    if left < limit / 4:
        note(path, stage, check, outcome=NOT_REACHED)
        return 0
    at_the_end, limit = left < limit, min(limit, left)
    start = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = None
        log.seek(0)
        lines = [line for line in log.read().splitlines() if line.strip()]
    outcome = {0: "passed", SKIPPED: "skipped", None: NOT_REACHED if at_the_end else "failed"}.get(status, "failed")
    result = {"outcome": outcome, "seconds": round(time.monotonic() - start, 1), "command": " ".join(command)}
    result.update(figures_of(lines, command))
    if outcome != "passed":
        result["detail"] = (f"stopped after {limit:.0f} s\n" if status is None else "") + "\n".join(lines[-12:])
    elif "figures" not in result:
        result["output"] = "\n".join(lines[-150:])
    note(path, stage, check, **result)
    return 1 if outcome == "failed" else 0


def end(path):
    outcomes = [check["outcome"] for checks in read(path)["stages"].values() for check in checks.values()]
    counts = {name: outcomes.count(name) for name in ("passed", "failed", "skipped", NOT_REACHED)}
    print(", ".join(f"{count} {name}" for name, count in counts.items()) + f"; everything is in {path}")
    return 1 if counts["failed"] else 0


def main():
    path, verb, arguments = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    if verb == "begin":
        return begin(path, arguments)
    if verb == "run":
        return run(path, arguments[0], arguments[1], float(arguments[2]), arguments[3:])
    if verb == "skip":
        return note(path, arguments[0], arguments[1], outcome="skipped", detail=arguments[2])
    if verb == "until":
        return print(now() + float(arguments[0]))
    if verb == "end":
        return end(path)
    return f"gpu_report: unknown verb {verb}"


if __name__ == "__main__":
    sys.exit(main())
