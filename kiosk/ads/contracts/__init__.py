"""Contracts: when they are live, what they were given, and what they are owed now."""
