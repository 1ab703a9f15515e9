/* columns: see columns.h. */
#include "columns.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { SEEN, TURN, BEFORE, STEP, REST, FLAGS, ERROR, COLUMNS };
enum { ESCAPE = 255, NEAR = 2, WIDEST = 8, TABLE_BYTES = 24 };

static const int64_t LATEST_NS = INT64_C(1) << 62;

struct column {
    const uint8_t *narrow, *wide;
    size_t wide_count, taken;
    unsigned width;
    bool zero; /* all of it: most columns of flags and errors are */
};

struct entry {
    uint32_t count, numerator, denominator;
    uint16_t id;
    uint64_t base;
};

static uint64_t little(const uint8_t *bytes, unsigned width)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static struct entry entry_at(const struct pc_columns *coded, uint32_t row)
{
    const uint8_t *bytes = coded->data + (size_t)row * TABLE_BYTES;
    return (struct entry){.id = (uint16_t)little(bytes, 2),
                          .count = (uint32_t)little(bytes + 4, 4),
                          .numerator = (uint32_t)little(bytes + 8, 4),
                          .denominator = (uint32_t)little(bytes + 12, 4),
                          .base = little(bytes + 16, 8)};
}

static int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

static inline uint64_t take(struct column *column, size_t index)
{
    if (column->zero)
        return 0;
    uint64_t value = column->narrow[index];
    if (value != ESCAPE)
        return value;
    const uint8_t *wide = column->wide + column->taken++;
    for (unsigned i = 0; i < column->width; i++)
        value += (uint64_t)wide[i * column->wide_count] << 8 * i;
    return value;
}

/* Finds the columns in the data; they end where it ends. */
static bool find_columns(const struct pc_columns *coded, struct column *columns)
{
    size_t offset = (size_t)coded->channels * TABLE_BYTES;
    if (coded->length < offset + 8)
        return false;
    const uint8_t *widths = coded->data + offset;
    offset += 8;
    for (int i = 0; i < COLUMNS; i++) {
        if (widths[i] > WIDEST || coded->length - offset < coded->count)
            return false;
        struct column *column = &columns[i];
        *column = (struct column){.narrow = coded->data + offset, .width = widths[i]};
        offset += coded->count;
        uint8_t any = 0;
        for (uint32_t j = 0; j < coded->count; j++) {
            column->wide_count += column->narrow[j] == ESCAPE;
            any |= column->narrow[j];
        }
        column->zero = any == 0;
        column->wide = coded->data + offset;
        if (coded->length - offset < column->wide_count * column->width)
            return false;
        offset += column->wide_count * column->width;
    }
    return offset == coded->length;
}

static bool decode_times(const struct pc_columns *coded, struct column *columns, struct pc_columns_row *rows,
                         int64_t *seen, struct pc_edge *const *edges)
{
    const int64_t tick_ns = coded->tick_ns, last = coded->last_ns / tick_ns;
    int64_t time = coded->first_ns / tick_ns, width = 0;
    uint64_t row = coded->channels - 1;

    for (uint32_t i = 0; i < coded->count; i++) {
        uint64_t later = take(&columns[SEEN], i), turn = take(&columns[TURN], i), code = take(&columns[BEFORE], i);
        if (later > (uint64_t)(last - time) || turn >= coded->channels || (i == 0 && later != 0))
            return false;
        time += (int64_t)later;
        seen[i] = time;
        row += turn + 1;
        if (row >= coded->channels)
            row -= coded->channels;
        struct pc_columns_row *own = &rows[row];
        int64_t before;
        if (code <= 2 * NEAR) {
            if (own->latest < 1)
                return false;
            before = seen[own->latest - 1] + unzigzag(code);
        } else {
            int64_t change = unzigzag(code - (2 * NEAR + 1));
            if (change > LATEST_NS || change < -LATEST_NS)
                return false;
            width += change;
            if (width < 0 || width > time)
                return false;
            before = time - width;
        }
        if (before < 0 || before > time || own->taken >= own->count)
            return false;
        uint64_t flags = take(&columns[FLAGS], i);
        int64_t error = unzigzag(take(&columns[ERROR], i));
        if (flags > UINT16_MAX || error > INT32_MAX || error < INT32_MIN)
            return false;
        if (edges[row] != NULL) {
            struct pc_edge *edge = &edges[row][own->taken];
            edge->t_before_ns = before * tick_ns;
            edge->t_seen_ns = time * tick_ns;
            edge->flags = (uint16_t)flags;
            edge->error = (int32_t)error;
        }
        own->taken++;
        own->latest = i;
    }
    return time == last;
}

/* Called with constants for what is usual, so that it divides by none. */
static inline void decode_channel(struct column *step, struct column *rest, size_t index, struct entry entry,
                                  uint64_t numerator, uint64_t denominator, struct pc_edge *edges)
{
    uint64_t counted = 0;
    for (uint32_t i = 0; i < entry.count; i++, index++) {
        counted += (uint64_t)unzigzag(take(step, index)) + entry.base;
        uint64_t less = take(rest, index);
        if (edges == NULL)
            continue;
        uint64_t whole = counted / denominator, part = counted % denominator;
        edges[i].raw = whole * numerator + part * numerator / denominator - less;
        edges[i].channel = entry.id;
    }
}

static void decode_raw(const struct pc_columns *coded, struct column *columns, struct pc_edge *const *edges)
{
    struct column *step = &columns[STEP], *rest = &columns[REST];
    size_t index = 0;
    for (uint32_t row = 0; row < coded->channels; row++) {
        const struct entry entry = entry_at(coded, row);
        if (entry.denominator == 1)
            decode_channel(step, rest, index, entry, entry.numerator, 1, edges[row]);
        else if (entry.denominator == 1000)
            decode_channel(step, rest, index, entry, entry.numerator, 1000, edges[row]);
        else
            decode_channel(step, rest, index, entry, entry.numerator, entry.denominator, edges[row]);
        index += entry.count;
    }
}

int pc_columns_decode(const struct pc_columns *coded, struct pc_columns_row *rows, int64_t *seen,
                      struct pc_edge *const *edges)
{
    struct column columns[COLUMNS];
    const int64_t tick_ns = coded->tick_ns;

    if (coded->count == 0 || coded->count > PC_COLUMNS_MOST || coded->channels == 0 ||
        coded->channels > coded->count || tick_ns == 0)
        return -EBADMSG;
    if (coded->first_ns < 0 || coded->last_ns < coded->first_ns || coded->last_ns > LATEST_NS ||
        coded->first_ns % tick_ns != 0 || coded->last_ns % tick_ns != 0)
        return -EBADMSG;
    if (!find_columns(coded, columns))
        return -EBADMSG;
    uint64_t announced = 0;
    for (uint32_t row = 0; row < coded->channels; row++) {
        struct entry entry = entry_at(coded, row);
        if (entry.count == 0 || entry.numerator == 0 || entry.denominator == 0)
            return -EBADMSG;
        rows[row] = (struct pc_columns_row){.latest = -1, .count = entry.count};
        announced += entry.count;
    }
    if (announced != coded->count)
        return -EBADMSG;
    if (!decode_times(coded, columns, rows, seen, edges))
        return -EBADMSG;
    decode_raw(coded, columns, edges);
    return 0;
}
