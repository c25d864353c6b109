"""The report as values: page one and its fourteen blocks, drawn from the run record, for HTML, Markdown and PDF alike."""
