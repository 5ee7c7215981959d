"""Timings side by side; no assertion about time."""
