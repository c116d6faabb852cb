"""Plugins: installed Python packages that add methods, formats, recipes, quantizations, executors and views."""
