#!/usr/bin/env python3
"""Runs wharf between two processes, and its peers, interleaved; prints medians and ratios.

    compare.py [workload...]           measure, then print the tables
    compare.py --report [workload...]  print what was last measured, measure nothing
    compare.py --build                 build all programs, and measure nothing

A repetition runs every framework of a workload, one after another, before the
next workload; then the next repetition begins. So a slow drift of the machine
hits all of them. Each run is a fresh server and a fresh client. A server ends
with its standard input, so none outlives this script.

Environment: REPS (default 5), FW (comma-separated frameworks; default all that
are built), SCALE (a factor on the number of messages), TIMEOUT (seconds of one
run, default 60), CARGO (default cargo), PIN (1: server and client have a
processor each). Each result is a line of results/net.jsonl, and their medians
are in results/net.json; a new run replaces both.

Ends with 1 when wharf failed at something.
"""
import contextlib, json, os, re, select, shutil, socket, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(HERE, "..", "results")
RAW = os.path.join(RESULTS, "net.jsonl")
SUMMARY = os.path.join(RESULTS, "net.json")
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "target"))
TIMEOUT = float(os.environ.get("TIMEOUT", "60"))
PATIENCE = 20.0  # seconds for a server to say that it is ready

# What is measured, the unit, and whether less is better.
WORKLOADS = {
    "ask": ("p50_us", "us, median round trip", True),
    "ask64": ("per_s", "answers a second, 64 askers", False),
    "send": ("per_s", "messages a second, one sender", False),
    "pairs": ("per_s", "messages a second, 64 pairs", False),
    "large": ("mb_s", "MB/s in messages of 64 KiB", False),
    "ask_beside": ("p50_us", "us, median round trip beside a stream", True),
    "spawn": ("p50_us", "us, spawn there, stop, hear of it", True),
}
COUNT = {"ask": 20_000, "ask64": 200_000, "send": 500_000, "pairs": 500_000, "large": 4_000,
         "ask_beside": 500, "spawn": 3_000}
# Where it takes much longer than with others.
FEWER = {"kameo": {"ask": 5_000, "ask64": 40_000, "send": 40_000},
         "kameo-quic": {"ask": 5_000, "ask64": 40_000, "send": 40_000}}


def rust(name):
    return [os.path.join(TARGET, "release", "net-" + name)]


def port():
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Rust:
    """A program with `server` and `client`, at an address of its own each time."""

    def __init__(self, program, address="{port}"):
        self.program, self.address = rust(program), address

    def there(self):
        return os.path.exists(self.program[0])

    def commands(self, workload, n, scratch):
        at = self.address.format(port=port(), scratch=scratch)
        return [[*self.program, "server", at]], [*self.program, "client", at, workload, str(n)], {}


class Nats(Rust):
    """The same, with a broker between the two."""

    def there(self):
        return super().there() and bool(shutil.which("nats-server"))

    def commands(self, workload, n, scratch):
        servers, client, env = super().commands(workload, n, scratch)
        at = client[-3]
        return [["nats-server", "-a", "127.0.0.1", "-p", at], *servers], client, env


class Erlang:
    def there(self):
        return bool(shutil.which("erl") and shutil.which("epmd")) and os.path.exists(self.beam())

    def beam(self):
        return os.path.join(HERE, "bin", "netbench.beam")

    def commands(self, workload, n, scratch):
        # A port mapper of its own, which is ended with the rest.
        mapper, name = str(port()), f"b{os.getpid()}"
        host = socket.gethostname().split(".")[0]
        erl = ["erl", "+S", "2:2", "-noshell", "-kernel", "inet_dist_use_interface", "{127,0,0,1}",
               "-start_epmd", "false", "-setcookie", "c", "-pa", os.path.dirname(self.beam())]
        server = [*erl, "-sname", name + "s", "-run", "netbench", "server"]
        client = [*erl, "-noinput", "-sname", name + "c", "-run", "netbench", "client",
                  "-extra", f"{name}s@{host}", workload, str(n)]
        return [["epmd", "-port", mapper], server], client, {"ERL_EPMD_PORT": mapper, "HOME": scratch}


class Limit:
    """What the machine charges: `limit` starts its other end by itself."""
    MODES = {"ask": "rtt", "ask64": "call:64", "send": "chan:256"}

    def __init__(self, transport):
        self.transport = transport

    def there(self):
        return os.path.exists(rust("limit")[0])

    def commands(self, workload, n, scratch):
        if workload not in self.MODES:
            return None
        n = n * 10 if workload == "send" else n
        return [], [*rust("limit"), self.transport, self.MODES[workload], str(n), "mt"], {}


FW = {
    "wharf-tcp": Rust("wharf", "tcp://127.0.0.1:{port}"),
    "wharf-unix": Rust("wharf", "unix:{scratch}/s"),
    "ractor": Rust("ractor"),
    "kameo": Rust("kameo"),
    "kameo-quic": Rust("kameo", "quic:{port}"),
    "erlang": Erlang(),
    "tonic": Rust("tonic"),
    "nats": Nats("nats"),
    "limit-tcp": Limit("tcp"),
    "limit-unix": Limit("uds"),
}
OURS = ["wharf-tcp", "wharf-unix"]
RUST_ACTORS = ["ractor", "kameo", "kameo-quic"]
ACTORS = [*RUST_ACTORS, "erlang"]
OTHERS = ["tonic", "nats"]


def pinned(command, core):
    return ["taskset", "-c", str(core), *command] if os.environ.get("PIN") else command


def start(command, env, scratch, log):
    return subprocess.Popen(pinned(command, 0), cwd=scratch, env=env, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=log, text=True)


def wait_ready(process, command, env):
    """Waits until a server can be called."""
    until = time.monotonic() + PATIENCE
    if command[0] in ("nats-server", "epmd"):
        at = int(command[command.index("-p" if command[0] == "nats-server" else "-port") + 1])
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", at), 1).close()
                return
            time.sleep(0.01)
        raise RuntimeError(f"{command[0]} did not start")
    while time.monotonic() < until:
        if select.select([process.stdout], [], [], 0.1)[0]:
            line = process.stdout.readline()
            if line.strip() == "ready":
                return
            if not line:
                break
    raise RuntimeError("the server did not get ready")


def end(processes):
    """Ends what was started here, by its own handle."""
    for p in reversed(processes):
        with contextlib.suppress(OSError):
            p.stdin.close()
    for p in reversed(processes):
        p.terminate()
        try:
            p.wait(3)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
        p.stdout.close()


LIMIT_LINE = re.compile(r"^(?:TP|RTT) .*$", re.M)


def parse(output, workload):
    if found := LIMIT_LINE.search(output):
        figures = dict(re.findall(r"(\w+)=([\d.]+)", found[0]))
        if "p50_us" in figures:
            return {k: float(figures[k]) for k in ("p50_us", "p99_us")}
        return {"per_s": float(figures["msgs_s"])}
    lines = [l for l in output.splitlines() if l.startswith("{")]
    if not lines:
        raise RuntimeError("no figure")
    result = json.loads(lines[-1])
    assert result["workload"] == workload
    return result


def one(name, workload, n):
    """One run: a result, or why there is none."""
    with tempfile.TemporaryDirectory(prefix="net") as scratch, open(os.path.join(scratch, "log"), "w+") as log:
        todo = FW[name].commands(workload, n, scratch)
        if todo is None:
            return {"skip": True}
        servers, client, extra = todo
        env = {**os.environ, **extra}
        started = []
        try:
            for command in servers:
                started.append(start(command, env, scratch, log))
                wait_ready(started[-1], command, env)
            done = subprocess.run(pinned(client, 1), cwd=scratch, env=env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=log, text=True, timeout=TIMEOUT)
            if done.returncode != 0:
                raise RuntimeError(f"the client ended with {done.returncode}")
            return parse(done.stdout, workload)
        except subprocess.TimeoutExpired:
            return {"error": f"over {TIMEOUT:.0f} s"}
        except (RuntimeError, OSError, ValueError) as e:
            log.flush()
            log.seek(0)
            return {"error": f"{e}: {log.read().strip()[:300]}".replace(chr(10), " ")}
        finally:
            end(started)


def measure(workloads, names):
    reps, scale = int(os.environ.get("REPS", "5")), float(os.environ.get("SCALE", "1"))
    os.makedirs(RESULTS, exist_ok=True)
    gave_up = set()
    with open(RAW, "w") as raw:
        for rep in range(reps):
            for workload in workloads:
                for name in names:
                    if (name, workload) in gave_up:
                        continue
                    n = FEWER.get(name, {}).get(workload, COUNT[workload])
                    result = one(name, workload, max(64, int(n * scale)))
                    if "skip" in result or "error" in result:
                        gave_up.add((name, workload))
                    result.update(fw=name, workload=workload, rep=rep)
                    raw.write(json.dumps(result) + "\n")
                    raw.flush()
                    shown = result.get(WORKLOADS[workload][0], "-" if "skip" in result else result.get("error"))
                    print(f"rep {rep} {workload:11} {name:11} {shown}", file=sys.stderr, flush=True)


def collect(workloads, names):
    """(framework, workload) -> figures by metric, and -> why there is none."""
    figures, missing = {}, {}
    if not os.path.exists(RAW):
        sys.exit("nothing was measured yet")
    with open(RAW) as raw:
        for r in map(json.loads, raw):
            key = r["fw"], r["workload"]
            if key[0] not in names or key[1] not in workloads:
                continue
            if "error" in r:
                missing[key] = r["error"]
            elif "skip" not in r:
                for metric in ("p50_us", "p99_us", "per_s", "mb_s"):
                    if metric in r:
                        figures.setdefault(key, {}).setdefault(metric, []).append(r[metric])
    return figures, missing


def number(v):
    return f"{v / 1e6:.2f} M" if v >= 1e6 else f"{v / 1e3:.0f} k" if v >= 1e4 else f"{v:.0f}" if v >= 100 else f"{v:.1f}"


def main_metric(figures, name, workload):
    values = figures.get((name, workload), {}).get(WORKLOADS[workload][0])
    return statistics.median(values) if values else None


def best(figures, names, workload):
    """The best median among `names`, and whose."""
    found = [(m, n) for n in names if (m := main_metric(figures, n, workload)) is not None]
    pick = min if WORKLOADS[workload][2] else max
    return pick(found) if found else (None, "-")


def table(workloads, names, figures, missing):
    lines = ["| | " + " | ".join(workloads) + " |", "|---|" + "---:|" * len(workloads)]
    for name in names:
        row = []
        for w in workloads:
            m = main_metric(figures, name, w)
            cell = "failed" if (name, w) in missing else "-" if m is None else number(m)
            tail = figures.get((name, w), {}).get("p99_us")
            row.append(cell + (f" / {number(statistics.median(tail))}" if tail and cell != "failed" else ""))
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def ratios(workloads, figures):
    lines = ["| workload | unit | wharf | least to most | best actor peer | wharf / it | best Rust actor peer | wharf / it | best of all peers | wharf / it |",
             "|---|---|---:|---:|---|---:|---|---:|---|---:|"]
    rows = []
    for w in workloads:
        for ours in OURS:
            mine = main_metric(figures, ours, w)
            if mine is None:
                continue
            spread = figures[ours, w][WORKLOADS[w][0]]
            row = [f"{w} ({ours})", WORKLOADS[w][1], number(mine), f"{number(min(spread))} to {number(max(spread))}"]
            record = {"workload": w, "wharf": ours, "median": mine, "least": min(spread), "most": max(spread)}
            for kind, names in (("actors", ACTORS), ("rust_actors", RUST_ACTORS), ("all", [*ACTORS, *OTHERS])):
                theirs, who = best(figures, names, w)
                row += ["-", "-"] if theirs is None else [f"{who} {number(theirs)}", f"{mine / theirs:.2f}"]
                record[kind] = None if theirs is None else {"fw": who, "median": theirs, "ratio": mine / theirs}
            lines.append("| " + " | ".join(row) + " |")
            rows.append(record)
    return "\n".join(lines), rows


def build():
    cargo = os.environ.get("CARGO", "cargo")
    for package in ["wharf", "limit", "ractor", "tonic", "kameo"]:
        if subprocess.run([cargo, "build", "--release", "-p", "net-" + package], cwd=HERE).returncode != 0:
            print(f"{package} is left out", file=sys.stderr)
    if shutil.which("erlc"):
        os.makedirs(os.path.join(HERE, "bin"), exist_ok=True)
        subprocess.run(["erlc", "-o", "bin", os.path.join("peers", "erlang", "netbench.erl")], cwd=HERE, check=True)


def main():
    flags = {a for a in sys.argv[1:] if a.startswith("-")}
    if flags & {"-h", "--help"}:
        return print(__doc__)
    workloads = [a for a in sys.argv[1:] if not a.startswith("-")] or list(WORKLOADS)
    asked = [n for n in os.environ.get("FW", "").split(",") if n] or list(FW)
    for word, words in [(f, {"--report", "--build"}) for f in flags] + [(w, WORKLOADS) for w in workloads] + \
            [(n, FW) for n in asked]:
        if word not in words:
            print(f"unknown: {word}; one of {' '.join(words)}", file=sys.stderr)
            sys.exit(2)
    if "--build" in flags:
        return build()
    names = [n for n in asked if FW[n].there()]
    if "--report" not in flags:
        load = os.getloadavg()[0]
        if load > 0.5:
            print(f"the machine is busy (load {load:.1f}): figures mean little", file=sys.stderr)
        measure(workloads, names)
    figures, missing = collect(workloads, names)
    print("; ".join(f"{w}: {WORKLOADS[w][1]}" for w in workloads) + "; with p99 where it is a time\n")
    print(table(workloads, names, figures, missing) + "\n")
    text, rows = ratios(workloads, figures)
    print(text)
    for (name, w), why in missing.items():
        print(f"\n{name} {w}: {why}")
    if "--report" not in flags:
        medians = {n: {w: {m: statistics.median(v) for m, v in figures[n, w].items()}
                       for w in workloads if (n, w) in figures} for n in names}
        with open(SUMMARY, "w") as f:
            json.dump({"medians": medians, "ratios": rows, "load": os.getloadavg(),
                       "missing": [[*key, why] for key, why in missing.items()]}, f, indent=1)
    if any(name in OURS for name, _ in missing):
        sys.exit(1)


if __name__ == "__main__":
    main()
