"""The command line, with the same services as the dashboard."""
