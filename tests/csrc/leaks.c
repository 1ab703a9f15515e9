/*
 * leaks: takes everything that the core hands out and gives it back, on the good paths and the bad, so that
 * LeakSanitizer, which cannot tell leaks from what Python keeps, can look at the core alone.
 *
 * Usage: leaks FOLDER LIBRARY: a folder that is empty and writable, and a test NVML with one GPU.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring.h"
#include "sampler.h"
#include "source.h"

static char *path_in(const char *folder, const char *name)
{
    size_t bytes = strlen(folder) + strlen(name) + 2;
    char *path = malloc(bytes);
    if (path == NULL)
        abort();
    snprintf(path, bytes, "%s/%s", folder, name);
    return path;
}

static void expect(bool truth, const char *what)
{
    if (!truth) {
        fprintf(stderr, "not so: %s\n", what);
        exit(2);
    }
}

static void powercap(const char *folder)
{
    char *there = path_in(folder, "energy_uj");
    char *absent = path_in(folder, "absent");
    FILE *file = fopen(there, "w");
    expect(file != NULL && fputs("1\n", file) >= 0 && fclose(file) == 0, "a file is written");

    struct pc_source *source;
    uint64_t raw;
    expect(pc_source_powercap_open(&source, (const char *[]){there, there}, 2) == 0, "powercap opens");
    expect(source->read(source, 1, &raw) == 0 && raw == 1, "powercap reads");
    expect(unlink(there) == 0, "the file is removed");
    source->renew(source, 0);
    expect(source->read(source, 0, &raw) != 0, "which is noticed");
    file = fopen(there, "w");
    expect(file != NULL && fputs("2\n", file) >= 0 && fclose(file) == 0, "it comes back");
    for (size_t i = 0; i < 2; i++)
        source->renew(source, i);
    expect(source->read(source, 0, &raw) == 0 && raw == 2, "and is read");
    source->close(source);
    expect(pc_source_powercap_open(&source, (const char *[]){there, absent, there}, 3) != 0, "an absent file is said");
    free(there);
    free(absent);
}

static void perf(void)
{
    struct pc_source *source;
    struct pc_perf_event clock = {.type = 1}, absent = {.type = UINT32_MAX}; /* the first where it is allowed */
    if (pc_source_perf_open(&source, (struct pc_perf_event[]){clock, clock}, 2) == 0) {
        source->renew(source, 0);
        source->close(source);
    }
    expect(pc_source_perf_open(&source, (struct pc_perf_event[]){clock, absent}, 2) != 0, "an absent event is said");
}

static void msr(const char *folder)
{
    char *there = path_in(folder, "msr");
    char *absent = path_in(folder, "absent");
    FILE *file = fopen(there, "w");
    expect(file != NULL && fputs("12345678", file) >= 0 && fclose(file) == 0, "a register is written");

    struct pc_source *source;
    uint64_t raw;
    struct pc_msr_register good = {.paths = (const char *[]){absent, there}, .path_count = 2};
    struct pc_msr_register bad = {.paths = (const char *[]){absent, absent}, .path_count = 2};
    expect(pc_source_msr_open(&source, (struct pc_msr_register[]){good, good}, 2) == 0, "msr opens");
    expect(source->read(source, 1, &raw) == 0, "msr reads");
    expect(truncate(there, 0) == 0 && source->read(source, 1, &raw) != 0, "a register that is gone is said");
    source->renew(source, 1);
    file = fopen(there, "w");
    expect(file != NULL && fputs("12345678", file) >= 0 && fclose(file) == 0, "it comes back");
    source->renew(source, 1);
    expect(source->read(source, 1, &raw) == 0, "and is read");
    source->close(source);
    expect(pc_source_msr_open(&source, (struct pc_msr_register[]){good, bad, good}, 3) != 0, "no path is said");
    expect(pc_msr_read(there, 0, &raw) == 0 && pc_msr_read(absent, 0, &raw) != 0, "a register is read once");
    free(there);
    free(absent);
}

static void proc(const char *folder)
{
    struct pc_source *source;
    uint64_t raw;
    expect(pc_source_proc_open(&source, "/proc") == 0, "proc opens");
    pc_source_proc_follow(source, 1); /* more processes than the first allocation has room for */
    expect(source->read(source, PC_PROC_TREE, &raw) == 0, "proc reads");
    pc_source_proc_follow(source, getpid());
    expect(source->read(source, PC_PROC_TREE, &raw) == 0, "proc reads another tree");
    source->close(source);
    expect(pc_source_proc_open(&source, folder) != 0, "a folder that is no /proc is said");
}

static void nvml(const char *library)
{
    struct pc_source *source;
    uint64_t raw;
    struct pc_nvml_reading readings[PC_NVML_METRIC_COUNT];
    for (unsigned int metric = 0; metric < PC_NVML_METRIC_COUNT; metric++)
        readings[metric] = (struct pc_nvml_reading){.uuid = "GPU-00000000-c0de-4000-8000-000000000000",
                                                    .metric = (enum pc_nvml_metric)metric};
    expect(pc_source_nvml_open(&source, library, readings, PC_NVML_METRIC_COUNT) == 0, "nvml opens");
    pc_source_nvml_follow(source, 1);
    do {
        for (size_t i = 0; i < PC_NVML_METRIC_COUNT; i++)
            expect(source->read(source, i, &raw) == 0, "nvml reads");
        source->renew(source, 0);
    } while (raw == 0); /* until the driver has sampled a process */
    source->close(source);
    readings[3].uuid = "GPU-none";
    expect(pc_source_nvml_open(&source, library, readings, PC_NVML_METRIC_COUNT) != 0, "no such GPU is said");
    expect(pc_source_nvml_open(&source, "/dev/null", readings, 1) != 0, "no library is said");
}

static void sampler(const char *folder)
{
    char *path = path_in(folder, "ring");
    struct pc_ring ring, again;
    expect(pc_ring_create(&ring, path, 64) == 0, "a ring is created");
    expect(pc_ring_create(&again, path, 64) != 0, "once only");
    expect(pc_ring_open(&again, path) == 0, "and opened");
    pc_ring_close(&again);

    const struct pc_clock *clock = pc_clock_monotonic();
    struct pc_source *source;
    expect(pc_source_replay_open(&source, clock, (int64_t[]){0}, (uint64_t[]){7}, (int32_t[]){0}, 1) == 0, "replay");
    struct pc_channel channel = {.source = source};
    struct pc_sampler_settings settings = {.clock = clock,
                                           .ring = &ring,
                                           .channels = &channel,
                                           .channel_count = 1,
                                           .period_ns = 1000000,
                                           .gap_ns = 1000000};
    struct pc_sampler *made;
    expect(pc_sampler_create(&made, &settings) == 0, "a sampler is created");
    for (int i = 0; i < 3; i++)
        expect(pc_sampler_start(made) == 0 && pc_sampler_stop(made) == 0, "it starts and stops");
    pc_sampler_free(made);
    settings.period_ns = 0;
    expect(pc_sampler_create(&made, &settings) == 0, "one that looks at edges, too");
    for (int i = 0; i < 3; i++)
        expect(pc_sampler_start(made) == 0 && pc_sampler_stop(made) == 0, "which starts and stops");
    pc_sampler_free(made);
    settings.period_ns = -1;
    expect(pc_sampler_create(&made, &settings) != 0, "a negative period is said");
    source->close(source);
    pc_ring_close(&ring);
    free(path);
}

int main(int count, char **arguments)
{
    expect(count == 3, "two arguments, a folder and a library");
    powercap(arguments[1]);
    perf();
    msr(arguments[1]);
    proc(arguments[1]);
    nvml(arguments[2]);
    sampler(arguments[1]);
    return 0;
}
