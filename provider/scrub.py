"""Keeps secrets out of what a node prints."""

from __future__ import annotations

from collections.abc import Iterable

from nodestate import NodeState, Secret

SHORTEST_SECRET = 8
"""Shorter lines of a secret file are common words: to take them out would hide the whole text and no secret."""

REPLACEMENT = "(a line with a secret)"


class Scrubber:
    """Takes out each line of a text that holds a line of a secret file of these states."""

    def __init__(self, states: Iterable[NodeState]) -> None:
        self._secrets = {
            line.strip()
            for state in states
            for file in state.files.values()
            if isinstance(file.content, Secret) and file.content.known
            for line in file.content.reveal().splitlines()
            if len(line.strip()) >= SHORTEST_SECRET
        }

    def scrub(self, text: str) -> str:
        """The text without those lines."""
        if not any(secret in text for secret in self._secrets):
            return text
        return "\n".join(
            REPLACEMENT if any(secret in line for secret in self._secrets) else line for line in text.splitlines()
        )
