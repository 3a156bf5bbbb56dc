"""Engines that generate completions: PyTorch, and others with the same methods."""
