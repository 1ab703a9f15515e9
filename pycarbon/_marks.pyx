# cython: language_level=3, embedsignature=True, freethreading_compatible=True, binding=False
"""Marks of the regions of Python programs: the cheap half, which every measured program loads."""

import os

from libc.stdint cimport uint32_t

cdef extern from "dlfcn.h" nogil:
    enum:
        RTLD_NOW
        RTLD_NOLOAD
    void *dlopen(const char *path, int flags)
    void *dlsym(void *library, const char *name)
    char *dlerror()

cdef extern from "pycarbon.h" nogil:
    enum:
        PYCARBON_ENTER
        PYCARBON_LEAVE
        PYCARBON_TICK

cdef extern from *:
    """
    /* The library's whole table; what pycarbon.h shows is its beginning. */
    struct marks_api {
        const volatile uint32_t *attached;
        void (*put)(int kind, uint32_t label);
        uint32_t (*label)(const char *name, size_t length);
        void (*attach_inherited)(void);
        int (*attach)(const char *path);
        void (*detach)(int home);
    };
    enum { RESUME = 2 };
    """
    enum:
        RESUME
    struct marks_api:
        const uint32_t *attached
        void (*put)(int kind, uint32_t label) noexcept nogil
        uint32_t (*label)(const char *name, size_t length) noexcept nogil
        void (*attach_inherited)() noexcept nogil
        int (*attach)(const char *path) noexcept nogil
        void (*detach)(int home) noexcept nogil

LIBRARY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libpycarbon.so.1")


cdef const marks_api *find() except NULL:
    cdef bytes path = os.fsencode(LIBRARY)
    cdef void *library = dlopen(path, RTLD_NOW)
    if library == NULL:
        raise ImportError(dlerror().decode())
    cdef const marks_api *found = <const marks_api *>dlsym(library, "pycarbon_api_1")
    if found == NULL:
        raise ImportError(f"{LIBRARY} is of another version of pycarbon")
    found.attach_inherited()
    return found


cdef const marks_api *api = find()
cdef const uint32_t *attached = api.attached


def attach(home):
    """Send this process's marks to the home folder of a live run, too; gives a number for detach()."""
    cdef bytes path = os.fsencode(home)
    cdef int number = api.attach(path)
    if number < 0:
        raise OSError(-number, os.strerror(-number), home)
    return number


def detach(int home):
    """Undo one attach()."""
    api.detach(home)


cdef class Mark:
    """A region's marks: entered and left as a context manager, or with resume() again, or marked in a loop."""

    cdef readonly str name
    cdef uint32_t label

    def __init__(self, str name not None):
        cdef bytes text = name.encode("utf-8", "surrogatepass")
        self.name = name
        self.label = api.label(text, len(text))

    def __enter__(self):
        if attached[0] != 0:
            api.put(PYCARBON_ENTER, self.label)
        return self

    def __exit__(self, kind, error, trace):
        if attached[0] != 0:
            api.put(PYCARBON_LEAVE, self.label)

    def resume(self):
        """Enter again what was left for a while: the same call goes on."""
        if attached[0] != 0:
            api.put(RESUME, self.label)

    def mark(self):
        """End the call that the latest mark() of this region began, if it is the innermost, and begin the next."""
        if attached[0] != 0:
            api.put(PYCARBON_TICK, self.label)


cdef class SynchronisedMark(Mark):
    """Marks that `wait` is called before, wherever somebody records them: what it waits for is over by then."""

    cdef object wait

    def __init__(self, str name not None, wait):
        Mark.__init__(self, name)
        self.wait = wait

    def __enter__(self):
        if attached[0] != 0:
            self.wait()
        return Mark.__enter__(self)

    def __exit__(self, kind, error, trace):
        try:
            if attached[0] != 0:
                self.wait()
        finally:  # Ctrl-C while it waits: the region is left all the same
            Mark.__exit__(self, kind, error, trace)

    def resume(self):
        """Enter again what was left for a while."""
        if attached[0] != 0:
            self.wait()
        Mark.resume(self)

    def mark(self):
        """End the call that the latest mark() began, and begin the next."""
        if attached[0] != 0:
            self.wait()
        Mark.mark(self)


ctypedef int (*synchronise_type)() noexcept nogil

cdef synchronise_type context_synchronise = NULL  # whoever finds it finds the same


def cuda_context_synchronise():
    """Wait for what was queued in the calling thread's CUDA context; gives the driver's error, 0 for none.

    Where the program has not loaded the driver library, or the thread has no context, there is nothing to wait for.
    """
    global context_synchronise
    cdef void *library
    cdef int code
    if context_synchronise == NULL:
        library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD)
        if library != NULL:
            context_synchronise = <synchronise_type>dlsym(library, "cuCtxSynchronize")
        if context_synchronise == NULL:
            return 0
    with nogil:
        code = context_synchronise()
    return 0 if code in NO_CONTEXT else code


NO_CONTEXT = (3, 4, 201, 709)
"""CUDA_ERROR_NOT_INITIALIZED (also after a fork), _DEINITIALIZED, _INVALID_CONTEXT, _CONTEXT_IS_DESTROYED."""
