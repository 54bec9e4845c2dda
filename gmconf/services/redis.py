"""Redis: rspamd's memory (Bayes, rates, greylisting), on a UNIX socket only."""

from __future__ import annotations

from gmconf.controls import control
from gmconf.dialects.redis import spell
from gmconf.model import Role
from gmconf.services.plan import ExecProbe, File, Plan, Unit, View
from gmconf.settings import Settings, need

CONF, SOCKET = "/etc/redis/redis.conf", "/run/redis/redis-server.sock"
MIB = 1024 * 1024


def plan(view: View) -> Plan:
    """Redis on a filter host; nothing elsewhere."""
    if not view.has(Role.FILTER):
        return Plan(name="redis")
    why = need("redis", "rspamd keeps here what it learns and counts")
    return Plan(
        name="redis",
        packages=("redis-server",),
        files=(File(CONF, "redis", why, "redis/redis.conf.j2", _settings(view), spell, group="redis", mode="0640"),),
        # The package gives the folder to redis, which could plant there what root then writes to.
        directories=((CONF.rpartition("/")[0], "root", "redis", "0750"),),
        # No judge: redis-server can only be asked by starting it, which would touch the data.
        units=(Unit("redis-server.service", on_change="restart"),),
        probes=(ExecProbe("redis", argv=("redis-cli", "-s", SOCKET, "ping"), expect="^PONG"),),
    )


def memory(view: View) -> int:
    """Bytes Redis may use: a sixteenth of the host's memory, 64 MiB at least, 1 GiB at most."""
    return max(64 * MIB, min(1024 * MIB, view.host.memory // 16 // MIB * MIB))


def _settings(view: View) -> Settings:
    c = Settings(CONF)
    works = need("redis", "the package's unit starts it like this")
    closed = control("gov.minimal")
    c.set("port", 0, closed, need("redis", "no TCP port: whoever reaches it could poison what rspamd has learned"))
    c.set("bind", "127.0.0.1", closed)
    c.set("unixsocket", SOCKET, closed)
    c.set("unixsocketperm", 770, need("redis", "rspamd is in group redis; nobody else may read who writes to whom"))
    c.set("daemonize", False, works)
    c.set("supervised", "systemd", works)
    c.set("pidfile", "/run/redis/redis-server.pid", works)
    c.set("loglevel", "notice", control("log.correlate"))
    c.set("logfile", "", control("log.retention"))
    c.set("dir", "/var/lib/redis", works)
    c.set("dbfilename", "dump.rdb", works)
    keep = need("redis", "a crash loses five minutes of counters and learning at most; mail never waits for this disk")
    c.set("save", [3600, 1, 300, 100], keep)
    c.set("appendonly", False, keep)
    c.set("stop_writes", False, need("redis", "a full disk must not stop rate limits from counting"))
    c.set("maxmemory", memory(view), view.why("hosts"))
    c.set(
        "policy",
        "volatile-ttl",
        need("redis", "when full, what ends soonest goes first: counters and caches, never Bayes tokens"),
    )
    c.set("databases", 1, closed)
    return c
