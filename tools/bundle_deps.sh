#!/usr/bin/env bash
# Puts the Debian packages that the build needs into .deps/, for a machine that has neither them nor a network: carry
# .deps/ there with the sources. It needs a compiler, CMake and Ninja there, and Debian or Ubuntu no older than this one.
#
#   tools/bundle_deps.sh            downloads and unpacks; root is not needed, and nothing is installed
#   cmake -S . -B build -DCMAKE_PREFIX_PATH=$PWD/.deps/usr    what the build says to CMake afterwards, and
#       -DCMAKE_EXE_LINKER_FLAGS="-Wl,--disable-new-dtags,-rpath,$PWD/.deps/usr/lib" for libraries of libraries
#
# tools/gpu_check.sh does both when .deps/ is there.
set -euo pipefail
case "${1:-}" in
  "") ;;
  -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) echo "bundle_deps: unknown option $1 (see --help)" >&2; exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
limit_mib=64

# What tools/setup.sh --build installs, but for the tools themselves.
jpeg=libjpeg62-turbo-dev
[ -n "$(apt-cache show "$jpeg" 2>/dev/null)" ] || jpeg=libjpeg-turbo8-dev  # Ubuntu's
wanted="libdnnl-dev nlohmann-json3-dev libcli11-dev libstb-dev $jpeg libpng-dev libwebp-dev libtiff-dev libzip-dev zlib1g-dev libmd-dev doctest-dev"
# What comes with any compiler.
given='^(libc6|libc6-dev|libc-dev|libc-dev-bin|linux-libc-dev|libgcc-s1|gcc-[0-9]+-base|libstdc\+\+6|libgomp1|libcrypt.*|libnsl.*|libtirpc.*|rpcsvc-proto|libgssapi.*|libk.*|libcom-err2|libssl3(t64)?|openssl-provider-legacy|debconf.*)$'

packages=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
  --no-enhances $wanted | grep '^[a-z0-9]' | sed 's/:.*//' | sort -u | grep -Ev "$given")

rm -rf .deps
mkdir -p .deps/debs
(cd .deps/debs && apt-get -q download $packages)
for package in .deps/debs/*.deb; do dpkg -x "$package" .deps; done
rm -r .deps/debs

# One folder for libraries, one for headers: links that point into the system would point nowhere.
architecture=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch)
for folder in ".deps/lib/$architecture" ".deps/usr/lib/$architecture"; do
  if [ -d "$folder" ]; then cp -a "$folder/." .deps/usr/lib/ && rm -r "$folder"; fi
done
if [ -d ".deps/usr/include/$architecture" ]; then cp -a ".deps/usr/include/$architecture/." .deps/usr/include/; fi
rm -rf .deps/lib .deps/etc .deps/usr/share/doc .deps/usr/share/man .deps/usr/share/lintian .deps/usr/share/locale \
  .deps/usr/bin .deps/usr/sbin .deps/usr/lib/*.a
find .deps -type l | while read -r link; do
  target=$(basename "$(readlink "$link")")
  case "$link" in .deps/usr/lib/*.so*) ln -sfn "$target" "$link" ;; esac
done
find .deps -xtype l -delete

git describe --always --dirty >.deps/revision 2>/dev/null || echo unknown >.deps/revision
echo "$packages" >.deps/packages
size_mib=$(du -sm --apparent-size .deps | cut -f1)
echo "bundle_deps: $(wc -l <.deps/packages) packages, $size_mib MiB in .deps/"
if [ "$size_mib" -gt "$limit_mib" ]; then
  echo "bundle_deps: that is more than the $limit_mib MiB that a bundle may have" >&2
  exit 1
fi
