"""The static verdict: every control judged for the site, its hosts and its domains."""
