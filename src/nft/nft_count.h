/* SPDX-License-Identifier: ISC */
/* nft_count.h - the table's counters. */
#ifndef NFT_NFT_COUNT_H
#define NFT_NFT_COUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum nft_counter {
	NFT_MATCHED, /* by a rule's number */
	NFT_DROPPED, /* of these */
	NFT_SAVED    /* by the entry of a protected flow */
};

typedef void nft_count_visit(void *ctx, enum nft_counter what, int number, uint64_t packets,
			     uint64_t octets);

/* Calls visit for each counter of ours.  A table that is gone has none. */
bool nft_count(nft_count_visit *visit, void *ctx, struct err *e);

/* The N of a name WORD followed by N; 0: it is none. */
int nft_number_in(const char *name, const char *word);

#endif
