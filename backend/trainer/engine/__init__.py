"""How losses and their gradients are computed fast and in little memory, without changing them."""
