"""The plan as a page: engine events in, a typed report out, as terminal text, JSON, Markdown and HTML.

Pure: no engine, no SSH. It reads the rows that the provider publishes (nodestate/vocabulary.py).
"""
