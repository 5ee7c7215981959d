"""Build helper for the lab, the toolchain and the tests: cache, locks, progress, a Go compiler and `go build`.

Uses the standard library only, and nothing of this project but versions.toml.
"""
