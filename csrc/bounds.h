/*
 * bounds: the smaller and the larger of two times.
 */
#ifndef PYCARBON_BOUNDS_H
#define PYCARBON_BOUNDS_H

#include <stdint.h>

static inline int64_t pc_least(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static inline int64_t pc_most(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

#endif
