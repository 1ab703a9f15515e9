"""What pycarbon raises: one base, and one name for each thing a caller may want to handle."""


class PyCarbonError(Exception):
    """Anything pycarbon itself has to say; its text is one line that names what to do."""


class RunFileError(PyCarbonError):
    """A run file that is missing, not one of ours, of an unknown version, or broken."""


class SourceError(PyCarbonError):
    """A counter that was asked for and cannot be read."""


class IntensityError(PyCarbonError):
    """A zone that is not known, or a table that cannot be read."""


class TraceError(PyCarbonError):
    """A trace of kernels that is missing, of no known kind, broken, or without any kernel."""
