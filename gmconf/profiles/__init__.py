"""Tests of others, worked out from the site and from its running hosts: internet.nl's mail test,
the BSI's guidelines.
"""
