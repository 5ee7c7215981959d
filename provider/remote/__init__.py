"""The POSIX sh that runs on nodes, one module per family of verbs: the sh text, the calls, and what they print.

A node needs coreutils, findutils, awk, sed, grep and systemd; curl for downloads, tar to extract from them.
"""
