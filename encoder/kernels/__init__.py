"""What stands between the matrix products of an 8-bit layer, compiled for this processor."""
