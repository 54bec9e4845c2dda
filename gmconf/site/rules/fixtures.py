"""Settings that raw overrides leave alone: mail would be out of sight, or two daemons would miss each other."""

from __future__ import annotations

from gmconf.model.overrides import RawLine

_HIDES = "mail that is there already would be out of sight"
_OTHERS = "another program asks there, and mail would be put off"
_MAIL = {
    "mail_location",
    "mail_home",
    "mail_driver",
    "mail_path",
    "mail_inbox_path",
    "mail_index_path",
    "mail_index_private_path",
    "mail_control_path",
    "mailbox_list_layout",
    "mailbox_list_storage_escape_char",
    "mailbox_directory_name",
    "mailbox_directory_name_legacy",
    "mailbox_root_directory_name",
    "mailbox_subscriptions_filename",
    "mailbox_list_utf8",
}
_ACCOUNTS = {
    "mail_uid",
    "mail_gid",
    "mail_chroot",
    "first_valid_uid",
    "last_valid_uid",
    "first_valid_gid",
    "last_valid_gid",
    "auth_username_format",
    "auth_username_translation",
}
_INBOX = {"location", "prefix", "separator", "inbox", "type", "disabled"}
_SOCKETS = {
    "auth-smtp",
    "lmtp",
    "quota-status",
    *(f"auth-{role}{kind}" for role in ("chat", "news") for kind in ("", "-userdb")),
}
_LISTENER = {"path", "mode", "user", "group", "type", "port", "ssl"}
_ELSEWHERE = {
    ("dovecot", "base_dir"): _OTHERS,
    ("dovecot", "protocols"): "pop3.enabled says which, and mail comes by LMTP",
    ("postfix", "queue_directory"): "mail that waits there would be out of sight",
    ("clamd", "DatabaseDirectory"): "freshclam puts signatures there",
    ("clamd", "LocalSocketGroup"): "the filter is in that group, and puts all mail off where it cannot ask",
    ("clamd", "LocalSocketMode"): "the filter asks there as a member of a group, and puts all mail off where it cannot",
}


def moved(raw: RawLine) -> str:
    """Why an override may not say that; empty: it may."""
    if raw.section != "dovecot":
        return _ELSEWHERE.get((raw.section, raw.key), "")
    *blocks, key = raw.key.split("/")
    namespaces = [block.partition(" ")[2] for block in blocks if block.startswith("namespace")]
    if key in _MAIL and set(namespaces) <= {"inbox"}:
        return _HIDES
    if namespaces and (key == "separator" or (key == "inbox" and raw.value.strip() != "no")):
        return "all namespaces have one separator, and one of them the inbox"
    if "inbox" in namespaces and len(blocks) == 1 and key in _INBOX:
        return _HIDES
    if key in _ACCOUNTS or any(block == "userdb passwd-file" for block in blocks):
        return "it says whose mail lies where"
    if len(blocks) == 2 and key in _LISTENER and blocks[1].partition(" ")[2] in _SOCKETS:
        return _OTHERS
    if key == "executable" and blocks == ["service quota-status"]:
        return _OTHERS
    return "" if blocks else _ELSEWHERE.get(("dovecot", key), "")
