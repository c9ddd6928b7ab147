#!/usr/bin/env python3
"""The load scenarios, against us and, with --peer, against a Keycloak in the same run.

Both servers are up for the whole run and get each scenario in the order A B B A, so
that a machine that slows down or speeds up meets both alike. Figures are medians over
the runs; the first ones are the server's processor time per operation, which says more
than throughput on a machine that also runs the load. Run it by `cargo xtask bench`.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

import servers

HERE = pathlib.Path(__file__).resolve().parent
LOAD_SCENARIOS = [
    "token-client-credentials",
    "token-client-credentials-es256",
    "token-client-credentials-eddsa",
    "token-refresh",
    "token-refresh-dpop",
    "token-private-key-jwt-es256",
    "token-private-key-jwt-rs256",
    "introspection",
    "userinfo",
    "jwks",
    "discovery",
    "device-grant",
    "login-code-flow",
]
SCENARIOS = LOAD_SCENARIOS + ["startup", "idle-memory"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", type=pathlib.Path, required=True, help="folder of the release binaries")
    parser.add_argument("--peer", action="store_true", help="Keycloak too")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=15, help="measured time of one run")
    parser.add_argument("--quick", action="store_true", help="runs of two seconds; to see that it works")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    return parser.parse_args()


def build_load(folder):
    program = folder / "load"
    subprocess.run(["go", "build", "-o", program, "."], cwd=HERE / "load", check=True, env=os.environ | {"CGO_ENABLED": "0"})
    return program


def measure(load, server, scenario, seconds, warm, connections):
    """One run; the load generator's line as a dictionary."""
    command = [load, "run", "-base", server.url, "-s", scenario, "-c", str(connections), "-d", f"{seconds}s",
               "-warm", f"{warm}s", "-pid", str(server.pid), "-dbproc", server.database, "-label", server.name]
    command += ["-admin", servers.ADMIN, "-password", servers.PASSWORD]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result = json.loads(output.splitlines()[-1])
    print(f"  {server.name:10} {scenario}: {result['server_cpu_ms_per_op']} ms CPU/op, {result['rps']:.0f}/s, "
          f"p99 {result['p99_ms']} ms, {result['errors']} errors {result.get('first_error', '')}", flush=True)
    return result


def load_runs(load, ours, peer, scenarios, options):
    seconds, warm = (2, 1) if options.quick else (options.seconds, 3)
    runs = {}
    for server in filter(None, [ours, peer]):
        print(f"making realms, clients and users on {server.name}", flush=True)
        subprocess.run([load, "setup", "-base", server.url, "-admin", servers.ADMIN, "-password", servers.PASSWORD], check=True)
    for scenario in scenarios:
        if peer and not options.quick:
            # A JVM is slow until it has compiled what it runs; its figures begin after that.
            measure(load, peer, scenario, 20, 0, options.connections)
        for server in filter(None, [ours, peer, peer, ours]):
            result = measure(load, server, scenario, seconds, warm, options.connections)
            runs.setdefault((scenario, server.name), []).append(result)
    return runs


def median(runs, field):
    return statistics.median(run[field] for run in runs)


def table(runs, scenarios, peer):
    """Markdown: ratios first."""
    if peer:
        yield "| scenario | CPU, them / us | requests/s, us / them | CPU ms/op: us | them (of it the database) | requests/s: us | them | p50 ms: us | them | p99 ms: us | them | errors |"
        yield "|" + "---|" * 12
    else:
        yield "| scenario | CPU ms/op | requests/s | p50 ms | p99 ms | errors |"
        yield "|" + "---|" * 6
    for scenario in scenarios:
        us = runs[scenario, "realmkeep"]
        cpu, rate = median(us, "server_cpu_ms_per_op"), median(us, "rps")
        if not peer:
            yield (f"| {scenario} | {cpu:.2f} | {rate:.0f} | {median(us, 'p50_ms'):.1f} | {median(us, 'p99_ms'):.1f} "
                   f"| {sum(run['errors'] for run in us)} |")
            continue
        them = runs[scenario, "keycloak"]
        database = median(them, "db_cpu_ms_per_op")
        their_cpu, their_rate = median(them, "server_cpu_ms_per_op") + database, median(them, "rps")
        yield (f"| {scenario} | **{their_cpu / cpu if cpu else 0:.1f}** | **{rate / their_rate if their_rate else 0:.1f}** "
               f"| {cpu:.2f} | {their_cpu:.2f} ({database:.2f}) | {rate:.0f} | {their_rate:.0f} "
               f"| {median(us, 'p50_ms'):.1f} | {median(them, 'p50_ms'):.1f} | {median(us, 'p99_ms'):.1f} | {median(them, 'p99_ms'):.1f} "
               f"| {sum(run['errors'] for run in us)} / {sum(run['errors'] for run in them)} |")


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1]) / 1024 / 1024
    return f"{os.cpu_count()} processors ({model}), {memory:.0f} GiB of memory, {platform.system()} {platform.release()}"


def main():
    options = arguments()
    wanted = options.scenario or SCENARIOS
    scenarios = [scenario for scenario in LOAD_SCENARIOS if scenario in wanted]
    lines = [f"{datetime.date.today()}; {machine()}."]
    with tempfile.TemporaryDirectory(prefix="realmkeep-bench-") as work:
        work = pathlib.Path(work)
        load = build_load(work)
        ours = servers.Realmkeep(options.binaries, work)
        peer = servers.Keycloak() if options.peer else None
        try:
            if "startup" in wanted:
                lines += ["", "## Start to ready", ""] + servers.startup(ours, peer, 2 if options.quick else 7)
            if scenarios or "idle-memory" in wanted:
                for server in filter(None, [ours, peer]):
                    server.start()
            if "idle-memory" in wanted:
                lines += ["", "## Resident memory", ""] + servers.idle_memory(ours, peer, options.binaries, work, 2 if options.quick else 10)
            if scenarios:
                runs = load_runs(load, ours, peer, scenarios, options)
                lines += ["", f"## Load, {options.connections} connections", ""] + list(table(runs, scenarios, peer))
                memory = [(server.name, server.memory()) for server in filter(None, [ours, peer])]
                lines += ["", "After the load: " + ", ".join(f"{name} {size:.0f} MiB" for name, size in memory) + " resident."]
        finally:
            for server in filter(None, [ours, peer]):
                server.stop()
    print("\n" + "\n".join(lines))
    if options.write:
        write(lines)
    failed = scenarios and any(run["errors"] or not run["ok"] for result in runs.values() for run in result)
    return 1 if failed else 0


def write(lines):
    page = HERE.parent / "docs/benchmarks.md"
    intro = (HERE / "benchmarks-intro.md").read_text()
    page.write_text(intro + "\n" + "\n".join(lines) + "\n")
    print(f"wrote {page}")


if __name__ == "__main__":
    sys.exit(main())
