#!/usr/bin/env bash
# How long a step takes where the cores are not ours alone: beside a busy process, and under a control group's quota.
# Prints a table in Markdown; docs/performance.md has one. Needs 2 free cores; the quota needs root and cgroups.
#
#   tools/shared_cores.sh [BENCH [ROUNDS]]     build/tools/bench, 3 rounds; each case is measured once a round
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bench=${1:-build/tools/bench}
rounds=${2:-3}
[ -x "$bench" ] || { echo "shared_cores: $bench is no program; build it: ninja -C build bench" >&2; exit 2; }
unset OMP_WAIT_POLICY GOMP_SPINCOUNT KMP_BLOCKTIME
work=$(mktemp -d)
group=""
busy=""
clean_up() {
  if [ -n "$busy" ]; then kill "$busy" 2>/dev/null || true; fi
  if [ -n "$group" ]; then rmdir "$group" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap clean_up EXIT

# measure CASE THREADS COMMAND...: adds the milliseconds of each step. THREADS 0: as many as the program chooses.
step=(step --model resnet18 --image-size 32 --batch-size 16 --warmup 3 --steps 15 --json)
measure() {
  local case=$1 threads=$2
  shift 2
  "$@" "$bench" "${step[@]}" --threads "$threads" | sed -n 's/.*"ms":\[\([^]]*\)\].*/\1/p' |
    tr ',' '\n' >>"$work/$case"
}

# A child group with a quota of one CPU, of version 1 or 2.
make_group() {
  local top=/sys/fs/cgroup
  if [ -f $top/cgroup.controllers ]; then
    group=$top/dgsam-shared-cores
    mkdir "$group" 2>/dev/null && echo "100000 100000" >"$group/cpu.max" 2>/dev/null || return 1
  else
    group=$top/cpu/dgsam-shared-cores
    mkdir "$group" 2>/dev/null && echo 100000 >"$group/cpu.cfs_quota_us" || return 1
  fi
}
in_group() { bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@"; }

quota=yes
make_group || { quota=no; group=""; echo "shared_cores: no control group can be made here (root?): no quota" >&2; }

for round in $(seq "$rounds"); do
  echo "round $round of $rounds" >&2
  measure alone 0 env
  measure alone_1 1 env
  measure alone_spinning 0 env OMP_WAIT_POLICY=active
  bash -c 'while :; do :; done' &
  busy=$!
  measure busy 0 env
  measure busy_spinning 0 env GOMP_SPINCOUNT=300000  # libgomp's own choice
  kill "$busy" && wait "$busy" 2>/dev/null || true
  busy=""
  if [ $quota = yes ]; then
    measure quota 0 in_group
    measure quota_1 1 in_group
  fi
done

median() { sort -n "$work/$1" | awk '{v[NR]=$1} END {print (v[int((NR+1)/2)] + v[int(NR/2)+1]) / 2}'; }
ratio() { awk -v a="$(median "$1")" -v b="$(median "$2")" 'BEGIN {printf "%.1f | %.2f", a, a / b}'; }
echo "| case | ms per step | of |"
echo "|---|---|---|"
echo "| all cores, alone | $(ratio alone alone) × itself |"
echo "| all cores, alone, threads that always spin | $(ratio alone_spinning alone) × alone |"
echo "| beside one busy process | $(ratio busy alone) × alone |"
echo "| the same, spinning as libgomp does by default | $(ratio busy_spinning alone) × alone |"
if [ $quota = yes ]; then echo "| quota of one CPU | $(ratio quota quota_1) × \`--threads 1\` under it |"; fi
