"""Where and how a program is started."""
