/* tree: see tree.h. */
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t *slot_for(const struct pc_tree *tree, uint32_t parent, uint32_t label)
{
    uint64_t hash = ((uint64_t)parent << 32 | label) * UINT64_C(0x9E3779B97F4A7C15);
    uint32_t mask = tree->slot_count - 1;
    for (uint32_t i = (uint32_t)(hash >> 32) & mask;; i = (i + 1) & mask) {
        uint32_t found = tree->slots[i];
        if (found == 0)
            return &tree->slots[i];
        const struct pc_node *node = &tree->nodes[found - 1];
        if ((uint32_t)node->parent == parent && (uint32_t)node->label == label)
            return &tree->slots[i];
    }
}

/* Room for one node more, the table at most half full. */
static int make_room(struct pc_tree *tree)
{
    if (tree->node_count < tree->room)
        return 0;
    uint32_t room = tree->room == 0 ? 64 : tree->room * 2;
    struct pc_node *nodes = realloc(tree->nodes, room * sizeof *nodes);
    if (nodes != NULL)
        tree->nodes = nodes;
    struct pc_tally *tallies = realloc(tree->tallies, room * sizeof *tallies);
    if (tallies != NULL)
        tree->tallies = tallies;
    uint32_t *touched = realloc(tree->touched, room * sizeof *touched);
    if (touched != NULL)
        tree->touched = touched;
    uint32_t *slots = calloc((size_t)room * 2, sizeof *slots);
    if (nodes == NULL || tallies == NULL || touched == NULL || slots == NULL) {
        free(slots);
        return -ENOMEM;
    }
    memset(tallies + tree->room, 0, (room - tree->room) * sizeof *tallies);
    free(tree->slots);
    tree->slots = slots;
    tree->slot_count = room * 2;
    tree->room = room;
    for (uint32_t i = 0; i < tree->node_count; i++)
        *slot_for(tree, (uint32_t)tree->nodes[i].parent, (uint32_t)tree->nodes[i].label) = i + 1;
    return 0;
}

int pc_tree_init(struct pc_tree *tree)
{
    *tree = (struct pc_tree){.slice = 1};
    return make_room(tree);
}

void pc_tree_free(struct pc_tree *tree)
{
    free(tree->nodes);
    free(tree->tallies);
    free(tree->touched);
    free(tree->slots);
}

uint32_t pc_tree_enter(struct pc_tree *tree, uint32_t parent, uint32_t label)
{
    uint32_t found = *slot_for(tree, parent, label);
    if (found != 0)
        return found - 1;
    for (uint32_t node = parent; node != PC_TREE_NONE; node = (uint32_t)tree->nodes[node].parent) {
        if ((uint32_t)tree->nodes[node].label == label)
            return node;
    }
    if (tree->node_count >= PC_REDUCER_MOST_NODES || make_room(tree) < 0)
        return PC_TREE_NONE;
    *slot_for(tree, parent, label) = tree->node_count + 1;
    tree->nodes[tree->node_count] = (struct pc_node){(int32_t)parent, (int32_t)label};
    return tree->node_count++;
}
