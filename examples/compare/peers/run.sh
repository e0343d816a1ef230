#!/bin/sh
# run.sh [workload...]: builds every peer, measures, prints a markdown table of
# medians. See bench.py for the environment it reads. BENCH_LOCK, when set, is
# locked shared for builds and exclusively for measurements.
set -eu
cd "$(dirname "$0")"
shared() {
    if [ -n "${BENCH_LOCK:-}" ]; then flock -s "$BENCH_LOCK" nice -n 10 "$@"; else "$@"; fi
}
mkdir -p bin results
# BUILD_ONLY, when set, ends it before the measurements.
(cd .. && shared cargo build --release)
if command -v go >/dev/null; then (cd go && shared go build -o ../bin/peer-go .); fi
if command -v erlc >/dev/null; then shared erlc -o bin erlang/peerbench.erl; fi
if command -v g++ >/dev/null; then
    shared g++ -O3 -std=c++17 -DNDEBUG caf/peer.cpp -o bin/peer-caf -lcaf_core -pthread ||
        echo "CAF is left out" >&2
fi
[ -n "${BUILD_ONLY:-}" ] || exec python3 bench.py "$@"
