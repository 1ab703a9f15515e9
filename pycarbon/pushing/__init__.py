"""Sending run files to a team's server: what waits lies in a folder and is sent once, whatever happens."""
