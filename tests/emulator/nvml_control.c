/* nvml_control: the file that says what the library emulates, and the way into every call (see the header). */
#define _GNU_SOURCE
#include "nvml_control.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct control *mapped;
static struct device devices[MAX_GPUS][1 + MAX_SLICES];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int initialisations;
static int64_t initialised_ns;
static _Thread_local int64_t present_moment_ns;

static void map(void)
{
    Dl_info self;
    if (!dladdr((void *)&devices, &self) || !self.dli_fname)
        return;
    char path[PATH_MAX];
    const char *slash = strrchr(self.dli_fname, '/');
    snprintf(path, sizeof path, "%.*s/nvml_emulator.control", slash ? (int)(slash - self.dli_fname) : 1,
             slash ? self.dli_fname : ".");
    int file = open(path, O_RDWR | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0 || (size_t)status.st_size < sizeof *mapped) {
        fprintf(stderr, "the test NVML finds no control file at %s\n", path);
    } else {
        void *memory = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (memory != MAP_FAILED)
            mapped = memory;
    }
    if (file >= 0)
        close(file);
    if (mapped && mapped->size != sizeof *mapped) {
        fprintf(stderr, "%s has another layout than the test NVML: %llu bytes, not %zu\n", path,
                (unsigned long long)mapped->size, sizeof *mapped);
        mapped = NULL;
    }
    for (unsigned i = 0; mapped && i < MAX_GPUS; i++)
        for (unsigned j = 0; j <= MAX_SLICES; j++) {
            struct gpu *gpu = &mapped->gpus[i];
            devices[i][j] = (struct device){gpu, j ? &gpu->slices[j - 1] : NULL, i, j ? j - 1 : 0};
        }
}

bool control_map(void)
{
    pthread_once(&once, map);
    return mapped;
}

struct control *control(void)
{
    return mapped;
}

void control_initialised(void)
{
    if (__atomic_fetch_add(&initialisations, 1, __ATOMIC_SEQ_CST) == 0)
        __atomic_store_n(&initialised_ns, now_ns(), __ATOMIC_SEQ_CST);
}

bool control_shut_down(void)
{
    int before = __atomic_load_n(&initialisations, __ATOMIC_SEQ_CST);
    while (before > 0)
        if (__atomic_compare_exchange_n(&initialisations, &before, before - 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    return false;
}

/* A latency may be cut short by the test that set it, so that a call that hangs can be let go. */
static void wait_latency(enum function function)
{
    int64_t start_ns = now_ns(), waited_ns = 0, left_ns;
    const uint32_t *latency_us = &mapped->latency_us[function];
    while ((left_ns = 1000LL * __atomic_load_n(latency_us, __ATOMIC_RELAXED) - waited_ns) > 0) {
        if (!mapped->busy[function])
            nanosleep(&(struct timespec){.tv_nsec = left_ns > 1000000 ? 1000000 : left_ns}, NULL);
        waited_ns = now_ns() - start_ns;
    }
    present_moment_ns = start_ns + waited_ns / 100 * mapped->value_at_percent[function];
}

nvmlReturn_t failure_due(enum function function, unsigned gpu_index)
{
    struct failure *failure = &mapped->failures[gpu_index][function];
    int32_t code = __atomic_load_n(&failure->code, __ATOMIC_ACQUIRE);
    int32_t left = __atomic_load_n(&failure->left, __ATOMIC_ACQUIRE);
    if (code == NVML_SUCCESS || left < 0)
        return code;
    while (left > 0)
        if (__atomic_compare_exchange_n(&failure->left, &left, left - 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return code;
    return NVML_SUCCESS;
}

static bool is_lost(const struct gpu *gpu)
{
    int64_t time_ns = now_ns();
    bool healed = gpu->features & HEALS_AT_INIT &&
                  __atomic_load_n(&initialised_ns, __ATOMIC_SEQ_CST) >= gpu->lost_from_ns;
    return gpu->lost_from_ns <= time_ns && time_ns < gpu->lost_until_ns && !healed;
}

static nvmlReturn_t enter_row(enum function function, unsigned row)
{
    if (!control_map())
        return NVML_ERROR_UNKNOWN;
    __atomic_fetch_add(&mapped->calls[row][function], 1, __ATOMIC_RELAXED);
    wait_latency(function);
    return NVML_SUCCESS;
}

nvmlReturn_t enter(enum function function)
{
    ENTER(enter_row(function, MAX_GPUS));
    bool begins = function == NUMBER_nvmlInit_v2 || function == NUMBER_nvmlInitWithFlags;
    if (!begins && __atomic_load_n(&initialisations, __ATOMIC_SEQ_CST) == 0)
        return NVML_ERROR_UNINITIALIZED;
    return failure_due(function, MAX_GPUS);
}

nvmlReturn_t enter_gpu(enum function function, unsigned gpu_index)
{
    ENTER(enter_row(function, gpu_index));
    if (__atomic_load_n(&initialisations, __ATOMIC_SEQ_CST) == 0)
        return NVML_ERROR_UNINITIALIZED;
    if (is_lost(&mapped->gpus[gpu_index]))
        return NVML_ERROR_GPU_IS_LOST;
    return failure_due(function, gpu_index);
}

nvmlReturn_t enter_device(enum function function, nvmlDevice_t device)
{
    uintptr_t offset = (uintptr_t)device - (uintptr_t)devices;
    if (!device || offset >= sizeof devices || offset % sizeof *device != 0 || !control_map() ||
        device->gpu_index >= mapped->gpu_count ||
        (device->slice && device->slice_index >= device->gpu->slice_count)) {
        ENTER(enter(function));
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    return enter_gpu(function, device->gpu_index);
}

nvmlReturn_t enter_whole(enum function function, nvmlDevice_t device)
{
    ENTER(enter_device(function, device));
    return device->slice ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
}

nvmlDevice_t device_handle(unsigned gpu_index, int slice_index)
{
    if (gpu_index >= mapped->gpu_count || slice_index >= (int)mapped->gpus[gpu_index].slice_count)
        return NULL;
    return &devices[gpu_index][slice_index + 1];
}

int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int64_t moment_ns(void)
{
    return present_moment_ns;
}

uint64_t realtime_us(int64_t time_ns)
{
    return (uint64_t)(time_ns + mapped->realtime_minus_monotonic_ns) / 1000;
}
