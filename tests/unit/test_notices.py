"""What a valid site still deserves a second look for."""

from __future__ import annotations

from dnssite import SITE, made

from gmconf.site.load import load
from gmconf.site.notices import notices

CLOSED = "network: {admin: [192.0.2.0/28]}\n"


def test_mail_of_a_domain_that_was_renamed_keeps_its_old_name(tmp_path) -> None:
    loaded = made(tmp_path, SITE, more=CLOSED)
    assert list(notices(loaded)) == []
    (tmp_path / "site.yml").write_text(
        (tmp_path / "site.yml").read_text().replace("- {name: a.example.org,", "- {name: b.example.org,")
    )
    (said,) = notices(load(tmp_path / "site.yml", keys=False))
    assert "a.example.org has keys in keys/dkim and is no domain of this site any more" in said
    assert "/var/vmail/a.example.org" in said
