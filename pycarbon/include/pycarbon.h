/*
 * pycarbon: name regions of native code, so that `pycarbon run` can say what each of them costs in energy.
 *
 *     #include <pycarbon.h>                       cc -I"$(python -c 'import pycarbon; print(pycarbon.get_include())')"
 *
 *     pycarbon_region step = pycarbon_region_named("step");      once
 *     pycarbon_region_enter(step);                               from any thread, millions of times
 *     ...
 *     pycarbon_region_leave(step);
 *
 * Nothing is linked: the library is found at run time, where a recording is, and shared with Python's regions.
 * Outside a recording a region costs a load and a branch.  Regions nest; each thread has its own.  Nothing here
 * fails: where pycarbon is not, it does nothing.  Needs C99 or C++, Linux, and -ldl with a C library before glibc 2.34.
 *
 * Not for signal handlers.  In a program that calls pycarbon.record() itself, import pycarbon before naming a region.
 */
#ifndef PYCARBON_H
#define PYCARBON_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __linux__
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef uint32_t pycarbon_region;

enum { PYCARBON_ENTER = 0, PYCARBON_LEAVE = 1, PYCARBON_TICK = 3 };

/* What the library offers under the name pycarbon_api_1; it only ever grows at its end. */
struct pycarbon_api {
    const volatile uint32_t *attached; /* how many recordings there are */
    void (*put)(int kind, uint32_t label);
    uint32_t (*label)(const char *name, size_t length);
    void (*attach_inherited)(void);
};

/* One for each file that includes this. */
static const struct pycarbon_api *pycarbon_api_found;

static inline void pycarbon_find(void)
{
#ifdef __linux__
    void *library = dlopen("libpycarbon.so.1", RTLD_NOW | RTLD_NOLOAD); /* Python has it open */
    const char *home = getenv("PYCARBON_LIVE");
    if (library == NULL && home != NULL) {
        char path[4096 + 32];
        int length = (int)strcspn(home, "\n");
        if (snprintf(path, sizeof path, "%.*s/libpycarbon.so.1", length, home) < (int)sizeof path)
            library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    const struct pycarbon_api *api =
        library == NULL ? NULL : (const struct pycarbon_api *)dlsym(library, "pycarbon_api_1");
    if (api != NULL)
        api->attach_inherited();
    pycarbon_api_found = api;
#endif
}

/* The region of this name (UTF-8), the same one each time, in Python too. */
static inline pycarbon_region pycarbon_region_named(const char *name)
{
    if (pycarbon_api_found == NULL)
        pycarbon_find();
    return pycarbon_api_found == NULL ? 0 : pycarbon_api_found->label(name, strlen(name));
}

static inline void pycarbon_put(int kind, pycarbon_region region)
{
    if (pycarbon_api_found != NULL && *pycarbon_api_found->attached != 0)
        pycarbon_api_found->put(kind, region);
}

static inline void pycarbon_region_enter(pycarbon_region region)
{
    pycarbon_put(PYCARBON_ENTER, region);
}

static inline void pycarbon_region_leave(pycarbon_region region)
{
    pycarbon_put(PYCARBON_LEAVE, region);
}

/* Once in each round of a loop: ends the region's call of the round before and begins the next.  The last ends with
 * the region around it, or with pycarbon_region_leave. */
static inline void pycarbon_region_mark(pycarbon_region region)
{
    pycarbon_put(PYCARBON_TICK, region);
}

#ifdef __cplusplus
}
#endif

#endif
