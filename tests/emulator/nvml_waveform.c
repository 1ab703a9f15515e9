/* nvml_waveform: the power of an emulated GPU over time, and its exact energy (see the header). */
#include "nvml_waveform.h"

#include <stddef.h>

static const struct segment *segment_at(const struct waveform *waveform, int64_t time_ns)
{
    const struct segment *segments = waveform->segments, *found = NULL;
    size_t low = 0, high = __atomic_load_n(&waveform->segment_count, __ATOMIC_ACQUIRE);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (segments[middle].start_ns <= time_ns) {
            found = &segments[middle];
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return found;
}

uint64_t waveform_energy_pj(const struct waveform *waveform, int64_t time_ns)
{
    const struct segment *segment = segment_at(waveform, time_ns);
    if (!segment)
        return 0;
    int64_t elapsed_ns = time_ns - segment->start_ns, first_ns = elapsed_ns;
    if (segment->period_ns) {
        int64_t rest_ns = elapsed_ns % segment->period_ns;
        first_ns = elapsed_ns / segment->period_ns * segment->first_ns +
                   (rest_ns < segment->first_ns ? rest_ns : segment->first_ns);
    }
    return segment->start_pj + (uint64_t)first_ns * segment->first_mw +
           (uint64_t)(elapsed_ns - first_ns) * segment->second_mw;
}

uint32_t waveform_power_mw(const struct waveform *waveform, int64_t time_ns, int64_t window_ns)
{
    int64_t end_ns = time_ns, length_ns = window_ns;
    if (window_ns == 0) {
        end_ns++;
        length_ns = 1;
    }
    uint64_t energy_pj = waveform_energy_pj(waveform, end_ns) -
                         waveform_energy_pj(waveform, end_ns - length_ns);
    return (uint32_t)(energy_pj / (uint64_t)length_ns);
}
