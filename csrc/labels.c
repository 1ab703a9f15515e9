/* labels: see labels.h. */
#include "labels.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64u

/* FNV-1a: short names, and nobody who chooses them to collide gains anything. */
static uint64_t hash_of(const char *bytes, size_t length)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001B3);
    return hash;
}

static uint32_t *slot_for(const struct pc_labels *labels, uint64_t hash, const char *bytes, size_t length)
{
    uint32_t mask = labels->slot_count - 1;
    for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
        uint32_t number = labels->slots[i];
        const struct pc_label *label = &labels->labels[number];
        if (number == 0 || (label->hash == hash && label->length == length && memcmp(label->bytes, bytes, length) == 0))
            return &labels->slots[i];
    }
}

/* Room for one more, the table at most half full. */
static bool make_room(struct pc_labels *labels)
{
    if (labels->slot_count != 0 && labels->count * 2 < labels->slot_count)
        return true;
    uint32_t wanted = labels->slot_count == 0 ? FIRST_SLOTS : labels->slot_count * 2;
    uint32_t *slots = calloc(wanted, sizeof *slots);
    struct pc_label *grown = realloc(labels->labels, wanted / 2 * sizeof *grown);
    if (grown != NULL)
        labels->labels = grown;
    if (slots == NULL || grown == NULL) {
        free(slots);
        return false;
    }
    free(labels->slots);
    labels->slots = slots;
    labels->slot_count = wanted;
    if (labels->count == 0) {
        labels->labels[0] = (struct pc_label){0};
        labels->count = 1;
    }
    for (uint32_t number = 1; number < labels->count; number++) {
        const struct pc_label *label = &labels->labels[number];
        *slot_for(labels, label->hash, label->bytes, label->length) = number;
    }
    return true;
}

/* Cuts a long name between two characters of UTF-8, and puts its hash at the end. */
static size_t shorten(char cut[PC_LABEL_MOST_BYTES], const char *name, uint64_t hash)
{
    size_t kept = PC_LABEL_MOST_BYTES - 24;
    while (kept > 0 && ((unsigned char)name[kept] & 0xC0) == 0x80)
        kept--;
    memcpy(cut, name, kept);
    return kept + (size_t)snprintf(cut + kept, PC_LABEL_MOST_BYTES - kept, "...#%016" PRIx64, hash);
}

uint32_t pc_labels_find(struct pc_labels *labels, const char *name, size_t length)
{
    char cut[PC_LABEL_MOST_BYTES];
    uint64_t hash = hash_of(name, length);
    if (length > PC_LABEL_MOST_BYTES) {
        length = shorten(cut, name, hash);
        name = cut;
        hash = hash_of(name, length);
    }
    if (!make_room(labels))
        return 0;
    uint32_t *slot = slot_for(labels, hash, name, length);
    if (*slot != 0)
        return *slot;
    char *bytes = labels->count < PC_MARK_MOST_LABELS ? malloc(length + 1) : NULL;
    if (bytes == NULL)
        return 0;
    memcpy(bytes, name, length);
    labels->labels[labels->count] = (struct pc_label){hash, (uint32_t)length, bytes};
    *slot = labels->count;
    return labels->count++;
}

uint32_t pc_labels_count(const struct pc_labels *labels)
{
    return labels->count == 0 ? 1 : labels->count;
}

const struct pc_label *pc_labels_at(const struct pc_labels *labels, uint32_t number)
{
    return &labels->labels[number];
}

void pc_labels_free(struct pc_labels *labels)
{
    for (uint32_t number = 1; number < labels->count; number++)
        free(labels->labels[number].bytes);
    free(labels->labels);
    free(labels->slots);
    *labels = (struct pc_labels){0};
}
