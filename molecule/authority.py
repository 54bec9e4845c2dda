"""The ACME CA of the lab: Pebble on host ns, one for each mail host, with a root of its own."""

from __future__ import annotations

import json

from machines import NS, Machine, ssh, stop

FOLDER = "/etc/pebble"
PORTS = {"mx13": 443, "mx12": 80}
"""The ports that mail hosts may reach anywhere."""


def directory(machine: Machine) -> str:
    """URL of the CA that serves a host."""
    return f"https://{NS.fqdn}:{PORTS[machine.name]}/dir"


def start(machine: Machine, life: int) -> str:
    """A CA whose certificates live so many seconds; returns its roots (PEM): of its certificates, and of its own
    directory."""
    name, port = machine.name, PORTS[machine.name]
    inside = 14000 + machine.number
    config = {
        "pebble": {
            "listenAddress": f"0.0.0.0:{port}",
            "managementListenAddress": f"127.0.0.1:{inside}",
            "certificate": f"{FOLDER}/ns.crt",
            "privateKey": f"{FOLDER}/ns.key",
            "httpPort": 80,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "certificateValidityPeriod": life,
        }
    }
    script = f"""set -e
exec 9>/run/pebble.lock; flock 9
command -v pebble curl openssl | grep -c . | grep -q 3 || {{
    apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install -y pebble curl openssl; }} >/dev/null
mkdir -p {FOLDER}; cat > {FOLDER}/{name}.json
test -e {FOLDER}/ns.crt || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \\
    -subj /CN={NS.fqdn} \\
    -addext subjectAltName=DNS:{NS.fqdn} -keyout {FOLDER}/ns.key -out {FOLDER}/ns.crt 2>/dev/null
systemctl stop pebble-{name} 2>/dev/null || true
systemd-run -q --collect --unit pebble-{name} -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 \\
    pebble -config {FOLDER}/{name}.json -dnsserver 127.0.0.1:53
for n in $(seq 50); do curl -sk https://127.0.0.1:{inside}/roots/0 > {FOLDER}/{name}.root && break; sleep 0.2; done
cat {FOLDER}/{name}.root {FOLDER}/ns.crt"""
    done = ssh(NS, script, input=json.dumps(config), capture_output=True)
    if done.returncode or done.stdout.count("BEGIN CERTIFICATE") != 2:
        stop(f"the lab's CA: {done.stdout}{done.stderr}")
    return done.stdout


def halt(machine: Machine) -> None:
    """The CA answers no more."""
    ssh(NS, f"systemctl stop pebble-{machine.name} 2>/dev/null || true", capture_output=True)
