/* place: see place.h. */
#include "place.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

static const int NICENESS = -10;

static int32_t go_near(const struct pc_place *place)
{
    cpu_set_t allowed, wanted;
    if (place->cpu_count == 0)
        return 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return errno;
    CPU_ZERO(&wanted);
    for (size_t i = 0; i < place->cpu_count; i++) {
        int32_t cpu = place->cpus[i];
        if (cpu >= 0 && cpu < CPU_SETSIZE && CPU_ISSET((size_t)cpu, &allowed))
            CPU_SET((size_t)cpu, &wanted);
    }
    return sched_setaffinity(0, sizeof wanted, &wanted) == 0 ? 0 : errno;
}

static int32_t take_priority(enum pc_priority priority)
{
    struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    switch (priority) {
    case PC_PRIORITY_NICE:
        return setpriority(PRIO_PROCESS, 0, NICENESS) == 0 ? 0 : errno; /* Linux: of this thread alone */
    case PC_PRIORITY_REALTIME:
        return pthread_setschedparam(pthread_self(), SCHED_FIFO, &lowest);
    case PC_PRIORITY_NORMAL:
        break;
    }
    return 0;
}

struct pc_place_grant pc_place_take(const struct pc_place *place)
{
    return (struct pc_place_grant){.cpus = go_near(place), .priority = take_priority(place->priority)};
}
