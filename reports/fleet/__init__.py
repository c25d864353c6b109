"""The scorecard of a fleet: on the terminal, as HTML and as Markdown, from the fleet's record."""
