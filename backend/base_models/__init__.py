"""Where base models come from: folders and the hub, checked for code before anything is loaded."""
