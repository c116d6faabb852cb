"""The program that keeps one run alive."""
