"""What pydantic finds wrong with one value, as a sentence that says what is wanted instead."""

from __future__ import annotations

from typing import Any

_WANTED = {
    "missing": "is missing; add it",
    "model_type": "a mapping of keys and values is needed here",
    "dict_type": "a mapping of keys and values is needed here",
    "tuple_type": "a list is needed here; write [a, b] or one entry a line after a dash",
    "string_type": "text is needed here; put it in quotes",
    "too_short": "at least one entry is needed",
    "bool_parsing": "true or false is needed",
    "int_parsing": "a whole number is needed",
    "int_parsing_size": "a whole number of fewer digits is needed",
    "int_from_float": "a whole number is needed",
    "float_parsing": "a number is needed",
    "finite_number": "a finite number is needed",
    "string_unicode": "text is needed here; half of a character (a lone surrogate) is none",
}
FORMS = {
    r"^https://[A-Za-z0-9._~:/\[\]-]+$": "an https address is needed, such as https://acme.example/directory",
    r"^https://[A-Za-z0-9._~:/?=&%+-]+$": "an https address is needed, such as https://www.example.org/support",
    r"^https://[A-Za-z0-9._~:/-]+$": (
        "an https address without ? and # is needed, such as https://www.example.org/abuse"
    ),
    r"^https://[A-Za-z0-9._~:/?#@!$&()*+,=%-]+$": (
        "the https address of the account at the CA is needed, without ; and quotes"
    ),
    r"^(https?|file)://[A-Za-z0-9._~:/\[\]@!&'()*+,;=%-]+$": (
        "an address that begins with https://, http:// or file:// is needed"
    ),
    r"^[a-z0-9][a-z0-9-]{0,40}$": (
        "a name of small letters, digits and hyphens is needed, 41 at most; the file keys/ca/NAME.crt has the same"
    ),
    r"^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$": (
        "a name of small letters, digits and hyphens is needed, with no hyphen first or last"
    ),
    r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$": (
        "a path below the folder of site.yml is needed: letters, digits, . _ - and /, no name that begins with a dot"
    ),
    r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$": (
        "a path below the folder of site.yml is needed: letters, digits, . _ - and /"
    ),
    r"^\+[0-9][0-9 ()-]{4,30}$": "a telephone number with its country is needed, such as +49 30 5550100",
    r"^\.?[a-z0-9-]+(\.[a-z0-9-]+)+$": (
        "a name of a certificate is needed, such as mx.example.net, or .example.net for all names below"
    ),
    r"^[a-z0-9]{1,10}$": (
        "the ending of a file's name is needed, without the dot: small letters and digits, such as exe"
    ),
    r"^[a-z][a-z0-9+_-]{0,29}(\.[a-z0-9][a-z0-9+_-]{0,29}){0,8}$": (
        "the name of a newsgroup is needed, such as example.announce"
    ),
    r"^[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?$": "a name or an address is needed: letters, digits and . : _ - only",
    r"^[A-Za-z0-9.:-]+$": "a name or an address is needed: letters, digits and . : - only",
    r"^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$": (
        "the whole name of the record is needed, such as www.example.org or *.example.org"
    ),
    r"^[A-Za-z0-9_]+$": "the name of a parameter of main.cf is needed: letters, digits and _",
    r"^([A-Za-z0-9_]+( [A-Za-z0-9_.:*-]+)?/)*[A-Za-z0-9_]+$": (
        "the name of one setting is needed, after the blocks that it stands in: service imap-login/process_limit"
    ),
    r"^[a-z0-9_]+\.[a-z0-9_]+$": (
        "MODULE.KEY is needed, in small letters: dmarc.actions is the key actions of the module dmarc; blocks cannot be"
        " overridden"
    ),
    r"^[a-z0-9-]+$": "the name of an option of Unbound's server clause is needed: small letters, digits and hyphens",
    r"^[A-Za-z0-9]+$": "the name of an option of clamd.conf is needed: letters and digits",
    r"^[a-z0-9.-]+ (?:\d+ )?IN (DS|DNSKEY) [0-9]+ [0-9]+ [0-9]+ [A-Za-z0-9+/= ]+$": (
        "a DS or DNSKEY record is needed, such as: example.org. IN DS 12345 13 2 49FD46E6..."
    ),
    r"^[a-z]+\.[a-z0-9-]+$": "the id of a control is needed, such as dns.dnssec; list them: gmconf controls",
}
"""The form of every text that is not free, in words, by its pattern; tests/unit/test_truth.py knows that none is left
out."""
LIMITS = {
    "webmail": ("webmail", "roundcube", "snappymail", "sogo", "rainloop"),
    "calendars and address books": (
        "calendar",
        "calendars",
        "caldav",
        "carddav",
        "contacts",
        "addressbook",
        "groupware",
    ),
    "directories and databases": ("ldap", "sql", "mysql", "postgresql", "active_directory"),
    "single sign-on and second factors": ("oauth2", "oidc", "saml", "sso", "totp", "mfa", "2fa", "app_passwords"),
    "mailing lists": ("lists", "mailing_lists", "mailman", "sympa", "mlmmj", "listserv"),
    "forwards with SRS": ("srs", "postsrsd"),
    "routes to other servers": ("transports", "transport", "relay", "relayhost", "smarthost"),
    "sieve scripts": ("sieve", "rules", "vacation", "autoresponder", "out_of_office"),
    "search": ("search", "fts", "solr"),
    "shared folders": ("shared", "shared_folders", "public_folders", "acl"),
    "undelete": ("undelete", "archive", "archiving", "journaling"),
    "backup": ("backup", "backups", "restic", "borg"),
    "monitoring": ("monitoring", "metrics", "prometheus", "nagios", "zabbix", "grafana", "alerts"),
    "a running server": ("import", "migrate", "migration", "maildir"),
    "a second store": ("replication", "replica", "cluster", "failover"),
    "other antivirus programs": ("antivirus", "spamassassin", "amavis", "sophos"),
    "a web interface": ("admin_ui", "webadmin", "postfixadmin", "panel", "api"),
}
"""Headings of docs/limits.md, and the keys that people try for what stands there. No field has such a name."""
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def wish(key: str) -> str:
    """A sentence for a key that people try and that no field has, or nothing."""
    for topic, keys in LIMITS.items():
        if key.lower().replace("-", "_") in keys:
            anchor = topic.lower().replace(" ", "-")
            return f"gmconf has no field for {topic}; what people use instead: docs/limits.md#{anchor}"
    return ""


def sentence(error: Any) -> str:
    """The sentence for an entry of ``ValidationError.errors()``."""
    kind, context, text = error["type"], error.get("ctx", {}), isinstance(error["input"], str)
    if kind in ("too_short", "string_too_short") and text:
        return "text is needed here"
    if kind in ("too_long", "string_too_long"):
        return f"at most {context['max_length']} {'characters' if text else 'entries'}, not {len(error['input'])}"
    if kind in _WANTED and (error["input"] is not None or kind == "missing"):
        return _WANTED[kind]
    if error["input"] is None:
        return "nothing stands here; give a value, or remove the key"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("enum", "literal_error"):
        return f"must be one of {context['expected']}"
    if kind == "string_pattern_mismatch":
        return FORMS.get(context["pattern"]) or f"is not of the form {context['pattern']}"
    for bound, words in _BOUNDS.items():
        if bound in context:
            return f"must be {words} {context[bound]}"
    message = str(error["msg"])
    return message[0].lower() + message[1:]
