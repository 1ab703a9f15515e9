"""Settings of this folder's tests: fewer examples under a sanitizer, where each is some ten times as slow."""

from hypothesis import settings

settings.register_profile("sanitizer", max_examples=20)  # chosen by test_sanitizers.py
