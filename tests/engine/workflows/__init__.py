"""The ready workflows (ci/github, ci/gitlab), run step by step against a local repository and a stand-in for the API."""
