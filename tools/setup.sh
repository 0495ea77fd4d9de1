#!/usr/bin/env bash
# Installs what is missing from the packages of Debian or Ubuntu; elsewhere, says which libraries to get. Asks for
# nothing; needs root or sudo only when something is missing.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tools/setup.sh [--build] [--demo] [--package] [--peer]
  --build    compiler, CMake and libraries: what tools/test.sh needs
  --demo     the demo's photographs (Fashion-MNIST)
  --package  what cpack needs to make a .deb
  --peer     PyTorch, only for tools/compare_torch.py and tools/compare_torchvision.py
Without an option: --build --demo.
END
}

# Package and reason, one a line. a|b: whichever is there; Debian's name, then Ubuntu's. ?: optional, where a release
# does not have it.
build_packages="\
g++ the C++ compiler
cmake configures the build
ninja-build runs the build
?libdnnl-dev oneDNN: convolution and matrix products
nlohmann-json3-dev JSON
libcli11-dev command lines
libstb-dev letters in charts
libjpeg62-turbo-dev|libjpeg-turbo8-dev JPEG images
libpng-dev PNG images
?libwebp-dev WebP images
?libtiff-dev TIFF images
libzip-dev PyTorch's weight files
zlib1g-dev reads compressed data sets
libmd-dev SHA-256 and MD5
doctest-dev tests"
demo_packages="?dataset-fashion-mnist 70,000 photographs for the demo"
package_packages="\
dpkg-dev finds what a binary depends on
file tells libraries from other files"
peer_packages="\
python3-torch PyTorch, to compare with
python3-torchvision its image transforms, to compare with"

wanted=""
for option in "$@"; do
  case "$option" in
    --build) wanted+="$build_packages"$'\n' ;;
    --demo) wanted+="$demo_packages"$'\n' ;;
    --package) wanted+="$package_packages"$'\n' ;;
    --peer) wanted+="$peer_packages"$'\n' ;;
    -h | --help) usage; exit 0 ;;
    *) echo "setup: unknown option $option" >&2; usage >&2; exit 2 ;;
  esac
done
[ -n "$wanted" ] || wanted="$build_packages"$'\n'"$demo_packages"$'\n'

# Names as each project publishes them; CONTRIBUTING.md says on which systems they were tried.
other_systems() {
  echo "setup: this is not Debian or Ubuntu, so nothing is installed. dgsam needs g++ 11 or clang 14, CMake 3.22 and:"
  if command -v dnf >/dev/null; then
    echo "  dnf install gcc-c++ cmake ninja-build onednn-devel json-devel cli11-devel stb-devel \\"
    echo "    libjpeg-turbo-devel libpng-devel libwebp-devel libtiff-devel libzip-devel zlib-devel libmd-devel doctest-devel"
  elif command -v pacman >/dev/null; then
    echo "  pacman -S gcc cmake ninja onednn nlohmann-json cli11 stb libjpeg-turbo libpng libwebp libtiff libzip zlib libmd doctest"
  else
    echo "  oneDNN 2.5 to 2.7 or 3 (optional), nlohmann-json, CLI11 2, stb, libjpeg-turbo, libpng, libwebp and libtiff 4.5 (optional), libzip, zlib, libmd, doctest"
  fi
  echo "Without root, in a conda environment:"
  echo "  conda install -c conda-forge cxx-compiler cmake ninja 'onednn=*=omp*' nlohmann_json cli11 stb libjpeg-turbo libpng libwebp libtiff \\"
  echo "    libzip zlib libmd doctest     and configure with -DCMAKE_PREFIX_PATH=\$CONDA_PREFIX"
  echo "The demo's photographs are the four files of Fashion-MNIST: dgsam-run data make styled-fashion --help."
  echo "setup: going on with what is there"
}
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  other_systems >&2
  exit 0
fi

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
is_known() { [ -n "$(apt-cache show "$1" 2>/dev/null)" ]; }

# The first of a|b that is installed, or else that apt knows.
choose() {
  local name names=${1//|/ }
  for name in $names; do if is_installed "$name"; then echo "$name"; return; fi; done
  for name in $names; do if is_known "$name"; then echo "$name"; return; fi; done
  echo "${names%% *}"
}

# Fills `missing` and `unknown` from `wanted`.
find_missing() {
  local spec reason package
  missing=() unknown=()
  while read -r spec reason; do
    [ -n "$spec" ] || continue
    package=$(choose "${spec#\?}")
    if is_installed "$package"; then continue; fi
    if [ "${spec:0:1}" = '?' ] && ! is_known "$package"; then
      unknown+=("$package: $reason")
    else
      missing+=("$package")
      lines+=("$(printf '  %-22s %s' "$package" "$reason")")
    fi
  done <<<"$wanted"
}

lines=()
find_missing
if [ ${#missing[@]} -eq 0 ] && [ ${#unknown[@]} -eq 0 ]; then
  echo "setup: everything is installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: this needs root, and there is no sudo. As root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
  if ! sudo -n true 2>/dev/null && ! sudo -v; then
    echo "setup: sudo refused. As root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi

apt_get() {
  ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
    -o Dpkg::Use-Pty=0 "$@" </dev/null
}
install_missing() {
  [ ${#missing[@]} -eq 0 ] || apt_get install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# Most machines have fresh package lists; only when they do not serve are new ones fetched.
if [ ${#unknown[@]} -gt 0 ] || ! apt-cache show "${missing[@]}" >/dev/null 2>&1; then
  echo "setup: fetching newer package lists"
  apt_get update || echo "setup: apt-get update failed; its message is above" >&2
  lines=()
  find_missing
fi
for package in ${unknown[@]+"${unknown[@]}"}; do echo "setup: this release does not have $package; going on without"; done
if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing with apt:"
  printf '%s\n' "${lines[@]}"
fi
if ! install_missing 2>/dev/null; then
  echo "setup: fetching newer package lists"
  if ! apt_get update || ! install_missing; then
    echo "setup: apt-get could not install: ${missing[*]}" >&2
    echo "setup: its message is above. Check the network and /etc/apt/sources.list, then run this again." >&2
    if grep -qi '^ID=ubuntu' /etc/os-release 2>/dev/null; then
      echo "setup: on Ubuntu, most of these are in universe: add-apt-repository universe" >&2
    fi
    exit 1
  fi
fi
echo "setup: done"
