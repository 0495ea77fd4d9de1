#!/usr/bin/env python3
"""tools/gpu_check.sh without a GPU, and on a made-up one: nvidia-smi, nvcc, cmake and ninja are stubs on the PATH."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
GPU = """case "$*" in
  -L) echo "GPU 0: Made-up" ;;
  --query-gpu=compute_cap*) echo 9.0 ;;
  *) echo "Made-up, 1.2.3, 80 GiB, 9.0" ;;
esac"""
NINJA = """mkdir -p build-gpu/tests build-gpu/tools
printf '#!/bin/sh\\ncase "$*" in *PyTorch\\**-tc*|-tc=*PyTorch*) exit 77 ;; *bits*) echo they differ; exit 1 ;; esac\\n' \
  >build-gpu/tests/device_tests
printf '#!/bin/sh\\necho text\\necho "{\\"ms\\": [1, 2]}"\\n' >build-gpu/tools/bench
printf '#!/bin/sh\\nexit 0\\n' >build-gpu/tools/dgsam-run
chmod +x build-gpu/tests/device_tests build-gpu/tools/*"""


class GpuCheck(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        (self.root / "tools").mkdir()
        for name in ("gpu_check.sh", "gpu_report.py"):
            shutil.copy(TOOLS / name, self.root / "tools" / name)
        self.stubs = self.root / "bin"
        self.stubs.mkdir()

    def stub(self, name, text="exit 0"):
        path = self.stubs / name
        path.write_text("#!/bin/sh\n" + text + "\n")
        path.chmod(0o755)

    def check(self, *arguments):
        environment = {**os.environ, "PATH": f"{self.stubs}:{os.environ['PATH']}", "OUT": str(self.root / "out")}
        return subprocess.run([self.root / "tools/gpu_check.sh", *arguments], env=environment, capture_output=True,
                              text=True, check=False)

    def report(self):
        return json.loads((self.root / "out/gpu_check.json").read_text())

    def test_without_a_gpu_it_says_so_and_writes_nothing(self):
        self.stub("nvidia-smi", "echo no devices; exit 9")
        result = self.check()
        self.assertEqual(result.returncode, 1)
        self.assertIn("finds no GPU", result.stderr)
        self.assertFalse((self.root / "out").exists())
        self.assertFalse((self.root / "build-gpu").exists())

    def test_stages_are_merged_and_a_failure_is_told(self):
        for name, text in (("nvidia-smi", GPU), ("ninja", NINJA), ("nvcc", "exit 0"), ("cmake", "exit 0")):
            self.stub(name, text)
        result = self.check("--stage", "build")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("-DCMAKE_CUDA_ARCHITECTURES=90", self.report()["stages"]["build"]["configure"]["command"])
        self.stub("compute-sanitizer", "echo 3 errors; exit 1")
        result = self.check("--stage", "test", "--stage", "sanitize")
        self.assertEqual(result.returncode, 1)
        report = self.report()
        self.assertEqual((report["device"], report["driver"]), ("Made-up", "1.2.3"))
        outcomes = {name: check["outcome"] for checks in report["stages"].values() for name, check in checks.items()}
        self.assertEqual(outcomes["compile"], "passed")
        self.assertEqual(outcomes["ResNet-50, every call"], "passed")
        self.assertEqual(outcomes["PyTorch's trajectories"], "skipped")
        self.assertEqual(outcomes["ResNet-50, the same bits"], "failed")
        self.assertIn("they differ", report["stages"]["test"]["ResNet-50, the same bits"]["detail"])
        self.assertEqual(outcomes["memcheck"], "failed")
        self.check("--stage", "bench")
        step = self.report()["stages"]["bench"]["step, bf16 dgsam"]
        self.assertEqual(step["figures"], {"ms": [1, 2]})
        self.assertIn("test", self.report()["stages"])
        self.stub("nvidia-smi", GPU.replace("Made-up", "Another"))
        self.check("--stage", "sanitize")
        self.assertEqual(list(self.report()["stages"]), ["sanitize"])

    def test_a_check_that_takes_too_long_is_stopped_and_keeps_what_it_wrote(self):
        self.stub("nvidia-smi", GPU)
        report, written = self.root / "report.json", self.root / "written.json"
        tool = self.root / "tools/gpu_report.py"
        subprocess.run([tool, report, "begin", "bench"], check=True, env={"PATH": f"{self.stubs}:{os.environ['PATH']}"})
        slow = f"echo '{{\"a\": 1}}' >{written}; sleep 60"
        result = subprocess.run([tool, report, "run", "bench", "slow", "1", "sh", "-c", slow, "--out", written],
                                capture_output=True, check=False)
        self.assertEqual(result.returncode, 1)
        check = json.loads(report.read_text())["stages"]["bench"]["slow"]
        self.assertEqual((check["outcome"], check["figures"]), ("failed", {"a": 1}))
        self.assertIn("stopped after 1 s", check["detail"])


if __name__ == "__main__":
    unittest.main()
