"""The forecast check: mutations of real nodes, and whether `preview` names all that `up` then does, and nothing else."""
