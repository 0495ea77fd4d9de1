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
DEVICE_TESTS = """#!/bin/sh
case "$*" in *-tc=*PyTorch*) exit 77 ;; *bits*heuristic) exit 0 ;; *bits*) echo they differ; exit 1 ;; esac
"""
# Every call of bench is a line of calls.txt.
BENCH = """#!/bin/sh
echo "$*" >>"$CALLS"
echo text
echo '{"ms": [1, 2]}'
"""


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
        self.calls = self.root / "calls.txt"

    def program(self, path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def stub(self, name, text="exit 0"):
        self.program(self.stubs / name, "#!/bin/sh\n" + text + "\n")

    def programs(self, folder, tests_folder, bench=BENCH):
        self.program(folder / "bench", bench)
        self.program(folder / "dgsam-run", "#!/bin/sh\nexit 0\n")
        self.program(tests_folder / "device_tests", DEVICE_TESTS)

    def made_up_machine(self):
        """What ninja would make lies in made/; python3 has neither torch nor torchvision."""
        self.programs(self.root / "made/tools", self.root / "made/tests")
        ninja = ("echo \"ninja $*\" >>\"$CALLS\"; mkdir -p build-gpu/tools build-gpu/tests\n"
                 "case \"$*\" in *bench) cp made/tools/bench build-gpu/tools ;;\n"
                 "*) cp made/tools/dgsam-run build-gpu/tools; cp made/tests/* build-gpu/tests ;; esac")
        for name, text in (("nvidia-smi", GPU), ("ninja", ninja), ("nvcc", "exit 0"), ("cmake", "exit 0"),
                           ("python3", 'case "$1" in -c | -) exit 1 ;; esac\nexec ' + shutil.which("python3") + ' "$@"')):
            self.stub(name, text)

    def check(self, *arguments, **environment):
        environment = {**os.environ, "PATH": f"{self.stubs}:{os.environ['PATH']}", "OUT": str(self.root / "out"),
                       "CALLS": str(self.calls), **environment}
        return subprocess.run([self.root / "tools/gpu_check.sh", *arguments], env=environment, capture_output=True,
                              text=True, check=False)

    def report(self):
        return json.loads((self.root / "out/gpu_check.json").read_text())

    def outcomes(self):
        return {name: check["outcome"] for checks in self.report()["stages"].values() for name, check in checks.items()}

    def test_without_a_gpu_it_says_so_and_writes_nothing(self):
        self.stub("nvidia-smi", "echo no devices; exit 9")
        result = self.check()
        self.assertEqual(result.returncode, 1)
        self.assertIn("finds no GPU", result.stderr)
        self.assertFalse((self.root / "out").exists())
        self.assertFalse((self.root / "build-gpu").exists())

    def test_everything_in_order_and_a_second_call_does_nothing_twice(self):
        self.made_up_machine()
        result = self.check()
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)  # bits differ
        report, outcomes = self.report(), self.outcomes()
        self.assertEqual(list(report["stages"]), ["build", "smoke", "bench", "test", "bits", "compare", "more", "sanitize"])
        self.assertEqual((report["device"], report["driver"]), ("Made-up", "1.2.3"))
        self.assertIn("-DCMAKE_CUDA_ARCHITECTURES=90", report["stages"]["build"]["configure"]["command"])
        self.assertEqual(report["stages"]["bench"]["step, bf16 dgsam"]["figures"], {"ms": [1, 2]})
        self.assertEqual(outcomes["PyTorch's trajectories"], "skipped")
        self.assertEqual(outcomes["ResNet-50, the same bits"], "failed")
        self.assertIn("they differ", report["stages"]["bits"]["ResNet-50, the same bits"]["detail"])
        self.assertEqual(outcomes["ResNet-50, the same bits, heuristic choice"], "passed")
        self.assertNotIn("step, bf16 dgsam, heuristic choice", outcomes)
        self.assertEqual(outcomes["against PyTorch"], "skipped")
        calls = self.calls.read_text().splitlines()
        # What measures is built first, and has measured before the rest is built.
        self.assertEqual(calls[0], "ninja -C build-gpu bench")
        self.assertEqual(calls[1], "smoke")
        rest = calls.index("ninja -C build-gpu device_tests dgsam-run")
        self.assertGreater(rest, 6)
        self.assertTrue(all("bf16" in call for call in calls[2:rest]))
        self.check()
        self.assertEqual(self.calls.read_text().splitlines()[len(calls):], ["ninja -C build-gpu bench"])
        del outcomes["compile the tests"]  # building starts anew, and they are there already
        self.assertEqual(self.outcomes(), outcomes)
        self.check("--stage", "smoke")
        self.assertEqual(self.calls.read_text().splitlines()[-1], "smoke")
        self.stub("nvidia-smi", GPU.replace("Made-up", "Another"))
        self.check("--stage", "sanitize")
        self.assertNotIn("bench", self.report()["stages"])

    def test_a_budget_is_kept_to_and_the_next_call_goes_on(self):
        self.made_up_machine()
        clock = self.root / "clock"
        clock.write_text("1000")
        # smoke takes 10 seconds, everything else that is measured 40.
        bench = BENCH + 'case "$*" in smoke) t=10 ;; *) t=40 ;; esac\necho $(($(cat "$GPU_CHECK_CLOCK") + t)) >clock.new\n'
        self.program(self.root / "made/tools/bench", bench + 'mv clock.new "$GPU_CHECK_CLOCK"\n')
        self.check("--seconds", "150", "--stage", "build", "--stage", "smoke", "--stage", "bench",
                   GPU_CHECK_CLOCK=str(clock))
        # 10 + 3 x 40 seconds: then 20 are left, less than a quarter of the 100 of a next step, enough for a profile.
        reached = [name for name, outcome in self.outcomes().items() if outcome == "passed"]
        self.assertEqual(reached[2:6], ["memory, copies, kernels, convolutions, masks, a recorded step",
                                        "step, bf16 dgsam", "profile, bf16 dgsam", "step, bf16 erm"])
        self.assertEqual(self.outcomes()["step, bf16 sam"], "not reached")
        self.assertLess(int(clock.read_text()), 1000 + 150 + 40)
        taken = len(self.calls.read_text().splitlines())
        self.check("--seconds", "500", GPU_CHECK_CLOCK=str(clock))
        self.assertEqual(self.outcomes()["step, bf16 sam"], "passed")
        self.assertNotIn("--precision bf16 --algorithm dgsam --roofline --json --steps 20 --rounds 5\n",
                         "\n".join(self.calls.read_text().splitlines()[taken:]) + "\n")

    def test_prebuilt_programs_are_used_where_they_run(self):
        self.made_up_machine()
        bundle = self.root / "bundle"
        self.programs(bundle / "bin", bundle / "bin")
        self.check("--prebuilt", str(bundle), "--stage", "bench")
        self.assertEqual(self.outcomes()["prebuilt programs"], "passed")
        self.assertNotIn("ninja", self.calls.read_text())
        self.programs(bundle / "bin", bundle / "bin", "#!/bin/sh\necho no kernel image is available; exit 1\n")
        self.check("--prebuilt", str(bundle), "--stage", "bench")
        self.assertEqual(self.outcomes()["prebuilt programs"], "failed")
        self.assertIn("ninja -C build-gpu bench", self.calls.read_text())
        self.assertEqual(self.outcomes()["step, bf16 dgsam"], "passed")
        result = self.check("--prebuilt", str(self.root))
        self.assertEqual(result.returncode, 2)
        self.assertIn("bundle_gpu.sh", result.stderr)

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
