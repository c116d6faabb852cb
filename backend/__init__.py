"""Everything of PEFT Studio that is not drawn on a screen."""
