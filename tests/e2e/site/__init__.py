"""The site's settings on real nodes: `make test-site`."""
