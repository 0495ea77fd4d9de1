#!/usr/bin/env bash
# Runs a sweep through a real Slurm: slurmctld and slurmd on this machine, for this test alone. Needs root, and Debian's
# slurm-wlm and munge. Nothing of an installed configuration is read or changed.
#   tools/test_slurm.sh build/tools/dgsam-run
# Exits with 77 (skipped) where that cannot be had.
set -euo pipefail

run=$(readlink -f "${1:-build/tools/dgsam-run}")
images=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../tests/golden/pil/images")
for tool in slurmctld slurmd sbatch squeue munged; do
  command -v "$tool" >/dev/null || { echo "skipped: no $tool (apt-get install slurm-wlm)"; exit 77; }
done
[ "$(id -u)" -eq 0 ] || { echo "skipped: slurmd needs root"; exit 77; }

work=$(mktemp -d)
chmod 755 "$work"
pids=()
finish() {
  status=$?
  [ $status -eq 0 ] || tail -n 20 "$work"/*.log "$work"/sweep/slurm/*.log 2>/dev/null || true
  for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
  exit $status
}
trap finish EXIT

# An authentication of our own, so that a munged of this machine is left alone.
dd if=/dev/urandom of="$work/munge.key" bs=128 count=1 status=none
chmod 600 "$work/munge.key"
mkdir -p "$work/state" "$work/spool" "$work/munge"
chmod 755 "$work/munge"
munged --foreground --force --socket="$work/munge/socket" --key-file="$work/munge.key" --pid-file="$work/munge/pid" \
  --seed-file="$work/munge/seed" >"$work/munged.log" 2>&1 &
pids+=($!)

host=$(hostname -s)
port=$((20000 + RANDOM % 20000))
cat >"$work/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
KillWait=20
SchedulerParameters=sched_interval=1
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
export SLURM_CONF=$work/slurm.conf
slurmctld -D -f "$SLURM_CONF" >/dev/null 2>&1 &
pids+=($!)
slurmd -D -f "$SLURM_CONF" -N "$host" >/dev/null 2>&1 &
pids+=($!)
for _ in $(seq 100); do
  sinfo --noheader --format=%T 2>/dev/null | grep idle >/dev/null && break
  sleep 0.2
done
sinfo --noheader --format=%T | grep idle >/dev/null || { echo "the node does not come up"; exit 1; }

sweep() { "$run" sweep "$@"; }
check() { grep -qE "$1" <<<"$said" || { echo "FAILED: no \"$1\" in:"; echo "$said"; exit 1; }; }
wait_for_queue() { while [ -n "$(squeue --noheader)" ]; do sleep 0.2; done; }

cd "$work"
# Two domains of two classes of three photographs.
data=$work/data
for place in a/x a/y b/x b/y; do
  mkdir -p "$data/$place"
  find "$images" -name '*.jpg' | sort | sed -n 1,3p | xargs -I{} cp {} "$data/$place/"
done
launcher=(--out sweep --launcher slurm --sbatch "--ntasks=1 --time=10")
echo '{"lr": [1e-3, 1e-2]}' >grid.json
train=(--data-dir "$data" --model mnist-cnn --image-size 16 --augment none --freeze-bn off --holdout 0.4 --batch-size 2 --steps 6
  --eval-every 3 --save-every 1 --sharpness-images 0 --threads 1)

# Nothing runs while the node is drained: what is queued is not submitted again.
scontrol update NodeName="$host" State=DRAIN Reason=test
said=$(sweep launch --datasets folder --algorithms erm,dgsam --test-envs 0 --trials 2 --grid grid.json "${launcher[@]}" \
  -- "${train[@]}" 2>&1)
check "submitted job array [0-9]+ with 4 of 4 missing jobs"
check "2 jobs wait for the search on trial 0"
said=$(sweep launch "${launcher[@]}" 2>&1)
check "nothing to submit"
said=$(sweep status --out sweep)
check "search, on trial 0 +4 +0 +0 +4 "
# One of them is taken back: it alone is missing.
scancel "$(squeue --noheader --array --format=%i | sed -n 1p)"
said=$(sweep launch "${launcher[@]}" 2>&1)
check "submitted job array [0-9]+ with 1 of 1 missing jobs"
scontrol update NodeName="$host" State=RESUME
wait_for_queue
said=$(sweep status --out sweep)
check "search, on trial 0 +4 +4 "
check "the choice, on the other trials +2 +0 .* 2 +0$"

# The second stage, and a job that is cancelled while it runs: it has saved its state, and goes on.
said=$(sweep launch "${launcher[@]}" 2>&1)
check "submitted job array [0-9]+ with 2 of 2 missing jobs"
wait_for_queue
said=$(sweep launch "${launcher[@]}" 2>&1)
check "nothing to submit"
said=$("$run" collect sweep 2>&1)
check "dgsam - erm"

long=(--out long --launcher slurm --sbatch "--ntasks=1")
sweep launch --datasets folder --algorithms erm --test-envs 0 --trials 1 "${long[@]}" -- "${train[@]}" --steps 100000 \
  --eval-every 100000 2>/dev/null && { echo "FAILED: a flag given twice was accepted"; exit 1; }
sweep launch --datasets folder --algorithms erm --test-envs 0 --trials 1 "${long[@]}" -- --data-dir "$data" \
  --model mnist-cnn --image-size 16 --augment none --freeze-bn off --holdout 0.4 --batch-size 2 --steps 100000 --eval-every 100000 \
  --save-every 1000 --sharpness-images 0 --threads 1 >/dev/null
for _ in $(seq 300); do compgen -G "long/*/run/state.safetensors" >/dev/null && break; sleep 0.1; done
job=$(echo long/folder-erm-0-*-t0-h0)
said=$(sweep status --out long)
check "running +folder-erm-0-.*/100000 steps +process [0-9]+ on "
scancel --full "$(squeue --noheader --format=%A | sed -n 1p)"
wait_for_queue
for _ in $(seq 50); do said=$(sweep status --out long); grep -q "^running" <<<"$said" || break; sleep 0.2; done
check "stopped +folder-erm-0-"
grep -q "stopped after" "$job/log.txt" || { echo "FAILED: the cancelled job did not save its state"; exit 1; }
said=$(sweep launch "${long[@]}" 2>&1)
check "submitted job array [0-9]+ with 1 of 1 missing jobs"
for _ in $(seq 300); do grep -q "Resuming" "$job/log.txt" && break; sleep 0.1; done
grep -q "Resuming" "$job/log.txt" || { echo "FAILED: the cancelled job did not go on"; exit 1; }
scancel --full "$(squeue --noheader --format=%A | sed -n 1p)"
wait_for_queue
echo "slurm $(sbatch --version): a sweep of two stages, queued jobs, a cancelled job: passed"
