"""Whether what the fit advisor proposes really fits: orders that die under a limit, and the same as it changes them."""
