"""Fit ordinal mixed models by the Laplace approximation, and test a contrast with one."""
