/*
 * leaks: takes everything that the core hands out and gives it back, on the good paths and the bad, so that
 * LeakSanitizer, which cannot tell leaks from what Python keeps, can look at the core alone.
 *
 * Usage: leaks FOLDER, which is empty and writable.
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
    source->close(source);
    expect(pc_source_powercap_open(&source, (const char *[]){there, absent, there}, 3) != 0, "an absent file is said");
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
    expect(pc_sampler_create(&made, &settings) != 0, "a period of 0 is said");
    source->close(source);
    pc_ring_close(&ring);
    free(path);
}

int main(int count, char **arguments)
{
    expect(count == 2, "one argument, a folder");
    powercap(arguments[1]);
    proc(arguments[1]);
    sampler(arguments[1]);
    return 0;
}
