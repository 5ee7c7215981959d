"""The picture of a cluster: `python -m cluster.graph STACK` draws its plan as SVG."""
