"""Settings of the whole suite."""

from hypothesis import HealthCheck, settings

# These machines are small and shared: how long an example takes says nothing about the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
