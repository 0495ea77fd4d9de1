#!/usr/bin/env bash
# Compiles what tools/gpu_check.sh --prebuilt needs, for GPUs of compute capability 8.0, 9.0 and 10.0 and any x86-64 CPU that is
# not older than Haswell, into one folder: bin/ (stripped; kernels compressed), lib/ (libraries that a bare machine lacks; not
# CUDA's) and revision. Needs nvcc, CMake and Ninja, and no GPU.
#
#   tools/bundle_gpu.sh [DIR]     DIR is gpu-bundle unless given
set -euo pipefail
case "${1:-}" in
  -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
  -*) echo "bundle_gpu: unknown option $1 (see --help)" >&2; exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${1:-gpu-bundle}
build=build-bundle
limit_mib=64  # of sources, .deps/ and this together

cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DDGSAM_NATIVE=OFF "-DCMAKE_CUDA_ARCHITECTURES=80;90;100" \
  "-DCMAKE_CUDA_FLAGS=-Xfatbin=-compress-all"
ninja -C "$build" bench dgsam-run device_tests
rm -rf "$folder"
mkdir -p "$folder/bin" "$folder/lib"
cp "$build/tools/bench" "$build/tools/dgsam-run" "$build/tests/device_tests" "$folder/bin"
strip "$folder"/bin/*
# Of what the programs are linked with, what is neither a compiler's, the C library's nor CUDA's.
given='/(ld-linux|libc|libm|libdl|libpthread|librt|libstdc\+\+|libgcc_s|libcuda|libcudart|libcudnn|libcublas)[^/]*\.so'
ldd "$folder"/bin/* | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u | grep -Ev "$given" |
  while read -r library; do cp -L "$library" "$folder/lib"; done
git describe --always --dirty >"$folder/revision" 2>/dev/null || echo unknown >"$folder/revision"
size_mib=$( (git ls-files -z | du -cm --apparent-size --files0-from=- | tail -1; du -cm --apparent-size "$folder" .deps 2>/dev/null |
  tail -1) | cut -f1 | paste -sd+ | bc)
echo "bundle_gpu: $folder; with sources and .deps/ $size_mib MiB"
if [ "$size_mib" -gt "$limit_mib" ]; then
  echo "bundle_gpu: that is more than $limit_mib MiB" >&2
  exit 1
fi
