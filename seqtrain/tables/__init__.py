"""Lay out results as text for a terminal."""
