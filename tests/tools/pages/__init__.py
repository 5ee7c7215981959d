"""Looks at the pages of recorded reports in Chromium: accessibility, width, and pictures for the documentation."""
