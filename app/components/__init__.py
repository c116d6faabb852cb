"""Pieces shared by views."""
