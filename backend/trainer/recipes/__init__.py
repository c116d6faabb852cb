"""How each recipe trains: its rows and its loop, one file each."""
