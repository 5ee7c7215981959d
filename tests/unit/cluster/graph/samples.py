"""Clusters of several sizes."""

from __future__ import annotations

import copy
import functools

from cluster.config.load import load_config
from cluster.config.model import Cluster
from cluster.graph.model import Graph, graph
from cluster.reference import ROOT, SAMPLE


def cluster(control: int = 3, workers: int = 1) -> Cluster:
    """A cluster of so many nodes, like the documentation's."""
    values = copy.deepcopy(SAMPLE)
    values["machines"]["libvirt"]["network"] = "10.77.0.0/16"
    nodes = {f"m{one}": ("control-plane", f"10.77.0.{10 + one}") for one in range(1, control + 1)}
    nodes |= {f"w{one}": ("worker", f"10.77.0.{20 + one}") for one in range(1, workers + 1)}
    values["nodes"] = {name: {"role": role, "address": address} for name, (role, address) in nodes.items()}
    return load_config(values, ROOT)


@functools.cache
def drawn(control: int = 3, workers: int = 1, fold: bool = False) -> Graph:
    """The graph of such a cluster; the plan of many nodes takes a while."""
    return graph(cluster(control, workers), fold)
