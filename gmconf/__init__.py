"""Mail-as-code: one typed site.yml becomes the configuration of real mail hosts."""

__version__ = "0.1.0"
