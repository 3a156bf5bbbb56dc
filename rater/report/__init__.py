"""Reports: the console, HTML, Markdown, JSON and CSV."""
