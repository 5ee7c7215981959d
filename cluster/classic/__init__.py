"""What the 2018 series put on its nodes, for reading."""
