#!/bin/sh
# first-step's output: ERM, SAM and DGSAM start from one loss, end below it, and each ends somewhere else.
# Usage: first_step_test.sh FIRST_STEP
set -e
output=$("$1")
echo "$output"
echo "$output" | awk '
  { before = $4 + 0; after = $6 + 0
    if (NR == 1) start = before
    if (before != start || !(after < before) || (after in seen)) failed = 1
    seen[after] = 1
    names = names $1 " " }
  END { exit failed || names != "ERM SAM DGSAM " }'
