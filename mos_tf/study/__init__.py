"""Compares models on any log: a grid of encoders and what stands around them, on one budget, with intervals."""
