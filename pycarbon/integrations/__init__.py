"""What meets other tools in their own processes: pytest and its plugins. pycarbon/pytest_plugin.py is the door."""
