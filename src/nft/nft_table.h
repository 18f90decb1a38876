/* SPDX-License-Identifier: ISC */
/* nft_table.h - what is in the table: the rules of an enforcer that has ended, and counts. */
#ifndef NFT_NFT_TABLE_H
#define NFT_NFT_TABLE_H

#include <stdbool.h>

#include "base/err.h"
#include "dataplane/xdp_protect.h"
#include "enforce/enforce.h"
#include "nft/nft_dispatch.h"
#include "nft/nft_rule.h"

enum {
	NFT_LAYOUT = 3 /* raised when what nft_table_read reads is written in another way */
};

struct nft_found {
	char epoch[XDP_EPOCH_MAX];
	unsigned hooks[ENFORCE_INTERFACES_MAX]; /* numbers of the interfaces with a base chain */
	size_t hook_count;
	struct nft_left left;    /* what leads to rules; to be freed */
	bool saved[XDP_ENTRIES]; /* protected flows with a counter */
	/* A rule that is there; false, with the reason, to end it. */
	bool (*rule)(void *ctx, int number, const struct flow_nlri *n, const struct plan_then *t,
		     struct err *e);
	void *ctx;
};

/* Is there a table of our name? */
bool nft_table_there(bool *ret_there, struct err *e);
/* Says, in a chain that no packet comes to, whose rules these are. */
void nft_table_mark(const char *epoch, FILE *to);
bool nft_table_read(struct nft_found *f, struct err *e);

#endif
