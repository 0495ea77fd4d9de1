#!/usr/bin/env bash
# What cmake --install installs, as a user meets it: the program, a man page for each command with the flags of its
# --help and no others, completions that work, the licence.
#   install_test.sh CMAKE BUILD_FOLDER EMPTY_FOLDER VERSION
set -euo pipefail
cmake=$1 build=$2 prefix=$3 version=$4
fail() { echo "install_test: $*" >&2; exit 1; }

rm -rf "$prefix"
"$cmake" --install "$build" --prefix "$prefix" >/dev/null
run=$prefix/bin/dgsam-run
pages=$prefix/share/man/man1
printed=$("$run" --version)
case "$printed" in
  "dgsam-run $version" | "dgsam-run $version (git "*")") ;;
  *) fail "--version prints '$printed', expected 'dgsam-run $version'" ;;
esac
grep -q "MIT License" "$prefix/share/doc/dgsam/copyright" || fail "no licence"

flags() { grep -oE -- "(^|[[:space:],/([])--?[a-zA-Z][a-z0-9-]*" | sed 's/^[^-]*//' | sort -u; }
# --help of a command and of all below it.
help_of() {
  local text child
  text=$("$run" "$@" --help)
  printf '%s\n' "$text"
  for child in $(printf '%s\n' "$text" | sed -n '/^Subcommands:/,$s/^  \([a-z][a-z-]*\) .*/\1/p'); do help_of "$@" "$child"; done
}
commands=$("$run" --help | sed -n '/^Subcommands:/,$s/^  \([a-z][a-z-]*\) .*/\1/p')
[ "$(echo "$commands" | wc -l)" -ge 8 ] || fail "--help lists only: $commands"
for command in $commands; do
  page=$pages/dgsam-run-$command.1
  [ -f "$page" ] || fail "no man page of $command"
  grep -q "dgsam\\\\-run\\\\-$command" "$pages/dgsam-run.1" || fail "dgsam-run.1 does not name $command"
  said=$(help_of "$command" | flags)
  written=$(sed 's/\\-/-/g; s/\\f[A-Z]/ /g' "$page" | flags)
  [ "$said" = "$written" ] || fail "$command: --help and man page differ: $(diff <(echo "$said") <(echo "$written") | tr '\n' ' ')"
  if command -v groff >/dev/null; then
    complaints=$(groff -man -Tutf8 -ww -z "$page" 2>&1)
    [ -z "$complaints" ] || fail "groff on $page: $complaints"
  fi
done
[ "$(ls "$pages" | wc -l)" -eq "$(($(echo "$commands" | wc -l) + 1))" ] || fail "pages of commands that --help does not show"

# shellcheck source=/dev/null
source "$prefix/share/bash-completion/completions/dgsam-run"
completes() {  # completes "words before" current: what bash would offer
  read -ra COMP_WORDS <<<"dgsam-run $1"
  COMP_WORDS+=("$2")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _dgsam_run
  echo "${COMPREPLY[*]-}"
}
[ "$(completes "" tra)" = train ] || fail "'tra' completes to '$(completes "" tra)'"
[ "$(completes "train --algorithm" dg)" = dgsam ] || fail "'--algorithm dg' completes to '$(completes "train --algorithm" dg)'"
[ "$(completes "data import" pa)" = pacs ] || fail "'data import pa' completes to '$(completes "data import" pa)'"
case " $(completes "data make styled-fashion" --) " in *" --out "*) ;; *) fail "no --out for data make styled-fashion" ;; esac
[ -z "$(completes "train --weights" x)" ] || fail "a file name is not left to bash"
if command -v zsh >/dev/null; then zsh -n "$prefix/share/zsh/site-functions/_dgsam-run" || fail "zsh cannot read its file"; fi
echo "install_test: $(ls "$pages" | wc -l) man pages, $printed"
