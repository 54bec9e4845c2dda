"""Declarations of daemons: each plan has one, and no port is without a name."""

from __future__ import annotations

import pytest
from test_golden_sites import NAMES, prepared

from gmconf.assess.check import views
from gmconf.daemons import SERVICES, listening
from gmconf.services.nftables import plan as firewall
from gmconf.services.registry import plans
from gmconf.site.load import load


@pytest.fixture(scope="module", params=NAMES)
def hosts(request, tmp_path_factory):
    return list(views(load(prepared(request.param, tmp_path_factory.mktemp(request.param)) / "site.yml")))


def test_every_plan_is_declared_once(hosts) -> None:
    names = [service.name for service in SERVICES]
    assert len(set(names)) == len(names)
    for view in hosts:
        here = {service.name for service in SERVICES if service.on(view.host)}
        assert {plan.name for plan in plans(view) if plan.files or plan.packages} <= here


def test_every_port_has_a_protocol_and_one_service_for_each_purpose() -> None:
    for service in SERVICES:
        assert service.title
        for port in service.ports:
            assert port.protocol and not port.protocol.isdigit()
            assert not port.roles or not service.roles or set(port.roles) <= set(service.roles)


def test_files_of_a_service_are_planned_where_it_is(hosts) -> None:
    for view in hosts:
        made = plans(view)
        paths = {file.path for plan in made for file in plan.files}
        active = {plan.name for plan in made if plan.files}
        for service in SERVICES:
            if service.name in active and service.on(view.host):
                for path in service.files:
                    assert any(p.startswith(path) if path.endswith("/") else p == path for p in paths), path
                for path, roles in service.partial.items():
                    assert (path in paths) == bool(set(roles) & set(view.host.roles)), path


def test_firewall_opens_what_listens_and_nothing_else(hosts) -> None:
    for view in hosts:
        rules = next(file.settings for file in firewall(view).files if file.path == "/etc/nftables.conf")
        opened = {s.key: s.value for s in rules.flat()}
        ports = [port for _, port in listening(view.site, view.host)]
        for key, reach in (("public_tcp", "any"), ("site_tcp", "site"), ("admin_tcp", "admin")):
            assert list(opened[key]) == sorted({p.number for p in ports if p.reach == reach})
