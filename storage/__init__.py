"""Bytes to arrays and back: immutable shards in one Icechunk repository."""
