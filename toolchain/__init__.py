"""Finds a Pulumi engine with its plugins, or builds them from pinned Go modules. Uses the standard library only."""

from toolchain.environment import environment

__all__ = ["environment"]
