"""Adapters: each turns one public data set into a data directory of generic events, items and exposure lists."""
