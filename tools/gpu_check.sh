#!/usr/bin/env bash
# Everything that has to be seen on a GPU, in one call: builds for the device, runs every check, measures, and writes
# one JSON file, $OUT/gpu_check.json (OUT is docs/gpu unless set). Needs a GPU, nvcc, CMake, Ninja and Python 3; uses
# .deps/ (tools/bundle_deps.sh) when it is there, compute-sanitizer and PyTorch 2 when they are.
#
#   tools/gpu_check.sh                  all stages, about half an hour
#   tools/gpu_check.sh --stage bench    one of build, test, sanitize, bench, compare (may be repeated); the results of
#                                       other stages on the same device and revision stay in the file
#
# A check that fails does not keep the next one from running; the exit status is 1 when one failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stages=()
while [ $# -gt 0 ]; do
  case "$1" in
    --stage)
      case "${2:-}" in
        build | test | sanitize | bench | compare) stages+=("$2") ;;
        *) echo "gpu_check: --stage ${2:-}: choose build, test, sanitize, bench or compare" >&2; exit 2 ;;
      esac
      shift 2 ;;
    -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "gpu_check: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
done
if [ ${#stages[@]} -eq 0 ]; then stages=(build test sanitize bench compare); fi

if ! nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then
  echo "gpu_check: nvidia-smi finds no GPU on this machine: nothing was checked, and nothing was written" >&2
  exit 1
fi
for tool in nvcc cmake ninja python3; do
  if ! command -v "$tool" >/dev/null; then
    echo "gpu_check: $tool is not on the PATH: nothing was checked, and nothing was written" >&2
    exit 1
  fi
done

report="${OUT:-docs/gpu}/gpu_check.json"
build=build-gpu
work=$build/check
mkdir -p "$work"
bench=$build/tools/bench
dgsam=$build/tools/dgsam-run

run() { python3 tools/gpu_report.py "$report" run "$@" || true; }
skip() { python3 tools/gpu_report.py "$report" skip "$@"; }

stage_build() {
  local architecture options
  architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d ' .')
  # Warnings of a compiler that nobody has tried are no reason to stop.
  options=(-G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CUDA_ARCHITECTURES="$architecture" -DDGSAM_WERROR=OFF)
  if [ -d .deps/usr ]; then
    # The old kind of tag, because libraries of libraries are to be found there too.
    options+=(-DCMAKE_PREFIX_PATH="$PWD/.deps/usr"
      -DCMAKE_EXE_LINKER_FLAGS="-Wl,--disable-new-dtags,-rpath,$PWD/.deps/usr/lib")
  fi
  run build configure 120 cmake -S . -B "$build" "${options[@]}"
  run build compile 500 ninja -C "$build" device_tests dgsam-run bench
}

# Photograph-like JPEGs: four domains, two classes.
make_images() {
  if [ -d "$work/images" ]; then return; fi
  python3 - "$work/images" <<'PYTHON' >/dev/null 2>&1 || rm -rf "$work/images"
import pathlib, sys
sys.path.insert(0, "tools")
from compare_torchvision import make_images
for domain in "abcd":
    for label in "xy":
        folder = pathlib.Path(sys.argv[1], domain, label)
        folder.mkdir(parents=True)
        make_images(folder, 24)
PYTHON
}

# Arguments of a training run on those images; more follow.
train() {
  printf '%s\n' "$dgsam" train --dataset folder --data-dir "$work/images" --test-env 0 --model resnet50 \
    --algorithm dgsam --device cuda --sharpness-images 0 --overwrite
}

stage_test() {
  local precision training
  run test "operations and gradients, f32, f64 and bf16" 300 "$build/tests/device_tests" \
    -tce="ResNet-50*,*PyTorch*" --no-colors
  run test "PyTorch's trajectories" 200 "$build/tests/device_tests" -tc="*PyTorch*" --no-colors
  run test "ResNet-50, every call" 300 "$build/tests/device_tests" -tc="ResNet-50*agrees*" --no-colors
  run test "ResNet-50, the same bits" 200 "$build/tests/device_tests" -tc="ResNet-50*same bits*" --no-colors
  run test "gradcheck" 100 "$dgsam" gradcheck --device cuda
  make_images
  if [ ! -d "$work/images" ]; then
    skip test "training" "Python has no torchvision and Pillow to make images with"
    return
  fi
  mapfile -t training < <(train)
  for precision in f32 tf32 bf16; do
    run test "--backend-check 3, $precision" 200 "${training[@]}" --batch-size 4 --precision "$precision" \
      --backend-check 3 --out "$work/check-$precision"
  done
  for precision in f32 bf16; do
    run test "two runs, and one without recording, end with the same bits, $precision" 300 bash -c '
      set -e
      out=$1 dgsam=$2; shift 2
      "$@" --out "$out-1"; "$@" --out "$out-2"; "$@" --out "$out-3" --recording off
      for other in 2 3; do
        cmp "$out-1/metrics.jsonl" "$out-$other/metrics.jsonl"
        "$dgsam" weights diff "$out-1/last.safetensors" "$out-$other/last.safetensors"
      done' - "$work/bits-$precision" "$dgsam" "${training[@]}" --batch-size 8 --precision "$precision" --steps 6
  done
}

stage_sanitize() {
  local tool
  for tool in memcheck racecheck; do
    if ! command -v compute-sanitizer >/dev/null; then
      skip sanitize "$tool" "compute-sanitizer is not on the PATH"
      continue
    fi
    run sanitize "$tool" 280 compute-sanitizer --tool "$tool" --error-exitcode 1 "$bench" step --device cuda \
      --model resnet18 --image-size 32 --batch-size 2 --domains 2 --algorithm dgsam --recording off --warmup 0 --steps 1
  done
}

stage_bench() {
  local precision algorithm step training
  step=("$bench" step --device cuda --model resnet50 --domains 3 --batch-size 32 --images-stay on --roofline --json
    --warmup 5 --steps 20 --rounds 5)
  for precision in bf16 tf32 f32; do
    for algorithm in dgsam erm sam; do
      run bench "step, $precision $algorithm" 100 "${step[@]}" --precision "$precision" --algorithm "$algorithm"
    done
  done
  run bench "step, bf16 dgsam, not recorded" 100 "${step[@]}" --precision bf16 --algorithm dgsam --recording off
  run bench "step, bf16 dgsam, one stream" 100 "${step[@]}" --precision bf16 --algorithm dgsam --side-stream off
  make_images
  if [ -d "$work/images" ]; then
    mapfile -t training < <(train)
    run bench "end to end with decoding, bf16 dgsam" 200 bash -c '
      set -e
      out=$1; shift
      "$@" --out "$out"
      python3 -c "
import json, statistics, sys
seconds = [json.loads(line)[\"seconds\"] for line in open(sys.argv[1])][20:]
median = statistics.median(seconds)
print(json.dumps({\"median_ms\": 1e3 * median, \"new_images_per_second\": 96 / median, \"steps\": len(seconds)}))
" "$out/timing.jsonl"' - "$work/end-to-end" "${training[@]}" --batch-size 32 --precision bf16 --steps 120
  else
    skip bench "end to end with decoding" "Python has no torchvision and Pillow to make images with"
  fi
}

stage_compare() {
  if ! python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    skip compare "against PyTorch" "Python has no PyTorch that can use the GPU"
    return
  fi
  export TORCHINDUCTOR_CACHE_DIR="$PWD/$work/inductor"  # a second call compiles less
  rm -f "$work/compare.json"
  run compare "against PyTorch" 570 python3 tools/compare_torch_gpu.py --bench "$bench" --seconds 300 \
    --out "$work/compare.json"
}

python3 tools/gpu_report.py "$report" begin "${stages[@]}"
for stage in "${stages[@]}"; do
  echo "gpu_check: $stage"
  "stage_$stage"
done
python3 tools/gpu_report.py "$report" end
