"""The servers that the scenarios meet: how each is started, found and stopped."""

import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import time
import urllib.error
import urllib.request

import operator_idle

HERE = pathlib.Path(__file__).resolve().parent
ADMIN, PASSWORD = "admin", "bench-Password0"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def resident(pid):
    """Resident memory of a process in MiB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def processor_seconds(pid):
    """Processor time that a process has used, user and system."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Realmkeep:
    name = "realmkeep"
    database = "none"  # SQLite is in the server's own process

    def __init__(self, binaries, work):
        self.binary = binaries / "realmkeep"
        self.data = work / "data"
        self.log = work / "realmkeep.log"
        self.process = None

    def start(self):
        """Starts it on fresh ports; seconds until it was ready."""
        port, management = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.data.mkdir(exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("REALMKEEP_", "KC_"))}
        environment |= {
            "REALMKEEP_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
            "REALMKEEP_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD,
        }
        command = [self.binary, "serve", "--http-host=127.0.0.1", f"--http-port={port}",
                   "--management-host=127.0.0.1", f"--management-port={management}", f"--data-dir={self.data}", "--create-master-key"]
        begun = time.monotonic()
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=self.log.open("a"), stderr=subprocess.STDOUT)
        self.pid = self.process.pid
        while not answers(f"http://127.0.0.1:{management}/health/ready"):
            if self.process.poll() is not None or time.monotonic() - begun > 30:
                raise SystemExit(f"realmkeep did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.002)
        return time.monotonic() - begun

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        self.process = None

    def wipe(self):
        shutil.rmtree(self.data, ignore_errors=True)

    def memory(self):
        return resident(self.pid)


class Keycloak:
    """The peer, by keycloak-up.sh: production mode, PostgreSQL."""

    name = "keycloak"
    database = "postgres"

    def __init__(self):
        self.port = int(os.environ.get("KC_PORT", "18080"))
        self.url = f"http://127.0.0.1:{self.port}"
        self.run = pathlib.Path(os.environ.get("KC_RUN", f"{os.environ.get('TMPDIR', '/tmp')}/realmkeep-peer")) / str(self.port)
        self.up = False

    def script(self, command):
        environment = os.environ | {"KC_ADMIN": ADMIN, "KC_ADMIN_PASSWORD": PASSWORD, "KC_PORT": str(self.port)}
        # Its own output goes to a file of its own: a daemon that keeps our pipe open would hold us up.
        subprocess.run([HERE / "keycloak-up.sh", command], env=environment, check=True, stdin=subprocess.DEVNULL)

    def start(self):
        self.up = True
        self.script("up")
        self.pid = int((self.run / "java.pid").read_text())
        return float((self.run / "ready-after").read_text())

    def stop(self):
        if self.up:
            self.script("down")
        self.up = False

    def memory(self):
        return resident(self.pid)


def startup(ours, peer, times):
    """Start to ready, with nothing there and with a database that is there."""
    fresh, again = [], []
    for _ in range(times):
        ours.wipe()
        fresh.append(ours.start())
        ours.stop()
        again.append(ours.start())
        ours.stop()
    ours.wipe()
    lines = ["| server | first start s | start with its data there s |", "|---|---|---|",
             f"| realmkeep ({times} starts, median) | {statistics.median(fresh):.3f} | {statistics.median(again):.3f} |"]
    if peer:
        peer.script("wipe")
        first = peer.start()
        peer.stop()
        second = peer.start()
        peer.stop()
        lines.append(f"| keycloak (1 start; optimised build made before) | {first:.1f} | {second:.1f} |")
    return lines


def idle_memory(ours, peer, binaries, work, seconds):
    """Resident memory of each program that has started and been left alone."""
    sidecar = Sidecar(binaries, work, ours.url)
    sidecar.start()
    time.sleep(seconds)
    lines = ["| program | idle MiB |", "|---|---|"]
    for server in filter(None, [ours, sidecar, peer]):
        lines.append(f"| {server.name} | {server.memory():.1f} |")
    sidecar.stop()
    memory, used = operator_idle.measure(binaries, work, ours.url, seconds)
    lines.append(f"| realmkeep-operator, 100 resources ({used:.2f} s of processor time for each minute) | {memory:.1f} |")
    return lines


class Sidecar:
    """Both directions configured, nobody asking."""

    name = "realmkeep-sidecar"

    def __init__(self, binaries, work, server):
        self.binary = binaries / "realmkeep-sidecar"
        self.config = work / "sidecar.yaml"
        self.log = work / "sidecar.log"
        token = work / "token"
        token.write_text("none")
        self.admin = free_port()
        self.config.write_text(f"""
inbound:
  listen: 127.0.0.1:{free_port()}
  upstream: http://127.0.0.1:{free_port()}
  issuers:
  - issuer: {server}/realms/master
    audiences: [bench]
    allowHttp: true
outbound:
  issuer: {server}/realms/master
  allowHttp: true
  identity: {{kubernetes: {{tokenFile: {token}}}}}
  forwardProxy: {{listen: "127.0.0.1:{free_port()}"}}
  targets: [{{name: bench, hosts: [bench.test]}}]
admin:
  listen: 127.0.0.1:{self.admin}
""")

    def start(self):
        self.process = subprocess.Popen([self.binary, "--config", self.config], stdin=subprocess.DEVNULL,
                                        stdout=self.log.open("w"), stderr=subprocess.STDOUT)
        self.pid = self.process.pid
        for _ in range(500):
            if answers(f"http://127.0.0.1:{self.admin}/livez"):
                return
            time.sleep(0.01)
        raise SystemExit(f"the sidecar did not start:\n{self.log.read_text()[-2000:]}")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def memory(self):
        return resident(self.pid)
