"""Named, self-describing results: datasets, files, tables and plots."""
