#!/usr/bin/python3
"""Managed by gmconf. Asks Dovecot whether a news reader's password is right and whether the login has a mailbox.

nnrpd-login AUTH-SOCKET USERDB-SOCKET; what nnrpd asks and expects: /usr/share/doc/inn2/external-auth.gz.
"""

import base64
import os
import socket
import sys

WITHIN = 4.5
"""Seconds; nnrpd waits for five, Dovecot answers a wrong password after two."""


def ask(path: str, question: str, replies: tuple[str, ...]) -> list[str]:
    """First line of the reply to request 1 that starts with one of some words."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(WITHIN)
        client.connect(path)
        client.sendall(f"VERSION\t1\t1\n{question}\n".encode())
        for line in client.makefile("r", encoding="utf-8", errors="replace"):
            words = line.rstrip("\n").split("\t")
            if words[0] in replies and words[1:2] == ["1"]:
                return words
    return ["", ""]


def main(auth: str, users: str) -> int:
    """Exit code 0 and the login, or 1."""
    given = {}
    for line in sys.stdin.buffer:
        key, _, value = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape").partition(": ")
        if key == ".":
            break
        given[key] = value
    login, password = given.get("ClientAuthname", "").lower(), given.get("ClientPassword", "")
    if not login.isprintable() or " " in login or "@" not in login or "\0" in password:
        return 1
    response = base64.b64encode(f"\0{login}\0{password}".encode("utf-8", "surrogateescape")).decode()
    address = given.get("ClientIP", "")
    remote = f"rip={address}\t" if address and address.isprintable() else ""
    # No growing penalty: nnrpd would not wait for the answer, and a right password would be called wrong.
    question = (
        f"CPID\t{0x20000000 + os.getpid()}\nAUTH\t1\tPLAIN\tservice=nntp\tsecured\tno-penalty\t{remote}resp={response}"
    )
    verdict = ask(auth, question, ("OK", "FAIL"))
    if verdict[0] != "OK" or f"user={login}" not in verdict:
        return 1
    # Printers and programs have a password, but no mailbox: they only send mail.
    if ask(users, f"USER\t1\t{login}\tservice=nntp", ("USER", "NOTFOUND", "FAIL"))[0] != "USER":
        return 1
    sys.stdout.write(f"User:{login}\r\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except OSError as error:
        sys.exit(f"Dovecot does not answer: {error}")
