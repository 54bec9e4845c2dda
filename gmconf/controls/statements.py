"""Every sentence of the founding documents that asks for something, and those that do not with the reason.

The letter is the document, the number the line of it, a small letter tells several sentences of one line apart. The
page of GoodMessaging for Systems lost headings and lists: what its lines 10, 17, 18, 20 and 22 enumerated, and every
heading after the fifth, is not to be had any more. What stands for it here is our own interpretation.
"""

from __future__ import annotations

from typing import NamedTuple

DOCUMENTS = {
    "G": "GoodMessaging for Systems",
    "H": "GoodMessaging for Systems (headings and lists)",
    "D": "GoodMessaging for Developers",
    "M": "Mailop thread on protecting a submission service",
    "P": "Duties of a postmaster",
    "F": "First, do no harm",
    "Q": "Debian thread on the quality of mail service",
}


class Statement(NamedTuple):
    """A sentence, shortened; ``reason`` says why it asks for nothing, and is empty for those that do."""

    id: str
    quote: str
    reason: str = ""

    @property
    def cited(self) -> str:
        """As a reader finds it."""
        letter, _, line = self.id.partition(":")
        place = f", line {line.rstrip('abcdefghij')}" if line[0].isdigit() else ""
        return f"{DOCUMENTS[letter]}{place}: \u201c{self.quote}\u201d"


_ASKING = {
    "G:2a": "All the software used must be GoodMessaging compliant, as high as the lowest level awarded",
    "G:2b": "you must have all the relevant options turned on",
    "H:mua": "A Mail User Agent that you supply to your clients",
    "H:msa": "A Mail Sending Agent that performs authentication",
    "H:587": "Listens on port 587 (may optionally listen on 25 as well)",
    "H:mta": "A Mail Transfer Agent on your server",
    "H:mda": "A Mail Delivery Agent on your server",
    "H:maa": "A Mail Access Agent on your server",
    "H:nntp": "Bronze: access for your customers to an NNTP server",
    "H:xmpp": "Bronze: a Jabber server, addresses with the same domain as the e-mail address",
    "H:clients": "Bronze: provide clients with an NNTP client and a Jabber client",
    "G:5a": "The MDA and MSA must also perform Spam checking",
    "G:5b": "Outgoing software should not modify the e-mail (but reject Spam)",
    "G:5c": "Incoming software should mark the message",
    "G:5d": "option of filtering the Spam into a separate, server-side folder",
    "G:6a": "The MTA needs to accept e-mail for only local addresses",
    "G:6b": "Customers who wish to send outgoing e-mail must use the MSA",
    "G:7": "The MSA and MTA should both reject viruses before accepting",
    "G:8a": "MDA and MSA check that the message complies with Internet Standards, and rewrite it if it doesn't",
    "G:9": "The MTA performs Spam checking before accepting, and rejects what is very Spammy",
    "G:10": "A service is not a service unless it is supported",
    "G:11a": "A procedure must be in place for dealing with Spam complaints",
    "G:11b": "all communications will be responded to within a week",
    "G:11c": "Any spam from sources controlled by you: ensure no further abuse",
    "G:12a": "A procedure for doing software and antivirus updates",
    "G:12b": "updates are installed within a week after they are released by the vendor",
    "G:13": "A trouble-ticket system, or return to the original support person",
    "G:14": "Support must provide a CD (or other portable media) containing client software",
    "G:15a": "Bronze: Telephone support to your own paying end users",
    "G:15b": "Bronze: hold time of no less than fifteen minutes",
    "G:15c": "Bronze: someone knowledgeable, or a ticket with someone more knowledgeable who can call back",
    "G:16": "Ingress and egress filtering are necessary",
    "G:17": "The system must support STARTTLS in: (list lost)",
    "G:18": "At the basic level, only the following are required: (list lost)",
    "G:19a": "All server-side MAs should be monitored",
    "G:20": "The service should be monitored for: (list lost)",
    "G:21": "What about connectivity to outside world?",
    "G:22": "Monitoring is intended for the following functions: (list lost)",
    "G:23": "Logging to expedite the Monitoring and Support functions",
    "G:43": "SRV record",
    "D:open": "use of only Open Protocols, no incompatible proprietary extensions",
    "D:nonstd": "Bronze: may not have any non-standards-based extensions",
    "D:ipv6": "All software must be IPv6 compliant",
    "D:encryption": "per-transfer encryption (STARTTLS) and verification (DNSSEC and SPF)",
    "D:auth": "All server software must authenticate all attached end-users",
    "D:virtual": "multi-domain hosting, accounts are domain based",
    "D:remote": "Don't load things outside the message by default",
    "M:13": "Monitor abuse@: it exists for your client domains and you receive a copy",
    "M:17": "Clients should be advised to run the RFC-specified email addresses, but they're responsible",
    "M:22": "take action directly, but they should have the chance to solve their own issue",
    "M:29": "Restrict access to the submission port to the client IP range",
    "M:31": "authenticated SMTP is essentially a must, IP address restrictions are counter-productive",
    "M:34": "usual don't be an open mail relay rules",
    "M:38": "Lock accounts after X failed logins and get an alert",
    "M:40": "also a DoS vector. Alert, yes. Lock? Not necessarily",
    "M:43": "third sending capability with a different data centre; periodically route enough email",
    "M:52a": "Understand your normal usage profile, graph the mail queues",
    "M:52b": "throttling, tougher outside of business hours",
    "M:60": "Add a custom header to make it clear where the email came from and how to report abuse",
    "M:66": "Make it clear on your website how a non-customer can contact you to report abuse",
    "M:69": "consider security-txt",
    "M:72": "Run a cut-down spam filter on the outbound mails",
    "M:76": "just put it into a holding queue and create a service desk ticket",
    "M:82": "Notify, Alert, absolutely",
    "M:84": "refuse outright (5xx error) and let the sender unpick it",
    "M:88": "clear upgrade path in case they wish to send marketing emails",
    "M:91": "Publish an Acceptable Use Policy and make them agree",
    "M:98": "a threshold for marketing in the policy",
    "M:102": "Monitor bounces and tie that in with your monitor solution",
    "M:107": "Any indication of a compromised site is grounds for locking the account until a human can review",
    "M:112": "your T&C needs to permit you to immediately suspend service",
    "P:6a": "it should be written down somewhere",
    "P:6b": "the people doing the job trained",
    "P:9": "postmaster is the contact",
    "P:16": "Various RFCs require an operating postmaster address",
    "P:20": "monitor the postmaster account at least once a day and take appropriate action",
    "P:23": "few errors: wrong address, usually ignore; if it persists contact the sender",
    "P:28": "large amount of error messages may indicate a fault; review the mail server event logs",
    "P:35": "requests for a person's address go to the person; no release of contact details",
    "P:50": "generic business requests may be answered",
    "P:56": "complaints get a response as soon as possible: acknowledge, investigate, update",
    "P:62": "e-mail complaints are not treated differently from others",
    "P:67": "postmaster registered as contact with CERT and abuse.net",
    "P:78": "logs should only be checked by authorised postmasters",
    "P:81": "oversize: the sender is informed",
    "P:84": "banned words: inform, do not release, do not disclose the list",
    "P:90": "viruses: block, never release",
    "P:95": "suspect script or worm held; if in any doubt, do not release",
    "P:104": "newsletter: use unsubscribe",
    "P:107": "unsolicited: complain to the sending domain's postmaster and upstream",
    "P:111": "block the sending domain until the case is reviewed",
    "P:116": "compromised server: disconnect it from the Internet until investigation is complete",
    "P:120": "review logs from the suspected server",
    "P:122": "block any one attempting to spam via our systems",
    "P:125": "contact CERT and the vendor",
    "P:129": "Suspend account in question and conduct full investigation",
    "P:131": "Ask for full e-mail headers, to tell if spam is forged",
    "P:134": "permanently remove e-mail rights from spammers",
    "P:136": "keep complainant advised",
    "P:139": "mail bombing: block domains if viable",
    "P:144": "complain to ISPs by phone; contact CERT for upstream blocking",
    "F:4": "look at your own systems first",
    "F:6": "What would I like to see in a well behaved MTA connecting to me?",
    "F:11": "Have correct DNS, correct forward and reverse",
    "F:15": "Do not send direct-to-MX from a dynamically assigned IP",
    "F:21": "not an open relay",
    "F:23a": "strong password policy, otherwise avoid this feature",
    "F:23b": "Test your MTA against simple relay often",
    "F:23c": "review your logs to ensure that no abuse is taking place",
    "F:25": "MTA is well configured (RFC compliance)",
    "F:28": "up to date, properly supported software",
    "F:34": "Use closed loop opt in. Have working opt out",
    "F:46": "Change the default SMTP greeting, no point in disclosing irrelevant information",
    "F:64": "the administrator must understand firewall, DNS, routers, server, clients, subsystems",
    "F:75": "firewall: individual rules, which ports, from where, contact, service agreement",
    "F:79a": "stale DNS records removed",
    "F:79b": "MX, name and PTR properly set; internal and external views",
    "F:79c": "several external DNS servers, synchronised; constantly check",
    "F:79d": "outsourced DNS: know its limits; quick communication",
    "F:82": "network staff know the topology, and can be reached",
    "F:85a": "know your configuration; decide which function you use in which product",
    "F:85b": "you don't have to use everything; whatever you use must also be maintained",
    "F:88": "clients locked down and protected; limits on access from unprotected machines",
    "F:91": "subsystems can send large amounts of mail in a very short time: check each",
    "Q:8": "endorse a SLA with metrics",
    "Q:14": "at least two servers in a highly available cluster",
    "Q:20": "measure service uptime, not just server uptime",
    "Q:24": "service availability",
    "Q:25": "average delay to deliver 90 % of the mail, in and out",
    "Q:28": "rejects in and out",
    "Q:29": "spam and virus blocking metrics",
    "Q:31": "per-user bandwidth",
    "Q:32": "storage quota",
    "Q:34a": "data recovery and backup strategy",
    "Q:34b": "provide an undelete service",
    "Q:34c": "test them often",
    "Q:37": "rolling upgrades; an outdated server is a compromised server",
    "Q:47": "latency probe to a local account and to remote providers",
    "Q:52": "enroll in feedback loops",
    "Q:53": "keep strict monitoring of all RBLs",
    "Q:54a": "reputation of outgoing servers and domain",
    "Q:54b": "temporarily switch the outgoing server to a different IP, only after you have fixed the issue",
}
_NOT_ASKING = {
    "G:8b": (
        "tools such as Anomy Sanitizer and MIMEDefang",
        "names of programs, not maintained any more; rspamd and Postfix do their work",
    ),
    "G:19b": ("Client-side MAs do not need monitoring", "says what need not be done"),
    "D:vcard": (
        "vCard and vCalendar support",
        "asks it of developers of mail programs; no server setting exists, and the supplied program has it",
    ),
    "Q:45": (
        "munin, nagios, cacti, queuegraph, mailgraph",
        "examples of programs; the functions are asked for by mon.*",
    ),
    "Q:58": ("(text cut off)", "no sentence survives"),
}
STATEMENTS = {key: Statement(key, quote) for key, quote in _ASKING.items()}
STATEMENTS |= {key: Statement(key, quote, reason) for key, (quote, reason) in _NOT_ASKING.items()}
