#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. The exit status is that of ctest.
#   tools/test.sh             an optimised build in build/
#   tools/test.sh --strict    the same tests with warnings as errors, in build-strict/: what a change must pass
#   tools/test.sh --portable  the same tests of a build for any processor, in build-portable/
#   tools/test.sh --sanitize  the same tests under AddressSanitizer and UndefinedBehaviorSanitizer, in build-asan/
set -euo pipefail

preset=release
for option in "$@"; do
  case "$option" in
    --strict) preset=strict ;;
    --portable) preset=portable ;;
    --sanitize) preset=asan ;;
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "test: unknown option $option (see --help)" >&2; exit 2 ;;
  esac
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools/setup.sh --build --demo  # some tests use the demo's photographs
cmake --preset "$preset"
cmake --build --preset "$preset"
ctest --preset "$preset"
