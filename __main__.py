"""The Pulumi program: configuration in, one cluster, its outputs."""

from pathlib import Path

import pulumi

from components.kubernetes_cluster import KubernetesCluster, KubernetesClusterArgs
from components.settings import load_config

config = load_config(Path(__file__).parent)
cluster = KubernetesCluster(config.name, KubernetesClusterArgs(config))

pulumi.export("nodes", cluster.nodes)
pulumi.export("etcd", cluster.etcd)
pulumi.export("controlPlane", cluster.control_plane)
pulumi.export("certificates", cluster.certificates)
pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("machines", cluster.machines)
