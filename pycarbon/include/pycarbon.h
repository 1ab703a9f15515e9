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
 * A region is known to all files of the program, or shared library, that named it.  Not for signal handlers.  Does
 * nothing in programs that are linked statically or run with another user's rights.  In a program that calls
 * pycarbon.record() itself, import pycarbon before naming a region.
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
#include <sys/auxv.h>
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

/* Found once for all files of a program, or of a shared library.  Writers: whoever names a region; all find the same. */
__attribute__((weak, visibility("hidden"))) const struct pycarbon_api *pycarbon_api_found;

static inline const struct pycarbon_api *pycarbon_api_now(void)
{
    return __atomic_load_n(&pycarbon_api_found, __ATOMIC_ACQUIRE); /* pairs with the release in pycarbon_find */
}

static inline const struct pycarbon_api *pycarbon_find(void)
{
#ifdef __linux__
    if (getauxval(AT_SECURE) != 0 || getauxval(AT_BASE) == 0)
        return NULL; /* it does not trust its environment, or has no loader to open a library with */
    void *library = dlopen("libpycarbon.so.1", RTLD_NOW | RTLD_NOLOAD); /* Python has it open */
    const char *homes = getenv("PYCARBON_LIVE");
    while (library == NULL && homes != NULL && *homes != '\0') {
        char path[4096 + 32];
        int length = (int)strcspn(homes, "\n");
        if (snprintf(path, sizeof path, "%.*s/libpycarbon.so.1", length, homes) < (int)sizeof path)
            library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        homes += length + (homes[length] != '\0');
    }
    const struct pycarbon_api *api =
        library == NULL ? NULL : (const struct pycarbon_api *)dlsym(library, "pycarbon_api_1");
    if (api != NULL)
        api->attach_inherited();
    __atomic_store_n(&pycarbon_api_found, api, __ATOMIC_RELEASE);
    return api;
#else
    return NULL;
#endif
}

/* The region of this name (UTF-8), the same one each time, in Python too. */
static inline pycarbon_region pycarbon_region_named(const char *name)
{
    const struct pycarbon_api *api = pycarbon_api_now();
    if (api == NULL)
        api = pycarbon_find();
    return api == NULL ? 0 : api->label(name, strlen(name));
}

static inline void pycarbon_put(int kind, pycarbon_region region)
{
    const struct pycarbon_api *api = pycarbon_api_now();
    if (api != NULL && *api->attached != 0)
        api->put(kind, region);
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
