"""Thin runners of the one pipeline."""
