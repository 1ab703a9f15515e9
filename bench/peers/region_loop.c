/*
 * region_loop: enters and leaves a region in a loop, through pycarbon.h.
 *
 *     region_loop SECONDS MARKS_PER_S     paced; 0: as fast as it goes
 *     region_loop cost TURNS COUNT        COUNT regions, as many times two clock_gettime, and nothing; TURNS times
 *
 * Paced, it prints how many regions there were, how many seconds they took, and the largest delay in seconds behind
 * its schedule.  For the cost, a line for each turn: what a round took in ns with a region, with two clock_gettime,
 * with nothing.
 */
#define _POSIX_C_SOURCE 199309L
#include <pycarbon.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 500 }; /* regions between two looks at the clock */

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void regions(pycarbon_region step, long count)
{
    for (long i = 0; i < count; i++) {
        pycarbon_region_enter(step);
        __asm__ volatile("" ::: "memory");
        pycarbon_region_leave(step);
    }
}

static void clocks(long count)
{
    struct timespec time;
    for (long i = 0; i < count; i++) {
        clock_gettime(CLOCK_MONOTONIC, &time);
        __asm__ volatile("" ::"r"(&time) : "memory");
        clock_gettime(CLOCK_MONOTONIC, &time);
        __asm__ volatile("" ::"r"(&time) : "memory");
    }
}

static void nothing(long count)
{
    for (long i = 0; i < count; i++)
        __asm__ volatile("" ::: "memory");
}

static void paced(pycarbon_region step, double seconds, double marks_per_s)
{
    double batch_s = marks_per_s > 0 ? 2 * BATCH / marks_per_s : 0, start_s = now_s(), time_s = start_s, behind_s = 0;
    unsigned long batches = 0;
    while (time_s < start_s + seconds) {
        regions(step, BATCH);
        batches++;
        double due_s = start_s + (double)batches * batch_s;
        time_s = now_s();
        if (batch_s > 0 && time_s - due_s > behind_s)
            behind_s = time_s - due_s;
        while (time_s < due_s)
            time_s = now_s();
    }
    printf("%lu %.9f %.9f\n", batches * BATCH, time_s - start_s, behind_s);
}

static double cost_ns(double start_s, long count)
{
    return (now_s() - start_s) / (double)count * 1e9;
}

static void costs(pycarbon_region step, long turns, long count)
{
    for (long i = 0; i < turns; i++) {
        double start_s = now_s();
        regions(step, count);
        double region_ns = cost_ns(start_s, count);
        start_s = now_s();
        clocks(count);
        double clock_ns = cost_ns(start_s, count);
        start_s = now_s();
        nothing(count);
        printf("%.3f %.3f %.3f\n", region_ns, clock_ns, cost_ns(start_s, count));
    }
}

int main(int argc, char **argv)
{
    pycarbon_region step = pycarbon_region_named("step");
    if (argc == 4 && strcmp(argv[1], "cost") == 0) {
        costs(step, atol(argv[2]), atol(argv[3]));
    } else if (argc == 3) {
        paced(step, atof(argv[1]), atof(argv[2]));
    } else {
        fprintf(stderr, "usage: region_loop SECONDS MARKS_PER_S | region_loop cost TURNS COUNT\n");
        return 2;
    }
    return 0;
}
