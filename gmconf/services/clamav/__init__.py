"""ClamAV: scanner, databases, and whether it scans."""
