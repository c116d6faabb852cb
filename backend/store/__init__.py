"""The database behind the RunStore port."""
