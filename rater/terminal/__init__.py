"""Rate a study blindly in the terminal: the same trials as on the web, one key press each."""

from rater.terminal.console import Keyboard as Keyboard
from rater.terminal.rate import rate_in_terminal as rate_in_terminal
