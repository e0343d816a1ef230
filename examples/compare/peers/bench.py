#!/usr/bin/env python3
"""Runs the peer benchmarks interleaved and prints a markdown table of medians.
compare.py, a folder up, is built on it and sets wharf against the best peer.

    bench.py [workload...]       measure, then print the table
    bench.py --table [workload...]  print the table of what was measured before

Environment: REPS (default 3), FW (comma-separated framework names; default
all), APPEND=1 (add to earlier results of the same pair of framework and
workload rather than replace them), BENCH_LOCK (a lock file taken exclusively
while measuring), HOLD (seconds of lock per hold, default 150), TIMEOUT,
CARGO_TARGET_DIR (absolute, when the build had one).
Raw lines go to results/raw.jsonl.
"""
import contextlib, fcntl, json, os, shutil, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
RAW = os.path.join(HERE, "results", "raw.jsonl")
TIMEOUT = int(os.environ.get("TIMEOUT", "90"))
HOLD = int(os.environ.get("HOLD", "150"))

WORKLOADS = ["pingpong", "pingpong_pairs", "fanin", "fanin_bounded", "ask", "ask_pipelined",
             "ring", "spawn", "idle_memory", "skynet", "big", "blob"]

def rust(name):
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join("..", "target"))
    return [os.path.join(target, "release", "peer-" + name)]

ERL = ["erl", "+S", "2:2", "+P", "5000000", "-noshell", "-noinput", "-pa", "bin",
       "-s", "peerbench", "main", "-extra"]

# name, command, environment, N where it differs from the default.
# Two threads that hand one token back and forth cost a wake-up per hop here
# (about 20 us), so those runs get a smaller N.
SLOW_WAKE = {"pingpong": 100_000, "ask": 50_000, "ring": 100_000}
HEAVY = {"idle_memory": 200_000}
FW = [
    ("wharf", rust("wharf"), {}, {}),
    ("actix", rust("actix"), {}, SLOW_WAKE),
    ("actix-1arb", rust("actix"), {"PEER_VARIANT": "1arb"}, {}),
    ("ractor", rust("ractor"), {}, HEAVY),
    ("kameo", rust("kameo"), {}, HEAVY),
    ("xtra", rust("xtra"), {}, HEAVY),
    ("coerce", rust("coerce"), {}, HEAVY),
    ("spawned", rust("spawned"), {}, HEAVY),
    ("acto", rust("acto"), {}, HEAVY),
    ("stakker", rust("stakker"), {},
     {"pingpong": 50_000_000, "pingpong_pairs": 50_000_000, "ask": 10_000_000,
      "ask_pipelined": 10_000_000, "ring": 50_000_000, "big": 20_000_000}),
    ("tokio-unbounded", rust("tokio"), {}, {}),
    ("tokio-bounded", rust("tokio"), {"PEER_VARIANT": "bounded"}, {}),
    ("flume", rust("flume"), {}, {}),
    ("kanal", rust("kanal"), {}, {}),
    ("async-channel", rust("async-channel"), {}, HEAVY),
    ("crossbeam-threads", rust("crossbeam"), {},
     {"pingpong": 100_000, "pingpong_pairs": 200_000, "ask": 50_000, "ask_pipelined": 200_000,
      "ring": 50_000, "spawn": 50_000, "idle_memory": 5_000, "big": 100_000}),
    ("erlang", ERL, {}, {}),
    ("erlang-genserver", ERL, {"PEER_VARIANT": "genserver"}, {}),
    ("caf", [os.path.join("bin", "peer-caf")], {}, {"spawn": 100_000}),
    ("go", [os.path.join("bin", "peer-go")], {}, {}),
]
# Whom ratios are not taken to: what is compared, and what runs on one thread
# only, so is no measure for what two workers can reach.
NO_YARDSTICK = {"wharf", "stakker"}
# What a variant has in common with its base is not run twice.
ONLY = {"erlang-genserver": {"ask", "ask_pipelined"}}

def available(cmd):
    if cmd[0] == "erl":
        return bool(shutil.which("erl")) and os.path.exists(os.path.join(HERE, "bin", "peerbench.beam"))
    return os.path.exists(os.path.join(HERE, cmd[0]))

@contextlib.contextmanager
def lock():
    path = os.environ.get("BENCH_LOCK")
    if not path:
        yield
        return
    with open(path, "a") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(f, fcntl.LOCK_UN)

def one(name, cmd, env, n, w):
    args = cmd + [w] + ([str(n)] if n else [])
    try:
        p = subprocess.run(args, cwd=HERE, env={**os.environ, **env}, timeout=TIMEOUT,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = p.stdout.strip().splitlines()[-1] if p.stdout.strip() else ""
        r = json.loads(line)
    except subprocess.TimeoutExpired:
        r = {"error": f"over {TIMEOUT} s"}
    except Exception as e:  # a crash: keep its last words
        r = {"error": (p.stderr.strip() or str(e))[-300:]}
    r["fw"], r["workload"] = name, w
    return r

def load():
    if not os.path.exists(RAW):
        return []
    with open(RAW) as f:
        return [json.loads(l) for l in f if l.strip()]

def measure(workloads, names, reps=3):
    reps = int(os.environ.get("REPS", reps))
    fws = [f for f in FW if f[0] in names and available(f[1])]
    jobs = [(w, f) for w in workloads for f in fws if w in ONLY.get(f[0], WORKLOADS)]
    redo = {(f[0], w) for w, f in jobs}
    if os.environ.get("APPEND"):
        redo = set()
    keep = [r for r in load() if (r["fw"], r["workload"]) not in redo]
    os.makedirs(os.path.dirname(RAW), exist_ok=True)
    with open(RAW, "w") as f:
        for r in keep:
            f.write(json.dumps(r) + "\n")
    gave_up = set()
    for rep in range(reps):
        i = 0
        while i < len(jobs):
            time.sleep(0.5)  # let whoever else waits for the lock in
            with lock():
                start = time.time()
                while i < len(jobs) and time.time() - start < HOLD:
                    w, (name, cmd, env, ns) = jobs[i]
                    i += 1
                    if (name, w) in gave_up:
                        continue
                    r = one(name, cmd, env, ns.get(w), w)
                    r["rep"] = rep
                    if "skip" in r or "error" in r:
                        gave_up.add((name, w))
                    with open(RAW, "a") as f:
                        f.write(json.dumps(r) + "\n")
                    shown = r.get("per_op_ns", "skip" if "skip" in r else r.get("error"))
                    print(f"rep {rep} {w:15} {name:18} {shown}", file=sys.stderr, flush=True)

def value(r):
    if r["workload"] == "idle_memory":
        return r["extra"]["bytes_per_actor"]
    return r["per_op_ns"]

def table(workloads, names, show_ratio=True):
    rows = load()
    cells, errors, ns = {}, {}, {}
    for r in rows:
        k = (r["fw"], r["workload"])
        if "per_op_ns" in r:
            cells.setdefault(k, []).append(value(r))
            ns[k] = r["n"]
        elif "error" in r:
            errors[k] = r["error"]
    med = {k: statistics.median(v) for k, v in cells.items()}
    used = [n for n in names if any((n, w) in med for w in workloads)]
    out = ["| framework | " + " | ".join(workloads) + " |",
           "|---|" + "---:|" * len(workloads)]
    best = {w: min((v for (n, x), v in med.items() if x == w and n not in NO_YARDSTICK),
                   default=None) for w in workloads}
    for n in used:
        row = []
        for w in workloads:
            v = med.get((n, w))
            if v is None:
                row.append("failed" if (n, w) in errors else "-")
            else:
                x = v / best[w] if best[w] else 1
                ratio = f" ({x:.1f}x)" if x >= 0.95 else f" ({x:.2f}x)"
                ratio = ratio if show_ratio else ""
                num = f"{v:.0f}" if v >= 100 else f"{v:.1f}"
                row.append(num + ratio)
        out.append(f"| {n} | " + " | ".join(row) + " |")
    return "\n".join(out), med, cells, ns

def main():
    args = sys.argv[1:]
    if "-h" in args or "--help" in args:
        return print(__doc__)
    only_table = "--table" in args
    workloads = [a for a in args if not a.startswith("-")] or WORKLOADS
    for w in workloads:
        if w not in WORKLOADS:
            sys.exit(f"unknown workload {w}; one of {' '.join(WORKLOADS)}")
    every = [f[0] for f in FW]
    names = [n for n in os.environ.get("FW", "").split(",") if n] or every
    for n in names:
        if n not in every:
            sys.exit(f"unknown framework {n}; one of {' '.join(every)}")
    if not only_table:
        measure(workloads, names)
    print("ns per operation, median (ratio to the best peer that has both cores, so not to "
          "stakker); idle_memory: bytes per actor\n")
    print(table(workloads, names)[0])

if __name__ == "__main__":
    main()
