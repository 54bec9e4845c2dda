"""The Ansible side of build/: inventory, playbook, and a page that says what is inside."""

from __future__ import annotations

import json

from gmconf.model import Role, Site

SSH = 22
"""The port that ssh takes by itself."""


def inventory(site: Site) -> str:
    """An inventory with all hosts and a group per role. JSON strings are YAML strings,
    so values are quoted with json.
    """
    lines = ["# Managed by gmconf.", "all:", "  hosts:"]
    for host in sorted(site.hosts, key=lambda h: h.name):
        lines += [f"    {host.name}:", f"      ansible_host: {json.dumps(host.ansible_host or host.name)}"]
        lines += ["      ansible_user: root"]
        if site.network.ssh(host) != SSH:
            lines += [f"      ansible_port: {site.network.ssh(host)}"]
    lines.append("  children:")
    for role in Role:
        holders = sorted(h.name for h in site.hosts if role in h.roles)
        if holders:
            lines += [f"    {role.value}:", "      hosts:", *(f"        {name}:" for name in holders)]
    return "\n".join(lines) + "\n"


def playbook(site: Site) -> str:
    """The playbook: one host first, then the rest; a host that fails stops the roll-out."""
    serial = ['  serial: [1, "25%", "100%"]'] if len(site.hosts) > 1 else []
    return "\n".join(
        [
            "# Managed by gmconf.",
            "---",
            "- name: Bring the rendered configuration to the hosts",
            "  hosts: all",
            "  gather_facts: false",
            "  any_errors_fatal: true",
            *serial,
            "  roles:",
            "    - role: gmconf",
            "",
        ]
    )


def project_readme(site: Site) -> str:
    """What is in build/ and how to use it."""
    hosts = "\n".join(
        f"| {h.name} | Debian {'13' if h.release == 'trixie' else '12'} ({h.release}) | {', '.join(h.roles)} |"
        for h in sorted(site.hosts, key=lambda h: h.name)
    )
    overrides = [
        f"- {raw.section}{f' on {raw.where}' if raw.where else ''}: `{raw.key} = {raw.value}`"
        for raw in site.overridden()
    ]
    listed = "\n".join(overrides) if overrides else "None."
    return f"""# Mail configuration of {site.organisation.name}

Rendered by gmconf from site.yml. Do not edit: the next render replaces it. It needs ansible-core, nothing else.

    ansible-playbook site.yml --check --diff    # what would change on the hosts
    ansible-playbook site.yml                   # stage, judge, switch, probe; a host that fails goes back by itself

Secrets are Ansible Vault files below secrets/; give their password with --vault-password-file or
ANSIBLE_VAULT_PASSWORD_FILE.

| host | release | roles |
|---|---|---|
{hosts}

- hosts/HOST/tree: every file of the host, as it will lie there
- hosts/HOST/manifest.json: owners, modes, packages, units, what judges and what probes
- documents/index.html: the operator's documents, and what users need to set up their programs
  (when site.yml has the facts)
- trace.json: why every line is there (gmconf explain reads it)
- roles/gmconf: the role that brings it to a host

## Raw overrides

{listed}
"""
