"""The Pulumi program: configuration in, one cluster, its outputs."""

from pathlib import Path

import pulumi
from components.plumbline import Plumbline, PlumblineArgs

from components import settings

cluster = settings.load_config(Path(__file__).parent)
plumbline = Plumbline(cluster.name, PlumblineArgs(cluster))

pulumi.export("nodes", plumbline.nodes)
pulumi.export("etcd", plumbline.etcd)
pulumi.export("controlPlane", plumbline.control_plane)
pulumi.export("certificates", plumbline.certificates)
pulumi.export("kubeconfig", plumbline.kubeconfig)
pulumi.export("machines", plumbline.machines)
