/* nvml_refresh: the moments at which an emulated GPU makes a value anew (see the header). */
#include "nvml_refresh.h"

int64_t refresh_moment_ns(struct refresh refresh, int64_t index)
{
    /* Multiples of the golden ratio leave no gap long empty. */
    uint64_t spread = (uint64_t)index * 0x9e3779b97f4a7c15 >> 32;
    int64_t lateness_ns = refresh.jitter_ns ? (int64_t)(spread % (uint64_t)refresh.jitter_ns) : 0;
    return refresh.phase_ns + index * refresh.period_ns + lateness_ns;
}

int64_t refresh_latest(struct refresh refresh, int64_t time_ns)
{
    int64_t index = (time_ns - refresh.phase_ns) / refresh.period_ns;
    return refresh_moment_ns(refresh, index) <= time_ns ? index : index - 1;
}

int64_t refreshed_ns(struct refresh refresh, int64_t time_ns)
{
    if (refresh.period_ns == 0)
        return time_ns;
    return refresh_moment_ns(refresh, refresh_latest(refresh, time_ns));
}
