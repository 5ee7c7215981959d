"""The base of every component here: its type token and the options of its children."""

from __future__ import annotations

from typing import Any

import pulumi


class Component(pulumi.ComponentResource):
    """A ComponentResource of type `plumbline:index:<class name>`.

    Children take `opts=self.child(...)` and are named `f"{name}-..."`; `register_outputs` comes last in each constructor.
    """

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"plumbline:index:{type(self).__name__}", name, None, opts)

    def child(self, **options: Any) -> pulumi.ResourceOptions:
        """Options for a child resource: parent=self, and what is given."""
        return pulumi.ResourceOptions(parent=self, **options)
