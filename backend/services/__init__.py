"""What a person can do, in verbs; one class per file."""
