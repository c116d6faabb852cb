"""Plugins: installed packages that add methods, formats, recipes, quantizations, exporters, executors and views."""
