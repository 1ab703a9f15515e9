/* needs: see needs.h. */
#include "needs.h"

#include <math.h>

static const unsigned ENOUGH = 16;

void pc_needs_forget(struct pc_needs *needs)
{
    needs->count = 0;
}

void pc_needs_remember(struct pc_needs *needs, double need_ns)
{
    needs->ns[needs->count++ % PC_NEEDS_MEMORY] = (int32_t)fmin(fmax(need_ns, 0), INT32_MAX);
}

double pc_needs_margin_ns(const struct pc_needs *needs, bool thorough, double at_first_ns)
{
    int32_t largest = 0, second = 0;
    unsigned known = needs->count < PC_NEEDS_MEMORY ? needs->count : PC_NEEDS_MEMORY;
    for (unsigned i = 0; i < known; i++) {
        if (needs->ns[i] > largest) {
            second = largest;
            largest = needs->ns[i];
        } else if (needs->ns[i] > second) {
            second = needs->ns[i];
        }
    }
    double margin_ns = thorough ? largest : known < 2 ? 0 : second;
    return known < ENOUGH ? fmax(margin_ns, at_first_ns) : margin_ns;
}
