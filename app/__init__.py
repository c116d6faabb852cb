"""The dashboard: views, components and HTTP routes."""
