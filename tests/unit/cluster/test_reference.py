"""The generated page of files and order is current."""

from cluster import reference


def test_reference_page_is_current() -> None:
    assert reference.PAGE.read_text() == reference.page(), "run python -m cluster.reference"
