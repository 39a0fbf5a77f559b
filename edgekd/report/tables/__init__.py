"""Tables as plain strings, so that Markdown, HTML and the terminal say the same."""
