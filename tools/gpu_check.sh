#!/usr/bin/env bash
# Everything that has to be seen on a GPU, most valuable first, for a machine that is rented by the minute. Every result is
# in one JSON file, $OUT/gpu_check.json (OUT is docs/gpu unless set), as soon as it is there. Needs a GPU and Python 3, and
# to build, nvcc, CMake and Ninja; uses .deps/ (tools/bundle_deps.sh), compute-sanitizer and PyTorch 2 where they are.
#
#   tools/gpu_check.sh                    everything that is not in the file yet for this device and revision
#   tools/gpu_check.sh --seconds 560      no longer than that; the next call goes on where this one ended
#   tools/gpu_check.sh --prebuilt DIR     programs of tools/bundle_gpu.sh where they run here; else it builds
#   tools/gpu_check.sh --stage bench      one of build, smoke, bench, test, bits, compare, more, sanitize, once more;
#                                         may be repeated
#
# A check that fails does not keep the next one from running; the exit status is 1 when one failed. One of a library's
# measured choices that fails is tried again with --conv-choice heuristic.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

all_stages=(build smoke bench test bits compare more sanitize)
stages=()
seconds=1000000
prebuilt=
while [ $# -gt 0 ]; do
  case "$1" in
    --stage)
      if [[ " ${all_stages[*]} " != *" ${2:-} "* || -z "${2:-}" ]]; then
        echo "gpu_check: --stage ${2:-}: choose one of ${all_stages[*]}" >&2
        exit 2
      fi
      stages+=("$2")
      shift 2 ;;
    --seconds)
      if ! [[ "${2:-}" =~ ^[0-9]+$ ]]; then echo "gpu_check: --seconds ${2:-}: a number is needed" >&2; exit 2; fi
      seconds=$2
      shift 2 ;;
    --prebuilt)
      if [ ! -x "${2:-}/bin/bench" ]; then
        echo "gpu_check: --prebuilt ${2:-}: no folder of tools/bundle_gpu.sh, which would have bin/bench" >&2
        exit 2
      fi
      prebuilt=$(cd "$2" && pwd)
      shift 2 ;;
    -h | --help) sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "gpu_check: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
done

if ! nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then
  echo "gpu_check: nvidia-smi finds no GPU on this machine: nothing was checked, and nothing was written" >&2
  exit 1
fi
needed=(python3)
if [ -z "$prebuilt" ]; then needed+=(nvcc cmake ninja); fi
for tool in "${needed[@]}"; do
  if ! command -v "$tool" >/dev/null; then
    echo "gpu_check: $tool is not on the PATH: nothing was checked, and nothing was written" >&2
    exit 1
  fi
done

report="${OUT:-docs/gpu}/gpu_check.json"
build=build-gpu
work=$build/check
mkdir -p "$work"
programs=$build/tools
device_tests=$build/tests/device_tests

record() { python3 tools/gpu_report.py "$report" "$@"; }
GPU_CHECK_END=$(record until "$seconds")  # nothing is started that would not end before
export GPU_CHECK_END
run() { record run "$@" || true; }
skip() { record skip "$@"; }
# run STAGE CHECK SECONDS COMMAND..., and if it fails, with the libraries' own choices; the command ends with options.
run_measured() {
  local stage=$1 check=$2 limit=$3
  shift 3
  record run "$stage" "$check" "$limit" "$@" && return
  run "$stage" "$check, heuristic choice" "$limit" "$@" --conv-choice heuristic
}

use_prebuilt() {
  programs=$prebuilt/bin
  device_tests=$prebuilt/bin/device_tests
  local folder folders=$prebuilt/lib
  for folder in $(python3 -c 'import glob, site, sys
for root in site.getsitepackages() + [site.getusersitepackages()]:
    print(*glob.glob(root + "/nvidia/*/lib"))' 2>/dev/null) /usr/local/cuda/lib64; do
    folders+=":$folder"
  done
  export LD_LIBRARY_PATH="$folders${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
}

stage_build() {
  local architecture options
  if [ -n "$prebuilt" ]; then
    # They fit if they find their libraries here and compute on this device.
    local before=${LD_LIBRARY_PATH:-}
    use_prebuilt
    if record run build "prebuilt programs" 40 "$programs/bench" smoke; then return; fi
    export LD_LIBRARY_PATH=$before
    programs=$build/tools
    device_tests=$build/tests/device_tests
  fi
  architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d ' .')
  # Warnings of a compiler that nobody has tried are no reason to stop.
  options=(-G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CUDA_ARCHITECTURES="$architecture" -DDGSAM_WERROR=OFF)
  if [ -d .deps/usr ]; then
    # The old kind of tag, because libraries of libraries are to be found there too.
    options+=(-DCMAKE_PREFIX_PATH="$PWD/.deps/usr"
      -DCMAKE_EXE_LINKER_FLAGS="-Wl,--disable-new-dtags,-rpath,$PWD/.deps/usr/lib")
  fi
  run build configure 120 cmake -S . -B "$build" "${options[@]}"
  run build "compile bench" 500 ninja -C "$build" bench
}
# What measuring can do without.
build_the_rest() {
  if [ "$programs" = "$build/tools" ] && [ ! -x "$device_tests" ]; then
    run build "compile the tests" 500 ninja -C "$build" device_tests dgsam-run
  fi
}

stage_smoke() { run smoke "memory, copies, kernels, convolutions, masks, a recorded step" 60 "$programs/bench" smoke; }

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
  printf '%s\n' "$programs/dgsam-run" train --dataset folder --data-dir "$work/images" --test-env 0 --model resnet50 \
    --algorithm dgsam --device cuda --sharpness-images 0 --overwrite
}

step() {
  printf '%s\n' "$programs/bench" step --device cuda --model resnet50 --domains 3 --batch-size 32 --images-stay on \
    --warmup 5 --precision "$1" --algorithm "$2"
}
bench_step() {
  local command
  mapfile -t command < <(step "$2" "$3")
  run_measured "$1" "step, $2 $3${*:4}" 100 "${command[@]}" --roofline --json --steps 20 --rounds 5 "${@:4}"
}

stage_bench() {
  local algorithm command
  for algorithm in dgsam erm sam; do
    bench_step bench bf16 "$algorithm"
    mapfile -t command < <(step bf16 "$algorithm")
    run bench "profile, bf16 $algorithm" 60 "${command[@]}" --profile --steps 3
  done
}

stage_test() {
  build_the_rest
  run_measured test "operations and gradients, f32, f64 and bf16" 200 "$device_tests" \
    -tce="ResNet-50*,*PyTorch*" --no-colors
  run_measured test "PyTorch's trajectories" 100 "$device_tests" -tc="*PyTorch*" --no-colors
  run_measured test "ResNet-50, every call" 200 "$device_tests" -tc="ResNet-50*agrees*" --no-colors
  run test "gradcheck" 60 "$programs/dgsam-run" gradcheck --device cuda
}

stage_bits() {
  local precision training
  build_the_rest
  run_measured bits "ResNet-50, the same bits" 200 "$device_tests" -tc="ResNet-50*same bits*" --no-colors
  make_images
  if [ ! -d "$work/images" ]; then
    skip bits "training" "Python has no torchvision and Pillow to make images with"
    return
  fi
  mapfile -t training < <(train)
  for precision in bf16 f32 tf32; do
    run bits "--backend-check 3, $precision" 150 "${training[@]}" --batch-size 4 --precision "$precision" \
      --backend-check 3 --out "$work/check-$precision"
  done
  for precision in bf16 f32; do
    run bits "two runs, and one without recording, end with the same bits, $precision" 150 bash -c '
      set -e
      out=$1 dgsam=$2; shift 2
      "$@" --out "$out-1"; "$@" --out "$out-2"; "$@" --out "$out-3" --recording off
      for other in 2 3; do
        cmp "$out-1/metrics.jsonl" "$out-$other/metrics.jsonl"
        "$dgsam" weights diff "$out-1/last.safetensors" "$out-$other/last.safetensors"
      done' - "$work/bits-$precision" "$programs/dgsam-run" "${training[@]}" --batch-size 8 --precision "$precision" \
      --steps 6
  done
}

stage_compare() {
  if ! python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    skip compare "against PyTorch" "Python has no PyTorch that can use the GPU"
    return
  fi
  export TORCHINDUCTOR_CACHE_DIR="$PWD/$work/inductor"  # a second call compiles less
  rm -f "$work/eager.json" "$work/compiled.json"
  run compare "against eager PyTorch, bf16" 240 python3 tools/compare_torch_gpu.py --bench "$programs/bench" \
    --precisions bf16 --peers foreach,loops --rounds 3 --seconds 150 --out "$work/eager.json"
  run compare "against compiled PyTorch, bf16" 300 python3 tools/compare_torch_gpu.py --bench "$programs/bench" \
    --precisions bf16 --algorithms erm,dgsam --peers captured,compiled --compile-mode reduce-overhead --rounds 3 \
    --seconds 200 --out "$work/compiled.json"
}

stage_more() {
  local precision algorithm training
  for precision in tf32 f32; do
    for algorithm in erm dgsam sam; do bench_step more "$precision" "$algorithm"; done
  done
  bench_step more bf16 dgsam --recording off
  bench_step more bf16 dgsam --side-stream off
  build_the_rest
  make_images
  if [ -d "$work/images" ]; then
    mapfile -t training < <(train)
    run more "end to end with decoding, bf16 dgsam" 200 bash -c '
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
    skip more "end to end with decoding" "Python has no torchvision and Pillow to make images with"
  fi
}

# On our kernels alone and without measuring: a library's candidates, instrumented, would take hours.
stage_sanitize() {
  local tool option filter=()
  for option in --kernel-name --kernel-regex --filter; do  # its name in one version or another
    if compute-sanitizer --help 2>/dev/null | grep -q -e "$option "; then filter=("$option" kns=dgsam); break; fi
  done
  for tool in memcheck racecheck; do
    if ! command -v compute-sanitizer >/dev/null; then
      skip sanitize "$tool" "compute-sanitizer is not on the PATH"
      continue
    fi
    run sanitize "$tool" 200 compute-sanitizer --tool "$tool" "${filter[@]}" --error-exitcode 1 "$programs/bench" step \
      --device cuda --model resnet18 --image-size 32 --batch-size 2 --domains 2 --algorithm dgsam --recording off \
      --conv-choice heuristic --warmup 0 --steps 1
  done
}

# What is named is done anew; else what is in the file stays. Programs are unpacked or built in any case.
record begin build "${stages[@]}"
if [ ${#stages[@]} -eq 0 ]; then stages=("${all_stages[@]}"); fi
if [[ " ${stages[*]} " != *" build "* ]]; then
  if [ -n "$prebuilt" ] || [ ! -x "$programs/bench" ]; then stages=(build "${stages[@]}"); fi
fi
for stage in "${stages[@]}"; do
  echo "gpu_check: $stage"
  "stage_$stage"
done
record end
