"""The report: from typed records to Markdown and one self-contained HTML page."""
