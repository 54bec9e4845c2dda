"""Reports of others about the site's mail: how it fared in the world (DMARC, RFC 9990) and how it came here (TLS, RFC
8460)."""
