#!/usr/bin/env bash
# Installs the Debian packages that are missing. Asks for nothing; needs root or sudo only when something is missing.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tools/setup.sh [--build] [--demo] [--peer]
  --build  compiler, CMake and libraries: what tools/test.sh needs
  --demo   the demo's photographs (Fashion-MNIST)
  --peer   PyTorch, only for tools/compare_torch.py and tools/compare_torchvision.py
Without an option: --build --demo.
END
}

# Package and reason, one a line.
build_packages="\
g++ the C++ compiler
cmake configures the build
ninja-build runs the build
libdnnl-dev oneDNN: convolution and matrix products
nlohmann-json3-dev JSON
libcli11-dev command lines
libstb-dev PNG images
libjpeg62-turbo-dev JPEG images
libzip-dev PyTorch's weight files
zlib1g-dev reads compressed data sets
libmd-dev SHA-256 and MD5
doctest-dev tests"
demo_packages="dataset-fashion-mnist 70,000 photographs for the demo"
peer_packages="\
python3-torch PyTorch, to compare with
python3-torchvision its image transforms, to compare with"

wanted=""
for option in "$@"; do
  case "$option" in
    --build) wanted+="$build_packages"$'\n' ;;
    --demo) wanted+="$demo_packages"$'\n' ;;
    --peer) wanted+="$peer_packages"$'\n' ;;
    -h | --help) usage; exit 0 ;;
    *) echo "setup: unknown option $option" >&2; usage >&2; exit 2 ;;
  esac
done
[ -n "$wanted" ] || wanted="$build_packages"$'\n'"$demo_packages"$'\n'

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup: this is not Debian or Ubuntu; going on in the hope that the equivalents of these are installed:" >&2
  printf '%s' "$wanted" | sed 's/^\([^ ]*\) /  \1  /' >&2
  exit 0
fi

missing=()
while read -r package reason; do
  [ -n "$package" ] || continue
  if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
    [ ${#missing[@]} -gt 0 ] || echo "setup: installing with apt:"
    printf '  %-22s %s\n' "$package" "$reason"
    missing+=("$package")
  fi
done <<<"$wanted"
if [ ${#missing[@]} -eq 0 ]; then
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
install_missing() { apt_get install -y --no-install-recommends "${missing[@]}" >/dev/null; }

# Most machines have fresh package lists; only when they do not serve are new ones fetched.
if ! install_missing 2>/dev/null; then
  echo "setup: fetching newer package lists"
  if ! apt_get update || ! install_missing; then
    echo "setup: apt-get could not install: ${missing[*]}" >&2
    echo "setup: its message is above. Check the network and /etc/apt/sources.list, then run this again." >&2
    exit 1
  fi
fi
echo "setup: done"
