/*
 * needs: how early the latest looks had to open, and so how early the next one should.
 *
 * Used by one thread.
 */
#ifndef PYCARBON_NEEDS_H
#define PYCARBON_NEEDS_H

#include <stdbool.h>
#include <stdint.h>

enum { PC_NEEDS_MEMORY = 64 };

struct pc_needs {
    int32_t ns[PC_NEEDS_MEMORY];
    unsigned count; /* of all that were remembered */
};

void pc_needs_forget(struct pc_needs *needs);
void pc_needs_remember(struct pc_needs *needs, double need_ns);

/*
 * The second largest, so that one stray wake-up costs little; the largest where `thorough`.  While few are known, no
 * less than `at_first_ns`.
 */
double pc_needs_margin_ns(const struct pc_needs *needs, bool thorough, double at_first_ns);

#endif
