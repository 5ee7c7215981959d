"""Fixtures of every unit test."""

from __future__ import annotations

import asyncio

import pytest


@pytest.fixture(autouse=True)
def _no_event_loop_is_left() -> None:
    """Starts each test as `asyncio.run` leaves a thread: without an event loop. So no test can need a former one's."""
    asyncio.set_event_loop(None)
