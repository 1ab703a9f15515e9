/*
 * bare_loop: the floor of a sampler, nothing but the reads and the sleep.
 *
 *      bare_loop PERIOD_NS SECONDS FILE...
 *
 * Reads every FILE, kept open, once a period, and prints the CPU time its thread took and how often it looked.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { MOST_FILES = 64 };

static int64_t read_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(int argc, char **argv)
{
    int fds[MOST_FILES];
    int count = argc - 3;
    if (count < 1 || count > MOST_FILES) {
        fprintf(stderr, "usage: bare_loop PERIOD_NS SECONDS FILE...\n");
        return 2;
    }
    int64_t period_ns = atoll(argv[1]);
    int64_t end_ns = read_ns(CLOCK_MONOTONIC) + (int64_t)(atof(argv[2]) * 1e9);
    for (int i = 0; i < count; i++) {
        fds[i] = open(argv[3 + i], O_RDONLY | O_CLOEXEC);
        if (fds[i] < 0) {
            perror(argv[3 + i]);
            return 1;
        }
    }
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);

    int64_t used_ns = read_ns(CLOCK_THREAD_CPUTIME_ID);
    int64_t deadline_ns = read_ns(CLOCK_MONOTONIC);
    long looks = 0;
    while (deadline_ns < end_ns) {
        char text[32];
        for (int i = 0; i < count; i++)
            if (pread(fds[i], text, sizeof text, 0) <= 0)
                return 1;
        looks++;
        deadline_ns += period_ns;
        struct timespec deadline = {.tv_sec = deadline_ns / 1000000000, .tv_nsec = deadline_ns % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL);
    }
    printf("%lld %ld\n", (long long)(read_ns(CLOCK_THREAD_CPUTIME_ID) - used_ns), looks);
    return 0;
}
