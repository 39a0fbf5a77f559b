"""What sets up a machine to develop edgekd; none of it is part of the package."""
