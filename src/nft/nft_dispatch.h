/* SPDX-License-Identifier: ISC */
/* nft_dispatch.h - rules found by their destination.
 *
 * ipv4-some ─▶ map ipv4-to32-some ─▶ to<ID>-some ─▶ rule<NUMBER>
 *           ─▶ map ipv4-to24-some ─▶ ...
 *           ─▶ to<ID>-some: the rules without a destination
 *
 * RFC 8955 5.1 compares destinations first: of two that overlap the longer comes first, of two with
 * different offsets (RFC 8956 4) the lower one.  So there is a map for each length and offset in
 * use, asked in that order, and what it finds is a chain of the rules with one destination.  A
 * packet that none of them matches comes back, and the next map is asked.
 */
#ifndef NFT_NFT_DISPATCH_H
#define NFT_NFT_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "base/map.h"
#include "enforce/ruleset.h"
#include "nft/nft_sort.h"

enum {
	NFT_RULES_MAX = 10000, /* in force */
	NFT_TRIED_MAX = 1000,  /* maps and rules of a family that one packet may be held against */
	NFT_MASKS_MAX = NFT_TRIED_MAX / 2
};

/* A length and offset of destinations. */
struct nft_mask {
	bool any; /* the rules without a destination */
	uint8_t offset, len;
	size_t nodes;   /* destinations; 0: the mask is free */
	size_t longest; /* rules of one of them, at most */
	bool want[NFT_CLASSES], there[NFT_CLASSES];
};

struct nft_node;

struct nft_dispatch {
	struct map nodes;
	uint64_t seed; /* of the hash; drawn at start */
	struct nft_mask mask[FLOW_FAMILIES][NFT_MASKS_MAX];
	struct nft_node *of[NFT_RULES_MAX + 1]; /* by the rule's number */
	unsigned last_id;
};

/* Is there room?  If not, the reason. */
bool nft_dispatch_fits(const struct nft_dispatch *d, const struct rule *r, struct err *e);
/* A rule with a number comes or leaves.  False: memory is out. */
bool nft_dispatch_add(struct nft_dispatch *d, struct rule *r);
void nft_dispatch_remove(struct nft_dispatch *d, struct rule *r);

/* The commands that bring the kernel from what it has to what it is to have; rules that come have
 * their chains by then, and those of the rules that leave may go behind it. */
void nft_dispatch_print(struct nft_dispatch *d, FILE *to);
/* They were run, or they were not and rules have been taken back. */
void nft_dispatch_settle(struct nft_dispatch *d, bool run);
/* The kernel has nothing of it. */
void nft_dispatch_forget(struct nft_dispatch *d);
void nft_dispatch_done(struct nft_dispatch *d);

/* What an enforcer that has ended has left. */
struct nft_left {
	size_t chain_count, map_count;
	char (*chains)[24], (*maps)[24];
};

/* Is a chain or a map of that name one of these?  Then it is noted. */
void nft_left_chain(struct nft_left *l, const char *name);
void nft_left_map(struct nft_left *l, const char *name);
/* Takes it away; no chain that is made later has the name of one of these. */
void nft_left_print(const struct nft_left *l, FILE *to);
unsigned nft_left_last_id(const struct nft_left *l);
void nft_left_done(struct nft_left *l);

#endif
