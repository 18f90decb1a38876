/* SPDX-License-Identifier: ISC */
/* map.h - a hash table of nodes that live inside their owners' structs.
 *
 * It owns its slots and nothing else.  The caller hashes and compares; the table
 * doubles when it is full, and keeps nodes of one slot newest first.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

struct map {
	struct map_node **slots;
	size_t mask, count; /* mask + 1 slots; no slots until the first insertion */
};

typedef bool map_equal(const struct map_node *n, const void *key);

/* A keyed hash is not needed for tables filled by the operator; for those filled by
 * strangers the seed is drawn once at start. */
uint64_t map_hash(const void *octets, size_t len, uint64_t seed);
struct map_node *map_find(const struct map *m, uint64_t hash, map_equal *equal, const void *key);
/* False when memory is out; the node is then not in the table. */
bool map_insert(struct map *m, struct map_node *n, uint64_t hash);
void map_remove(struct map *m, struct map_node *n);
/* Visits every node; the visitor may remove the node it is given, and no other. */
void map_each(struct map *m, void (*visit)(struct map_node *n, void *ctx), void *ctx);
/* Frees the slots; the nodes are the owners' business. */
void map_done(struct map *m);

#endif
