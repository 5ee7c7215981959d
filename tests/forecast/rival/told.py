"""An Ansible callback plugin: one line of JSON per result, to the file that FORECAST_RESULTS names."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase  # type: ignore[import-not-found]


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Writes host, task, item and whether it changed."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "told"

    def _write(self, result: Any, failed: bool = False) -> None:
        data = result._result
        if "results" in data and not failed:
            return
        item = data.get("item")
        line = {
            "host": result._host.get_name(),
            "task": result._task.get_name(),
            "item": item.get("name") if isinstance(item, dict) else item,
            "changed": bool(data.get("changed")),
            "failed": str(data.get("msg", "failed"))[:300] if failed else "",
        }
        with open(os.environ["FORECAST_RESULTS"], "a") as file:
            file.write(json.dumps(line) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._write(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._write(result, failed=not ignore_errors)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._write(result, failed=not result._task.ignore_errors)
