"""An example of a plugin: every module adds one thing."""
