#!/usr/bin/env bash
# Does on a bare Debian what a newcomer would do, in a temporary folder that is removed afterwards. Needs root, the
# network and debootstrap (apt-get install debootstrap). Tests the last commit, not what is uncommitted.
#
#   tools/test_distribution.sh RELEASE [MODE] [OPTION...]       RELEASE: bookworm (Debian 12) or trixie (Debian 13)
#
#   --demo     tools/demo.sh (the default)
#   --test     tools/test.sh
#   --build    tools/setup.sh and dgsam-run alone, with its first --help
#   --package  builds a .deb, installs it on a second bare system, and trains the first run of --help there
#   --cluster  without root: libraries by tools/bundle_deps.sh, as on a machine that has only a compiler, CMake and Ninja
#
#   --user         as an ordinary user who has sudo, instead of root
#   --parent DIR   where the temporary folder is made [/tmp]; it needs 6 GB
#   --mirror URL   of Debian [http://deb.debian.org/debian]
#   --keep         leaves the folder and prints its name
#
# Prints what was installed, how long it took, and the closing lines. The exit status is that of what was run.
set -euo pipefail

usage() { sed -n '2,20s/^# \{0,1\}//p' "$0"; }
mode=demo
as_user=no
parent=/tmp
mirror=http://deb.debian.org/debian
keep=no
release=
while [ $# -gt 0 ]; do
  case "$1" in
    bookworm | trixie) release=$1 ;;
    --demo | --test | --build | --package | --cluster) mode=${1#--} ;;
    --user) as_user=yes ;;
    --parent) parent=$2; shift ;;
    --mirror) mirror=$2; shift ;;
    --keep) keep=yes ;;
    -h | --help) usage; exit 0 ;;
    *) echo "test_distribution: $1 is neither a release (bookworm, trixie) nor an option (see --help)" >&2; exit 2 ;;
  esac
  shift
done
[ -n "$release" ] || { echo "test_distribution: which release? bookworm or trixie (see --help)" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "test_distribution: needs root, for chroot and mount" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "test_distribution: apt-get install debootstrap" >&2; exit 2; }
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

folder=$(mktemp -d "$parent/dgsam-$release-XXXXXX")
child=
# What still runs there is ended first, also after Ctrl-C or kill: debootstrap, then whatever has its root below.
clean() {
  local process place
  [ -z "$child" ] || { disown "$child"; kill -KILL "$child"; } 2>/dev/null || true
  for process in /proc/[0-9]*; do
    case "$(readlink "$process/root" 2>/dev/null)" in
      "$folder"/*) kill -KILL "${process#/proc/}" 2>/dev/null || true ;;
    esac
  done
  for place in $(awk -v below="$folder/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | sort -r); do
    umount "$place" 2>/dev/null || umount -l "$place" || true
  done
  if [ "$keep" = yes ]; then
    echo "test_distribution: kept $folder"
  else
    rm -rf --one-file-system "$folder"
  fi
}
trap clean EXIT
trap 'exit 130' INT TERM HUP

# COMMAND..., its output into $folder/log. A signal to this script is heard at once, not when the command has ended.
in_background() {
  local status=0
  "$@" >"$folder/log" 2>&1 &
  child=$!
  wait "$child" || status=$?
  child=
  return "$status"
}

# A bare system in $folder/NAME, with a user `newcomer`; further words are packages it already has.
bare_system() {
  local root=$folder/$1 include
  shift
  include=$(IFS=,; echo "$*")
  echo "test_distribution: a bare $release in $root${include:+, with $include}"
  in_background debootstrap --variant=minbase ${include:+--include="$include"} "$release" "$root" "$mirror" || {
    tail -n 5 "$folder/log" >&2
    exit 1
  }
  mount -t proc proc "$root/proc"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  chroot "$root" useradd --create-home --shell /bin/bash newcomer
  if [ -d "$root/etc/sudoers.d" ]; then echo 'newcomer ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/newcomer"; fi
}

# inside NAME USER COMMAND: in the newcomer's home, with a bare environment.
inside() {
  local root=$folder/$1 variables=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8)
  local name
  for name in http_proxy https_proxy no_proxy OMP_WAIT_POLICY; do
    [ -z "${!name-}" ] || variables+=("$name=${!name}")
  done
  env -i "${variables[@]}" HOME=/home/newcomer chroot --userspec="$2:$2" "$root" bash -c "cd; $3" </dev/null
}

packages_of() { chroot "$folder/$1" dpkg-query -W -f='${Package} ${Installed-Size}\n' | sort; }

# run NAME USER COMMAND, timed, with its closing lines.
run() {
  local started status=0
  started=$(date +%s)
  echo "test_distribution: as $2: $3"
  in_background inside "$@" || status=$?
  echo "test_distribution: exit status $status after $(($(date +%s) - started)) s; its closing lines:"
  tail -n 15 "$folder/log" | sed 's/^/  | /'
  return "$status"
}

had=()
user=root
if [ "$as_user" = yes ]; then had=(sudo) user=newcomer; fi
if [ "$mode" = cluster ]; then had=(g++ cmake ninja-build) user=newcomer; fi
bare_system first ${had[@]+"${had[@]}"}
packages_of first >"$folder/before"
git -c safe.directory='*' clone --quiet --no-hardlinks "$repository" "$folder/first/home/newcomer/dgsam"
chroot "$folder/first" chown -R "$user:$user" /home/newcomer
echo "test_distribution: revision $(git -c safe.directory='*' -C "$repository" describe --always)"

# As the program's first help has it: an indented block after "Start with:", whose lines may be continued.
first_run='set -e; dgsam-run --version; dgsam-run --help >help
sed -n "/Start with:/,/^Usage:/{/^Usage:/d;s/.*Start with://;p}" help | tee commands
[ -s commands ]; bash -e commands; ls runs/*/done'
build='cd dgsam && tools/setup.sh --build --demo && cmake --preset release -DDGSAM_TESTS=OFF && ninja -C build dgsam-run'
case "$mode" in
  demo) command='cd dgsam && tools/demo.sh' ;;
  test) command='cd dgsam && tools/test.sh' ;;
  build) command="$build && build/tools/dgsam-run info" ;;
  package)
    command='cd dgsam && tools/setup.sh --build --package && cmake --preset portable -DDGSAM_TESTS=OFF \
      && cmake --build build-portable && cd build-portable && cpack' ;;
  cluster)  # package lists, as any machine that once updated has them
    inside first root 'apt-get -qq update'
    command='cd dgsam && tools/bundle_deps.sh && cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release \
      -DDGSAM_TESTS=OFF -DCMAKE_PREFIX_PATH=$PWD/.deps/usr \
      -DCMAKE_EXE_LINKER_FLAGS="-Wl,--disable-new-dtags,-rpath,$PWD/.deps/usr/lib" \
      && ninja -C build dgsam-run && build/tools/dgsam-run info' ;;
esac
status=0
run first "$user" "$command" || status=$?

packages_of first >"$folder/after"
echo "test_distribution: installed $(comm -13 "$folder/before" "$folder/after" |
  awk '{ mib += $2 / 1024; n += 1 } END { printf "%d packages, %d MiB", n, mib }')"

if [ "$mode" = package ] && [ "$status" -eq 0 ]; then
  bare_system second
  cp "$folder"/first/home/newcomer/dgsam/build-portable/*.deb "$folder/second/home/newcomer/"
  dpkg-deb -I "$folder"/second/home/newcomer/*.deb | grep -E ' (Package|Version|Depends|Suggests):'
  run second root 'apt-get -qq update && apt-get -qq install -y --no-install-recommends ./dgsam_*.deb dataset-fashion-mnist' ||
    status=$?
  [ "$status" -ne 0 ] || run second newcomer "$first_run" || status=$?
fi
exit "$status"
