"""Roots of Debian and machines in containers, for the tests that need a booted systemd."""
