"""The base of every component: its pinned type token and the options of its children."""

from __future__ import annotations

from typing import Any, ClassVar

import pulumi


class Component(pulumi.ComponentResource):
    """A ComponentResource with its type token as a class keyword, so renaming the class does not change any URN.

    Example: `class Node(Component, token="plumbline:index:Node")`. `formerly` lists earlier tokens of the component.
    Create children with `opts=self.child(...)`, and call `register_outputs` last in each constructor.
    """

    token: ClassVar[str]
    formerly: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls, *, token: str, formerly: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.token, cls.formerly = token, formerly

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        aliases = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_=token) for token in self.formerly])
        super().__init__(self.token, name, None, pulumi.ResourceOptions.merge(opts, aliases))

    def child(self, **options: Any) -> pulumi.ResourceOptions:
        """Options for a child resource: parent=self and `options`."""
        return pulumi.ResourceOptions(parent=self, **options)
