"""Ordinal mixed models fitted with the Laplace approximation, and inference about a contrast."""
