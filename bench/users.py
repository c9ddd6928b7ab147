#!/usr/bin/env python3
"""Many users: how fast a realm with them is imported, in how much memory, and how fast they are found.

    cargo build --release --locked -p realmkeep
    python3 bench/users.py --binaries target/release --users 100000
    python3 bench/users.py --binaries target/release --users 1000000

The realm is one that Keycloak could have exported: hashed passwords, an attribute, a role and a group for each
user. Nothing is hashed at an import. Searches are made one after the other; each asks for another user.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
import uuid

import servers

SEARCHES = 200
# What Keycloak's default hash of a password looks like.
CREDENTIAL = json.dumps([{
    "type": "password",
    "createdDate": 1700000000000,
    "credentialData": json.dumps({"hashIterations": 5, "algorithm": "argon2", "additionalParameters": {
        "hashLength": ["32"], "memory": ["7168"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"]}}),
    "secretData": json.dumps({"value": "R3VlNG5hMUZ3NzZoUm9aMlY0aTRyNlE2N2gwN2hXM3I=", "salt": "c2FsdHNhbHRzYWx0c2FsdA==",
                              "additionalParameters": {}}),
}])


def write_realm(path, users):
    with path.open("w") as file:
        file.write('{"realm": "many", "enabled": true, "roles": {"realm": [{"name": "customer"}]}, "groups": [{"name": "all"}], "users": [')
        for number in range(users):
            user = {
                "id": str(uuid.uuid4()), "username": f"user{number:07}", "email": f"user{number:07}@example.test", "emailVerified": True,
                "firstName": f"First{number % 5000}", "lastName": f"Last{number % 50000}", "enabled": True,
                "createdTimestamp": 1700000000000 + number, "attributes": {"department": [f"d{number % 100}"]},
                "realmRoles": ["default-roles-many", "customer"], "groups": ["/all"],
            }
            text = json.dumps(user)
            file.write(("," if number else "") + text[:-1] + f', "credentials": {CREDENTIAL}}}')
        file.write("]}")


def import_realm(binary, data, path):
    """Seconds, and the peak of resident memory in MiB."""
    data.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("REALMKEEP_", "KC_"))}
    begun = time.monotonic()
    process = subprocess.Popen([binary, "import", path, f"--data-dir={data}", "--create-master-key"], env=environment, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"the import failed ({process.returncode})")
    return time.monotonic() - begun, usage.ru_maxrss / 1024


def ask(url, token=None, form=None):
    request = urllib.request.Request(url, data=urllib.parse.urlencode(form).encode() if form else None)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def searches(server, users):
    form = {"grant_type": "password", "client_id": "admin-cli", "username": servers.ADMIN, "password": servers.PASSWORD}
    token = ask(f"{server.url}/realms/master/protocol/openid-connect/token", form=form)["access_token"]
    kinds = {
        "search=user0000123 (a beginning that one has)": lambda name, _: {"search": name},
        "search=user00001 (a beginning of many)": lambda name, _: {"search": name[:-2], "max": 20},
        'search="user0000123" (exact)': lambda name, _: {"search": f'"{name}"'},
        "username=…&exact=true": lambda name, _: {"username": name, "exact": "true"},
        "email=…&exact=true": lambda name, _: {"email": f"{name}@example.test", "exact": "true"},
        "lastName=…&exact=true": lambda _, number: {"lastName": f"Last{number % 50000}", "exact": "true"},
        "q=department:…&max=20": lambda _, number: {"q": f"department:d{number % 100}", "max": 20},
    }
    for kind, parameters in kinds.items():
        took = []
        for turn in range(SEARCHES):
            number = (turn * 7919) % users
            query = urllib.parse.urlencode(parameters(f"user{number:07}", number))
            begun = time.monotonic()
            found = ask(f"{server.url}/admin/realms/many/users?{query}", token)
            took.append((time.monotonic() - begun) * 1000)
            if not found:
                raise SystemExit(f"nobody was found by {query}")
        took.sort()
        print(f"{kind}: median {statistics.median(took):.1f} ms, 99 % within {took[int(SEARCHES * 0.99) - 1]:.1f} ms", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", type=pathlib.Path, required=True, help="folder of the release binaries")
    parser.add_argument("--users", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        server = servers.Realmkeep(given.binaries.resolve(), work)
        # The first administrator comes with the first start.
        server.start()
        server.stop()
        export = work / "many-realm.json"
        write_realm(export, given.users)
        seconds, memory = import_realm(server.binary, server.data, export)
        print(f"import of {given.users} users: {seconds:.1f} s, {given.users / seconds:.0f} users/s, at most {memory:.0f} MiB", flush=True)
        export.unlink()
        try:
            server.start()
            searches(server, given.users)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
