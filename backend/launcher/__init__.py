"""The launcher: starts the dashboard's server as a child, keeps it healthy, and leaves nothing of it behind."""
