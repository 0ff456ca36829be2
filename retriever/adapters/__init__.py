"""Thin bridges to other programs. Scores go out as similarities: higher is better."""
