"""Kills, cuts and reboots under full load; tests/torture/run."""
