"""Run the command as `python -m rater`."""

from rater.cli import main

main()
