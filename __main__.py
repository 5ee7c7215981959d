"""The Pulumi program: configuration in, one cluster, its outputs."""

import gc
from pathlib import Path

import pulumi

from components.kubernetes_cluster import KubernetesCluster, KubernetesClusterArgs
from components.registrations import leave_out_debug_messages, leave_out_frames_of_the_runtime
from components.settings import load_config

# By default the collector goes through all that the program has made dozens of times.
gc.set_threshold(100_000, 50, 50)
leave_out_debug_messages()
leave_out_frames_of_the_runtime()
config = load_config(Path(__file__).parent)
cluster = KubernetesCluster(config.name, KubernetesClusterArgs(config))

pulumi.export("nodes", cluster.nodes)
pulumi.export("etcd", cluster.etcd)
pulumi.export("controlPlane", cluster.control_plane)
pulumi.export("certificates", cluster.certificates)
pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("machines", cluster.machines)

pulumi.run(cluster.answered)
