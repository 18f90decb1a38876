/* SPDX-License-Identifier: ISC */
/* nft_protect.h - protected flows in the words of nftables.
 *
 * rule<NUMBER> ─▶ ipv4-protected ─▶ ipv4-defaults, ipv4-statements ─▶ saved-<NAME>, accept
 *
 * As with XDP, they are asked once a rule has been found that would do more than accept, and what
 * they match passes.  What is not protected comes back to the rule.
 */
#ifndef NFT_NFT_PROTECT_H
#define NFT_NFT_PROTECT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "enforce/enforce.h"
#include "enforce/locals.h"

/* The chain that a rule jumps to before it does anything. */
const char *nft_protected(enum flow_family family);

/* False, with the reason, when a statement cannot be had exactly. */
bool nft_protect_fits(const struct enforce_protect *p, struct err *e);
/* One that cannot while packets are merged; NULL: none. */
const char *nft_protect_needs_whole(const struct enforce_protect *p);

/* Nothing is protected behind it, and no counter is in use. */
void nft_protect_flush(FILE *to);
/* Fills the chains, of which nft_sort_print has made most; the mode too is done there. */
void nft_protect_print(const struct enforce_options *o, FILE *to);
/* This machine's addresses, anew. */
void nft_protect_print_locals(const struct locals *l, FILE *to);
/* The numbers of the interfaces where rules only count, anew. */
void nft_protect_print_monitored(const unsigned *ifindex, size_t count, FILE *to);

/* The entry (xdp_protect.h) of a counter's name; -1: it is none of ours. */
int nft_protect_entry(const char *counter);
void nft_protect_delete_counter(int entry, FILE *to);

#endif
