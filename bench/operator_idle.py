"""The operator at rest: its resident memory with a hundred resources that are Ready.

It needs a Kubernetes API server: the control plane of e2e/cluster, on loopback.
"""

import os
import pathlib
import subprocess
import time

import servers

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLUSTER = ROOT / "e2e/cluster"
STATE = pathlib.Path("/tmp/rk-bench")
PORT = "18743"
CLIENTS = 97  # with the Secret's ExternalServer, the Realm and an IdentityProvider: 100


def manifests(url):
    yield f"""
apiVersion: v1
kind: Secret
metadata: {{name: admin, namespace: bench, labels: {{realmkeep.dev/allow-operator: "true"}}}}
stringData: {{password: {servers.PASSWORD}}}
---
apiVersion: realmkeep.dev/v1alpha1
kind: ExternalServer
metadata: {{name: main, namespace: bench}}
spec:
  url: {url}
  auth: {{password: {{username: {servers.ADMIN}, password: {{secretKeyRef: {{name: admin, key: password}}}}}}}}
---
apiVersion: realmkeep.dev/v1alpha1
kind: Realm
metadata: {{name: operated, namespace: bench}}
spec: {{serverRef: {{kind: ExternalServer, name: main}}, deletionPolicy: Delete}}
---
apiVersion: realmkeep.dev/v1alpha1
kind: IdentityProvider
metadata: {{name: kubernetes, namespace: bench}}
spec: {{realmRef: {{name: operated}}, type: {{kubernetes: {{}}}}}}
"""
    for number in range(CLIENTS):
        yield f"""
apiVersion: realmkeep.dev/v1alpha1
kind: Client
metadata: {{name: client-{number}, namespace: bench}}
spec:
  realmRef: {{name: operated}}
  auth: {{serviceAccount: {{name: client-{number}}}}}
  settings: {{name: Client {number}, standardFlowEnabled: false}}
"""


def measure(binaries, work, url, seconds):
    """(MiB, processor seconds for each minute at rest)."""
    environment = os.environ | {
        "REALMKEEP_CLUSTER_STATE": str(STATE), "REALMKEEP_CLUSTER_PORT": PORT, "KUBECONFIG": str(STATE / "admin.kubeconfig")}
    cache = pathlib.Path(os.environ.get("REALMKEEP_CLUSTER_CACHE", pathlib.Path.home() / ".cache/realmkeep/cluster"))

    def run(*command, **options):
        return subprocess.run([str(part) for part in command], env=environment, check=True, stdout=subprocess.DEVNULL, **options)

    run(CLUSTER / "build.sh", "control")
    run(CLUSTER / "up.sh")
    log = work / "operator.log"
    operator = None
    kubectl = cache / "bin/kubectl"
    try:
        run(kubectl, "apply", "--server-side", "-k", ROOT / "manifests/base")
        run(kubectl, "wait", "--for=condition=Established", "--timeout=30s", "--all", "crd")
        run(kubectl, "create", "namespace", "bench")
        operator = subprocess.Popen(
            [binaries / "realmkeep-operator", "--namespace=realmkeep-system", f"--management-address=127.0.0.1:{servers.free_port()}"],
            env=environment, stdin=subprocess.DEVNULL, stdout=log.open("w"), stderr=subprocess.STDOUT)
        run(kubectl, "apply", "-f", "-", input="---".join(manifests(url)), text=True)
        for kind in "realm", "identityprovider", "client":
            run(kubectl, "wait", "--for=condition=Ready", "--timeout=120s", "--namespace=bench", kind, "--all")
        time.sleep(seconds)
        before, begun = servers.processor_seconds(operator.pid), time.monotonic()
        time.sleep(seconds * 2)
        used = servers.processor_seconds(operator.pid) - before
        return servers.resident(operator.pid), used * 60 / (time.monotonic() - begun)
    finally:
        if operator:
            operator.terminate()
            operator.wait(30)
        run(CLUSTER / "down.sh")
