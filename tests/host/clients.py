"""Protocol clients as they come from the Internet and from users' devices, and a host that takes mail outside."""

from __future__ import annotations

import base64
import contextlib
import imaplib
import smtplib
import socket
import socketserver
import ssl
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass, field
from email.message import EmailMessage

import lab
import mail

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR" + rb"-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE" + "-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def message(sender: str, to: str, text: str = "Good morning.\n", **headers: str) -> EmailMessage:
    """A message with a subject of its own."""
    built = EmailMessage()
    built["From"], built["To"], built["Subject"] = sender, to, f"test {uuid.uuid4().hex}"
    built["Date"], built["Message-ID"] = "Mon, 23 Nov 2026 12:00:00 +0000", f"<{uuid.uuid4().hex}@sender.example>"
    for name, value in headers.items():
        built[name.replace("_", "-")] = value
    built.set_content(text)
    return built


def outside(mx) -> smtplib.SMTP:
    """A session on port 25."""
    return smtplib.SMTP(mx.ip4, 25, local_hostname="client.sender.example", timeout=30)


def trust(mx) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=mx.ca)


def submission(mx, login: str | None = None, port: int = 465, source: str = "") -> smtplib.SMTP:
    """A session on port 465, or on 587 after STARTTLS, from an address of this machine. Tests log in more often than a
    client may in a minute: then it waits."""
    deadline, here = time.monotonic() + 90, (source, 0) if source else None
    while True:
        with mail._At(mx.ip4):
            if port == 465:
                smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                    mx.name, 465, local_hostname="laptop.example", context=trust(mx), timeout=90, source_address=here
                )
            else:
                smtp = smtplib.SMTP(mx.name, port, local_hostname="laptop.example", timeout=90, source_address=here)
                smtp.starttls(context=trust(mx))
        if not login:
            return smtp
        try:
            smtp.login(login, mx.password)
            return smtp
        except smtplib.SMTPAuthenticationError as error:
            smtp.close()
            if b"too many AUTH" not in error.smtp_error or time.monotonic() > deadline:
                raise
            time.sleep(5)


def authenticate(smtp: smtplib.SMTP, login: str, password: str) -> tuple[int, bytes]:
    """The answer to AUTH PLAIN, when the client may try."""
    deadline = time.monotonic() + 90
    while True:
        smtp.ehlo_or_helo_if_needed()
        code, text = smtp.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0{login}\0{password}".encode()).decode())
        if b"too many AUTH" not in text or time.monotonic() > deadline:
            return code, text
        time.sleep(5)


def imap(mx, login: str) -> imaplib.IMAP4_SSL:
    """A session on port 993."""
    with mail._At(mx.ip4):
        client = imaplib.IMAP4_SSL(mx.name, 993, ssl_context=trust(mx), timeout=30)
    client.login(login, mx.password)
    return client


def find(mx, login: str, built: EmailMessage, folder: str = "INBOX", within: float = 30) -> list[bytes]:
    """All copies of a message in a folder as the store has them; waits for the first."""
    return stored(mx, login, "Subject", f'"{built["Subject"]}"', (folder,), within)


def stored(
    mx, login: str, header: str, value: str, folders: tuple[str, ...] = ("INBOX",), within: float = 30
) -> list[bytes]:
    """All messages with a header, as the store has them, from the first of the folders that has any; waits for the
    first."""
    deadline = time.monotonic() + within
    with imap(mx, login) as client:
        while True:
            for folder in folders:
                client.select(folder, readonly=True)
                _, found = client.search(None, "HEADER", header, value)
                numbers = found[0].split() if found and found[0] else []
                if numbers:
                    return [client.fetch(number.decode(), "(BODY.PEEK[])")[1][0][1] for number in numbers]
            if time.monotonic() > deadline:
                return []
            time.sleep(0.2)


def arrives(mx, built: EmailMessage, recipient: str, folder: str = "INBOX", sender: str = "") -> bytes:
    """Sends over port 25 and returns what was stored, of which there is one."""
    with outside(mx) as smtp:
        smtp.sendmail(sender, [recipient], built.as_bytes())
    found = find(mx, recipient, built, folder)
    assert len(found) == 1, f"{len(found)} copies in {folder}"
    return found[0]


class Raw:
    """An SMTP session written by hand."""

    def __init__(self, address: str, port: int = 25, source: str = "") -> None:
        self.socket = socket.create_connection((address, port), 15, (source, 0))
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self) -> str:
        """One whole reply."""
        text = ""
        while True:
            line = self.file.readline().decode("latin-1")
            text += line
            if line[3:4] != "-":
                return text

    def say(self, line: str) -> str:
        self.send(line.encode() + b"\r\n")
        return self.reply()


@dataclass(frozen=True)
class Taken:
    """What the outside host took."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    client: str = ""
    """The address it came from."""


@dataclass
class Sink:
    """An MX on the Internet that keeps the very bytes it gets. Local part "refused" is 550, "later" is 450."""

    address: str
    taken: list[Taken] = field(default_factory=list)

    def __enter__(self) -> Sink:
        device = next(
            words[1]
            for words in map(str.split, subprocess.check_output(["ip", "-o", "-4", "addr"], text=True).splitlines())
            if words[3].startswith(f"{lab.NET4}.1/")
        )
        subprocess.run(["ip", "addr", "replace", f"{self.address}/24", "dev", device], check=True)
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 sink ESMTP\r\n")
                sender, recipients = "", []
                for line in self.rfile:
                    words = line.decode("latin-1").strip()
                    verb = words.upper()
                    answer = "250 ok"
                    if verb.startswith("EHLO"):
                        answer = "250-sink\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 SIZE 50000000"
                    elif verb.startswith("MAIL"):
                        sender, recipients = words[words.index("<") + 1 : words.index(">")], []
                    elif verb.startswith("RCPT"):
                        to = words[words.index("<") + 1 : words.index(">")]
                        if to.startswith("refused"):
                            answer = "550 5.1.1 nobody here"
                        elif to.startswith("later"):
                            answer = "450 4.2.0 later"
                        else:
                            recipients.append(to)
                    elif verb == "DATA" and not recipients:
                        answer = "554 nobody to deliver to"
                    elif verb == "DATA":
                        self.wfile.write(b"354 go\r\n")
                        data = bytearray()
                        while not data.endswith(b"\r\n.\r\n") and data != b".\r\n":
                            part = self.rfile.readline()
                            if not part:
                                return
                            data += part
                        sink.taken.append(
                            Taken(
                                sender,
                                tuple(recipients),
                                bytes(data[:-3]).replace(b"\r\n..", b"\r\n."),
                                self.client_address[0],
                            )
                        )
                    elif verb == "QUIT":
                        self.wfile.write(b"221 bye\r\n")
                        return
                    self.wfile.write(f"{answer}\r\n".encode())

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server((self.address, 25), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, built: EmailMessage | str, within: float = 30) -> Taken:
        """The message with this one's subject, or with these words."""
        words = built if isinstance(built, str) else built["Subject"]
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            for taken in list(self.taken):
                if words.encode() in taken.data:
                    return taken
            time.sleep(0.1)
        raise AssertionError(f"nothing with {words!r} was sent out within {within} s")


def openssl(mx, *words: str, stdin: str = "QUIT\n", after: float = 0) -> str:
    """Output of openssl s_client, which reads its commands after some seconds."""
    argv = ["openssl", "s_client", "-servername", mx.name, "-CAfile", mx.ca, *words]
    client = subprocess.Popen(
        argv, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace"
    )
    time.sleep(after)
    with contextlib.suppress(BrokenPipeError):
        client.stdin.write(stdin)
        client.stdin.flush()
        time.sleep(after)
    return client.communicate(timeout=30)[0]


def query(name: str, kind: str) -> list[str]:
    """Text of the records the lab's name server has."""
    import dns.message
    import dns.query
    import dns.rdatatype

    answer = dns.query.tcp(dns.message.make_query(name, kind), lab.NS.addresses[0], timeout=5)
    return [
        record.to_text() for part in answer.answer for record in part if part.rdtype == dns.rdatatype.from_text(kind)
    ]


def txt(name: bytes, timeout: float = 5) -> bytes | None:
    """TXT lookup as dkimpy asks for it."""
    del timeout
    found = query(name.decode(), "TXT")
    return "".join(found[0].split('"')[1::2]).encode() if found else None
