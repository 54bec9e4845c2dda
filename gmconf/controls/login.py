"""Logins: how guesses are slowed, what crosses the net, how passwords are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from gmconf.controls.case import Claim, HostCase, SiteCase
from gmconf.controls.control import Control, Evidence
from gmconf.controls.expect import AtMost, Only, on_msa
from gmconf.controls.files import DOVECOT, MAIN, MASTER
from gmconf.keys.schemes import complaint
from gmconf.model import Role

BY_STORE = (Role.STORE,)


class Bruteforce(Control):
    """Failed logins are slowed by source.

    Guessing costs the guesser time; the owner of the account notices nothing.
    """

    id, level, sources = "auth.bruteforce", "basic", ("M:38", "P:122")
    settings: ClassVar = {
        DOVECOT: {"auth.failure_delay": "2 secs"},
        MAIN: {"smtpd_client_auth_rate_limit": AtMost(120), "smtpd_error_sleep_time": "2s"},
        MASTER: {"users_guesses": on_msa(1500)},
    }
    live = ("wrong-password",)


class NoLockout(Control):
    """Nobody is locked out by other people's wrong guesses.

    A lock after so many failures hands everybody the means to lock anybody; so does a limit for one address, behind
    which a whole campus may sit. Wrong guesses cost time, right passwords work meanwhile. Locks follow evidence of a
    break-in, are set by a person, and can be taken back (the runbook on suspending).
    """

    id, level, sources = "auth.no-lockout", "basic", ("M:38", "M:40")
    documents = ("runbooks",)
    on = BY_STORE
    settings: ClassVar = {
        DOVECOT: {"auth.failure_delay": "2 secs", "auth.penalty": 0},
        MASTER: {"users_sessions": on_msa(50)},
    }
    live = ("wrong-password",)


class CompromiseLock(Control):
    """An account that shows signs of a break-in is suspended until a person has looked at it.

    Signs are refused spam of a login, or a limit that is hit.
    """

    id, level, sources = "auth.compromise-lock", "silver", ("M:107",)
    documents = ("runbooks",)
    evidence = Evidence("who is told of the signs at any hour, and the last case or drill", 366)


class Mech(Control):
    """No password crosses the net in clear: PLAIN and LOGIN, over TLS only.

    Challenge-response mechanisms would need passwords stored in clear, which is worse.
    """

    id, level, sources = "auth.mech", "basic", ("RFC 4954", "RFC 8314")
    settings: ClassVar = {
        DOVECOT: {"auth.mechanisms": Only("plain", "login"), "auth.cleartext": False},
        MAIN: {"smtpd_tls_auth_only": True},
    }
    live = ("auth-needs-tls", "auth-mechanisms")


class PasswordPolicy(Control):
    """Passwords are strong when they are set, and stored as slow hashes.

    ``gmconf passwd`` refuses weak ones. Hashes that came from elsewhere are judged by ``gmconf check`` with the vault
    password.
    """

    id, level, sources = "auth.password-policy", "basic", ("F:23a",)
    on = (Role.STORE, Role.MSA)
    files = ("/etc/dovecot/passwords",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """What the vault holds, where somebody opened it: slow hashes, of logins of the site."""
        logins = {account.login: account.origin for account in case.mail.accounts}
        for login, hashed in sorted((case.hashes or {}).items()):
            wrong = complaint(hashed) if login in logins else "a password, but is no login of the site"
            where = logins.get(login, "")
            yield Claim(
                f"a slow hash of {login}'s password",
                f"{login} has {wrong}" if wrong else "it is one",
                not wrong,
                "" if ":" in where else where,
                where if ":" in where else "",
                f"set a new one: gmconf passwd SITE {login}" if login in logins else f"remove the file of {login}",
            )

    @classmethod
    def unseen(cls, case: SiteCase, hosts: Sequence[HostCase]) -> str:
        """What the vault holds nobody sees without its password."""
        del hosts
        return (
            ""
            if case.hashes is not None
            else "which hashes the vault holds; to have them judged, give --vault-password-file"
        )
