"""The site model: what stands in site.yml, typed."""

from gmconf.model.accounts import Mailbox, ServiceAccount, UserFile
from gmconf.model.acme import Acme
from gmconf.model.dns import Dns
from gmconf.model.domains import Domain
from gmconf.model.filter import Dnsbl, Filter, Signatures
from gmconf.model.firewall import Network
from gmconf.model.hosts import LOGIN_ROLES, OPTIONAL_ROLES, Host, Role
from gmconf.model.overrides import Overrides
from gmconf.model.site import Limits, Logs, Organisation, Pop3, Resolver, Secrets, Site, Tls
from gmconf.model.talk import Chat, Group, News

__all__ = [
    "LOGIN_ROLES",
    "OPTIONAL_ROLES",
    "Acme",
    "Chat",
    "Dns",
    "Dnsbl",
    "Domain",
    "Filter",
    "Group",
    "Host",
    "Limits",
    "Logs",
    "Mailbox",
    "Network",
    "News",
    "Organisation",
    "Overrides",
    "Pop3",
    "Resolver",
    "Role",
    "Secrets",
    "ServiceAccount",
    "Signatures",
    "Site",
    "Tls",
    "UserFile",
]
