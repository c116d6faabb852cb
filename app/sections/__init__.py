"""Parts of pages that are large enough for a file of their own; each draws one section from the services."""
