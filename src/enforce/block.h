/* SPDX-License-Identifier: ISC */
/* block.h - long lists of records as blocks of bit vectors: struct xdp_block in xdp_tables.h. */
#ifndef ENFORCE_BLOCK_H
#define ENFORCE_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/xdp_tables.h"
#include "enforce/space.h"

/* A chain of them, in order. */
struct chain {
	unsigned count;
	uint32_t block[XDP_BLOCKS_MAX];
};

struct block_sizes {
	uint32_t records, rows, values[XDP_LANES_OF_BLOCK];
};

struct blocks {
	struct xdp_tables *t;
	struct space *records; /* the index's */
	struct space blocks, rows, values;
	struct block_sizes sizes[XDP_BLOCKS];
	uint32_t *hashed; /* rows of the block that is being made, by hash */
};

/* False when memory is out. */
bool blocks_init(struct blocks *b, struct xdp_tables *t, struct space *records);
void blocks_done(struct blocks *b);
/* Builds what differs from the chain `from` so that r[0..n) is in it.  Packets see it when
 * *ret_first (the first block) is where they look, or *ret_link, if that is not NULL, is stored
 * where it points.  False when there is no room; nothing is in use then. */
bool chain_build(struct blocks *b, const struct chain *from, const struct xdp_record *r, uint32_t n,
		 struct chain *ret, __u32 **ret_link, uint32_t *ret_next);
/* What is in from and not in to leaves. */
void chain_leave(struct blocks *b, const struct chain *from, const struct chain *to);
void blocks_grace(struct blocks *b);

#endif
