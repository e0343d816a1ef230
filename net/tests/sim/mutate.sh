#!/bin/sh
# Breaks the protocol core in one way after the other and requires that the simulator notices each.
# `CARGO` may name another cargo. Changes files under src/proto while it runs, and puts them back.
set -eu
cd "$(dirname "$0")/../../.."
git diff --quiet -- net/src || { echo "net/src has changes: commit them first" >&2; exit 2; }
said=$(mktemp)
trap 'git checkout -q -- net/src; rm -f "$said"' EXIT
missed=0
for patch in net/tests/sim/mutations/*.patch; do
    git apply "$patch"
    if RUST_BACKTRACE=0 ${CARGO:-cargo} test -q -p wharf-net --test sim -- nodes_keep >"$said" 2>&1; then
        echo "MISSED $patch"
        missed=1
    elif ! grep -q 'panicked at net/tests/sim' "$said"; then
        # Not the simulator's doing: it does not compile, or ran out of time.
        cat "$said"
        exit 2
    else
        echo "caught $(basename "$patch" .patch): $(grep -A1 'panicked at net/tests/sim' "$said" | tail -1), $(grep -o '^seed [0-9]*' "$said" || echo 'in no seed, but in the totals')"
    fi
    git checkout -q -- net/src
done
exit $missed
