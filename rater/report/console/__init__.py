"""Print results on the terminal, one module a command."""
