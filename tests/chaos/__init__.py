"""Runs that are killed or cut off at random moments, and a search for secrets in all that a run leaves."""
