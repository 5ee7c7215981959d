"""Random configurations, generated from a seed."""
