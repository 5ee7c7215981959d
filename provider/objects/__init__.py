"""Objects behind the API: a set of manifests that is applied, read, repaired and pruned as a whole."""
