"""The nodes of a 2018 blog series: `python -m cluster.classic STACK` prints its files for a stack's nodes."""
