"""Numbers that must fit together across daemons, derived from the site in one place.

The rules (each is a mistake seen in the wild): sizes never shrink along the way from Postfix to ClamAV; time-outs
grow from the innermost scanner to the client, and a hung filter answers 4xx within ten seconds; no delivery
concurrency above what the receiving side accepts per user.
"""

from __future__ import annotations

from typing import NamedTuple

from gmconf.model import Site

MIB = 1024 * 1024


class Chain(NamedTuple):
    """Sizes in bytes, times in seconds."""

    message_size: int
    """Postfix message_size_limit; what SIZE announces."""
    max_message: int
    """rspamd max_message and antivirus max_size."""
    stream_max: int
    """clamd StreamMaxLength, MaxFileSize, MaxScanSize."""
    av_timeout: int
    """rspamd antivirus timeout of one try."""
    av_retransmits: int
    """Tries of the antivirus module in all."""
    task_timeout: int
    """rspamd task_timeout: longer than all tries."""
    milter_connect: int
    milter_command: int
    milter_content: int
    """Postfix milter time-outs; content is longer than task_timeout."""
    lmtp_concurrency: int
    """Deliveries at once to one store; at most what Dovecot takes per user."""
    lmtp_user_concurrency: int
    """Dovecot's limit of deliveries at once to one user."""
    smtpd_processes: int
    """Postfix default_process_limit."""
    client_connections: int
    """Connections one client may hold."""
    milter_clients: int
    """Connections rspamd must be able to serve: all smtpd processes, of port 25 and of submission."""


def chain(site: Site) -> Chain:
    """All derived limits of a site."""
    tries = 2
    av = site.filter.scan_timeout
    task = av * tries + 1
    return Chain(
        message_size=site.limits.message_size,
        max_message=site.limits.message_size + MIB,
        stream_max=site.limits.message_size + 2 * MIB,
        av_timeout=av,
        av_retransmits=tries,
        task_timeout=task,
        milter_connect=3,
        milter_command=5,
        milter_content=task + 2,
        lmtp_concurrency=8,
        lmtp_user_concurrency=10,
        smtpd_processes=100,
        client_connections=20,
        milter_clients=250,
    )
