#!/usr/bin/env python3
"""Runs wharf and its peers interleaved and prints medians and ratios.

    compare.py [workload...]         measure, then print the tables
    compare.py --gate [workload...]  measure what the gate asks for, and judge it
    compare.py --report [--gate] [workload...]
                                     print what was last measured, measure nothing

A repetition runs every framework of a workload, one process after another,
before the next workload; then the next repetition begins. So a slow drift of
the machine hits all of them. Build first: BUILD_ONLY=1 peers/run.sh

Environment: REPS (default 5), FW (comma-separated frameworks that wharf is
set against; default all that are built, with --gate those it names), and what
peers/bench.py reads (BENCH_LOCK, HOLD, TIMEOUT, APPEND, CARGO_TARGET_DIR).
Raw lines go to results/raw.jsonl, which holds one run: a new one replaces it,
unless APPEND is set.

Ends with 1 when the gate is failed, with 2 when it can't be judged or the
command line is wrong.
"""
import os, statistics, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "peers"))
import bench

bench.RAW = os.path.join(HERE, "results", "raw.jsonl")

# What wharf's median may be at most, as a part of the best median among RIVALS.
RIVALS = ["kanal", "actix-1arb", "tokio-unbounded", "tokio-bounded", "flume", "go"]
AT_MOST = {"pingpong": 0.40, "ring": 0.40, "ask": 0.50, "fanin_bounded": 1.0}
IDLE_BYTES = 300
GATED = [*AT_MOST, "idle_memory"]


def collect(workloads, names):
    """(framework, workload) -> values, and -> why there is none."""
    values, missing = {}, {}
    for r in bench.load():
        key = (r["fw"], r["workload"])
        if r["fw"] not in names or r["workload"] not in workloads:
            continue
        if "per_op_ns" in r:
            values.setdefault(key, []).append(bench.value(r))
        else:
            missing[key] = "not expressible" if "skip" in r else r["error"]
    return values, missing


def number(v):
    return f"{v:.0f}" if v >= 100 else f"{v:.1f}"


def spread(v):
    return f"{number(statistics.median(v))} ({number(min(v))} to {number(max(v))})"


def ratios(workloads, values):
    """A line for each workload: wharf, the best peer, wharf's part of it."""
    lines = ["| workload | wharf | best peer | its median | wharf / best | stakker (one thread) |",
             "|---|---:|---|---:|---:|---:|"]
    for w in workloads:
        ours = values.get(("wharf", w))
        peers = {fw: v for (fw, x), v in values.items()
                 if x == w and fw not in bench.NO_YARDSTICK}
        best = min(peers, key=lambda fw: statistics.median(peers[fw]), default=None)
        single = values.get(("stakker", w))
        ratio = "-"
        if ours and best:
            ratio = f"{statistics.median(ours) / statistics.median(peers[best]):.2f}"
        lines.append(f"| {w} | {spread(ours) if ours else '-'} | {best or '-'} | "
                     f"{spread(peers[best]) if best else '-'} | {ratio} | "
                     f"{spread(single) if single else '-'} |")
    return "\n".join(lines)


def judge(w, values, missing):
    """("pass", "fail" or "undecided", why) for one workload of the gate."""
    if ("wharf", w) in missing:
        return "fail", "wharf: " + missing["wharf", w]
    if ("wharf", w) not in values:
        return "undecided", "wharf was not measured"
    ours = values["wharf", w]
    if w == "idle_memory":
        bytes_each = statistics.median(ours)
        return ("pass" if bytes_each <= IDLE_BYTES else "fail",
                f"{bytes_each:.0f} bytes, at most {IDLE_BYTES}")
    medians = {}
    for fw in RIVALS:
        if missing.get((fw, w)) == "not expressible":
            continue
        # Fewer runs than wharf had: not one interleaved run.
        if (fw, w) in missing or len(values.get((fw, w), [])) != len(ours):
            return "undecided", f"{fw}: {missing.get((fw, w), 'not measured beside wharf')}"
        medians[fw] = statistics.median(values[fw, w])
    best = min(medians, key=medians.get)
    ratio = statistics.median(ours) / medians[best]
    return ("pass" if ratio <= AT_MOST[w] else "fail",
            f"{ratio:.3f} of {best}, at most {AT_MOST[w]:.2f}")


def gate(workloads, values, missing):
    """Prints the verdicts; gives the exit status."""
    verdicts = []
    for w in workloads:
        verdict, why = judge(w, values, missing)
        verdicts.append(verdict)
        print(f"{verdict:9} {w:15} {why}")
    runs = {len(v) for v in values.values()}
    print(f"medians of {'/'.join(map(str, sorted(runs))) or 'no'} runs")
    return 1 if "fail" in verdicts else 2 if "undecided" in verdicts else 0


def misused(why):
    print(why, file=sys.stderr)
    sys.exit(2)


def main():
    flags = {a for a in sys.argv[1:] if a.startswith("-")}
    if flags & {"-h", "--help"}:
        return print(__doc__)
    if flags - {"--gate", "--report"}:
        misused(f"unknown option {min(flags - {'--gate', '--report'})}; see --help")
    gated = "--gate" in flags
    known = GATED if gated else bench.WORKLOADS
    workloads = [a for a in sys.argv[1:] if not a.startswith("-")] or known
    every = [f[0] for f in bench.FW]
    peers = [n for n in os.environ.get("FW", "").split(",") if n]
    peers = peers or (RIVALS if gated else every)
    for word, words in [(w, known) for w in workloads] + [(n, every) for n in peers]:
        if word not in words:
            misused(f"unknown: {word}; one of {' '.join(words)}")
    names = [n for n in every if n == "wharf" or n in peers]
    if "--report" not in flags:
        load = os.getloadavg()[0]
        if load > 0.5:
            print(f"the machine is busy (load {load:.1f}): figures mean little", file=sys.stderr)
        if not os.environ.get("APPEND") and os.path.exists(bench.RAW):
            os.remove(bench.RAW)
        bench.measure(workloads, names, reps=5)
    values, missing = collect(workloads, names)
    print("ns per operation, median (ratio to the best peer that has both cores); "
          "idle_memory: bytes per actor\n")
    print(bench.table(workloads, names)[0] + "\n")
    print("median (least to most)\n")
    print(ratios(workloads, values) + "\n")
    if gated:
        sys.exit(gate(workloads, values, missing))


if __name__ == "__main__":
    main()
