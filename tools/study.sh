#!/usr/bin/env bash
# The study of docs/study: does DGSAM lower the sharpness of single domains against SAM, and at what cost? ERM, SAM and
# DGSAM on real photographs in four styles, each style left out once, five trials: 60 runs, their sharpness, landscapes,
# worst mistakes, 28 runs with other radii, tables and a report. Two hours on 2 cores of 2019. Stopped at any point, it
# goes on from there.
#
#   tools/study.sh                     everything, into demo/study
#   tools/study.sh --publish           and copies what docs/study shows to docs/study
#   tools/study.sh --out /tmp/s --trials 1 --steps 10 --images 8      a look at whether it works: minutes
#   tools/study.sh --jobs 8            so many runs at once, each on one core [the number of cores]
set -euo pipefail
cd "$(dirname "$0")/.."

out=demo/study
trials=5
steps=100
images=64
jobs=$(nproc)
publish=no
while [ $# -gt 0 ]; do
  case "$1" in
    --out) out="$2"; shift 2 ;;
    --trials) trials="$2"; shift 2 ;;
    --steps) steps="$2"; shift 2 ;;
    --images) images="$2"; shift 2 ;;
    --jobs) jobs="$2"; shift 2 ;;
    --publish) publish=yes; shift ;;
    -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "study.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
done
export OMP_WAIT_POLICY=passive # runs side by side must not spin for each other's cores

started=$(date +%s)
phase() { printf '\n[%d s] %s\n' "$(($(date +%s) - started))" "$*"; }

phase "1/8 What it needs from Debian, and building"
tools/setup.sh
cmake --preset release >/dev/null
NINJA_STATUS="[%p, %e s] " ninja -C build dgsam-run bench
mkdir -p "$out"
run="$out/dgsam-run"
if [ ! -x "$run" ]; then cp build/tools/dgsam-run "$run"; fi # one binary for the whole study, whatever is built meanwhile

phase "2/8 Data: 1,500 photographs in each of four styles, and plain ones for the backbone"
if [ ! -d "$out/data" ]; then
  rm -rf "$out/data.part"
  "$run" data make styled-fashion --images-per-domain 1500 --out "$out/data.part"
  mv "$out/data.part" "$out/data"
fi

phase "3/8 Backbone: ResNet-18 on plain images, batch norm with batch statistics"
"$run" train --dataset folder --data-dir "$out/data/upstream" --test-env none --model resnet18 --image-size 32 \
  --augment none --algorithm erm --freeze-bn off --batch-size 96 --steps 300 --lr 1e-3 --eval-every 300 \
  --sharpness-images 0 --seed 0 --resume --out "$out/backbone"

fine_tuning=(--data-dir "$out/data/styled_fashion" --model resnet18 --weights "$out/backbone/last.safetensors"
  --image-size 32 --augment none --batch-size 16 --steps "$steps" --lr 2e-4 --eval-every "$steps" --threads 1)

phase "4/8 Runs: 3 methods x 4 styles left out x $trials trials"
"$run" sweep launch --datasets folder --algorithms erm,sam,dgsam --test-envs all --trials "$trials" --grid defaults \
  --jobs "$jobs" --out "$out/sweep" -- "${fine_tuning[@]}"

phase "5/8 Sharpness of every checkpoint, domain by domain"
checkpoints=("$out"/sweep/*/run/last.safetensors)
sharpness=("$run" sharpness --images "$images" --radii 0.05 --restarts 1 --top 0 --trace-samples 0 --threads 1 --skip-existing)
printf '%s\0' "${checkpoints[@]}" | xargs -0 -n 1 -P "$jobs" "${sharpness[@]}" >"$out/sharpness.log"
"${sharpness[@]}" "${checkpoints[@]}" >"$out/sharpness.txt"

phase "6/8 Other radii rho, one trial"
rho=("$run" ablate --out "$out/rho")
"${rho[@]}" --vary rho --rho 0.05,0.025,0.1 --baselines erm,sam --trials 1 --jobs "$jobs" -- "${fine_tuning[@]}"
"${rho[@]}" --format markdown >"$out/rho.md"

phase "7/8 Landscapes and worst mistakes of the first trial, photo left out"
shown=()
for algorithm in erm sam dgsam; do
  folder="$out/sweep/folder-$algorithm-2-photo-t0-h0/run"
  "$run" landscape "$folder/last.safetensors" --points 15 --images "$images"
  "$run" eval "$folder/last.safetensors" --mistakes 6 --save >/dev/null
  shown+=("$folder/last.landscape.json")
done
"$run" landscape "${shown[@]}" # once more, all on one scale

phase "8/8 Tables and the report"
"$run" collect "$out/sweep" --compare erm sam --compare sam dgsam --compare erm dgsam --format markdown --out "$out/tables.md"
"$run" report "$out/sweep" --samples "$out/data/styled_fashion" --sample-count 6 --figures "$out/figures" --command tools/study.sh \
  --title "ERM, SAM and DGSAM on real photographs in four styles" \
  --explanation "Fashion-MNIST photographs in four styles, 1,500 of each. A ResNet-18 was trained on plain photographs, \
then fine-tuned on three of the styles, $steps steps of 16 images from each, with frozen batch norm; the fourth is what it \
is tested on. Sharpness is the rise of a domain's loss within 0.05 of the weights." | tee "$out/report.txt"
# The time of a step, on a machine that does nothing else: the runs shared theirs.
for algorithm in erm sam dgsam; do
  build/tools/bench step --model resnet18 --image-size 32 --batch-size 16 --domains 3 --algorithm "$algorithm" \
    --threads 1 --warmup 3 --steps 20
done | tee "$out/steps.txt"
if [ "$publish" = yes ]; then
  mkdir -p docs/study
  cp "$out/tables.md" "$out/rho.md" "$out/report.txt" "$out/steps.txt" "$out"/figures/all-unseen-domains-*.svg docs/study/
  tail -n +"$(grep -n '^Mean over checkpoints' "$out/sharpness.txt" | cut -d : -f 1)" "$out/sharpness.txt" >docs/study/sharpness.txt
  cp "$out/rho/ablation.svg" docs/study/rho.svg
  for algorithm in erm sam dgsam; do
    cp "$out/sweep/folder-$algorithm-2-photo-t0-h0/run/last.landscape.svg" "docs/study/landscape-$algorithm.svg"
  done
fi
phase "Done. Open $PWD/$out/sweep/report.html in a browser."
