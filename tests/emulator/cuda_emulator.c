/*
 * The part of the CUDA driver API that waiting for a device needs, in a library of the driver's name: a device whose
 * work ends when the test says, and results on demand.  Any thread.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

static _Atomic int64_t busy_until_ns;
static _Atomic int result;
static _Atomic int waits;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

EXPORT int cuInit(unsigned flags)
{
    (void)flags;
    return 0;
}

EXPORT int cuCtxGetCurrent(void **context)
{
    static int the_context;
    *context = &the_context;
    return 0;
}

/* Blocks until the device's work is over, then gives what was demanded. */
EXPORT int cuCtxSynchronize(void)
{
    atomic_fetch_add(&waits, 1);
    int64_t until_ns = atomic_load(&busy_until_ns);
    struct timespec until = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
    return atomic_load(&result);
}

/* Queue so much work on the device, behind what is queued. */
EXPORT void cuda_emulator_launch(int64_t work_ns)
{
    int64_t start_ns = now_ns(), until_ns = atomic_load(&busy_until_ns);
    atomic_store(&busy_until_ns, (until_ns > start_ns ? until_ns : start_ns) + work_ns);
}

EXPORT void cuda_emulator_fail(int code)
{
    atomic_store(&result, code);
}

EXPORT int cuda_emulator_waits(void)
{
    return atomic_load(&waits);
}
