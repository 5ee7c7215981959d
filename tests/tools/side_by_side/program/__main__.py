"""A file, a command that reads it, a file with the command's output, and the service that reads that one."""

import pulumi
import pulumi_command as command

config = pulumi.Config()
connection = config.require_secret_object("connection")
UNIT = "/etc/systemd/system/demo.service"
SERVICE = """\
[Service]
ExecStart=/bin/sh -c 'cp /etc/demo/answer /run/demo-answer; exec sleep infinity'
[Install]
WantedBy=multi-user.target
"""


class NodeState(pulumi.CustomResource):
    """A NodeState of the node n1."""

    revision: pulumi.Output[str]

    def __init__(self, name: str, **more: object) -> None:
        inputs = {"node": "n1", "connection": connection, "machineId": None, "revision": None, **more}
        super().__init__("plumbline:index:NodeState", name, inputs)


words = NodeState(
    "words",
    directories={"/etc/demo": {"mode": "0755"}},
    files={"/etc/demo/words": {"content": "\n".join(config.require_object("words")) + "\n"}},
)
in_order = command.remote.Command(
    "sorted-words",
    connection=config.require_secret_object("login"),
    create="sort /etc/demo/words",
    triggers=[words.revision],
)
NodeState(
    "answer",
    files={"/etc/demo/answer": {"content": pulumi.Output.concat(in_order.stdout, "\n")}, UNIT: {"content": SERVICE}},
    units={"demo.service": {"enabled": True, "active": True}},
    reactions=[{"unit": "demo.service", "action": "restart", "files": ["/etc/demo/answer", UNIT]}],
)
