"""What a run is and what to decide about it; pure."""
