"""Whether a certificate that somebody put beside the site is the one of its host."""

from __future__ import annotations


def wrong(pem: str, host: str) -> str | None:
    """What is wrong with a chain (PEM, the host's own certificate first), as a sentence; None when it fits.

    Names are compared as clients do (RFC 9525 section 6.3): subjectAltName only, a wildcard for one whole label.
    """
    # Loading it takes longer than rendering a small site.
    from cryptography import x509

    try:
        leaf = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return "is not a certificate in PEM; put the chain there, the host's own certificate first"
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return "has no subjectAltName, and clients look at nothing else; have it issued again"
    names = sorted(name.lower() for name in found.get_values_for_type(x509.DNSName))
    if host not in names and f"*.{host.partition('.')[2]}" not in names:
        return f"is for {', '.join(names) or 'no name'}, not for {host}; rename the host, or have it issued for this name"
    return None
