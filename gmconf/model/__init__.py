"""The site model: what stands in site.yml, typed."""

from gmconf.model.accounts import Mailbox, ServiceAccount, UserFile
from gmconf.model.domains import Domain
from gmconf.model.filter import Dnsbl, Filter, Signatures
from gmconf.model.hosts import Host, Role
from gmconf.model.site import Limits, Logs, Network, Organisation, Overrides, Pop3, Resolver, Secrets, Site, Tls

__all__ = [
    "Dnsbl", "Domain", "Filter", "Host", "Limits", "Logs", "Mailbox", "Network", "Organisation", "Overrides",
    "Pop3", "Resolver", "Role", "Secrets", "ServiceAccount", "Signatures", "Site", "Tls", "UserFile",
]
