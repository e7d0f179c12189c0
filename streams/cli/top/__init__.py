"""The command `top`: a live table of a running worker's shares in the terminal."""
