#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. The exit status is that of ctest.
#   tools/test.sh             an optimised build in build/
#   tools/test.sh --sanitize  the same tests under AddressSanitizer and UndefinedBehaviorSanitizer, in build-asan/
set -euo pipefail

preset=release
for option in "$@"; do
  case "$option" in
    --sanitize) preset=asan ;;
    -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "test: unknown option $option; there is only --sanitize" >&2; exit 2 ;;
  esac
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools/setup.sh --build --demo  # some tests use the demo's photographs
cmake --preset "$preset"
cmake --build --preset "$preset"
ctest --preset "$preset"
