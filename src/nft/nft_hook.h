/* SPDX-License-Identifier: ISC */
/* nft_hook.h - the table on the interfaces: a base chain for each, at its ingress. */
#ifndef NFT_NFT_HOOK_H
#define NFT_NFT_HOOK_H

#include <stdio.h>

#include "base/err.h"
#include "enforce/attach.h"
#include "enforce/enforce.h"

struct nft_hooks {
	const struct enforce_options *options; /* borrowed */
	size_t count;
	struct attached at[ENFORCE_INTERFACES_MAX];
	struct refusals refused;
	char merging[16]; /* an interface that merges packets before we see them; "": none does */
};

/* Finds the interfaces that are named; one that fits none is an error. */
bool nft_hooks_find(struct nft_hooks *h, struct err *e);
/* The commands that make their base chains anew, and take away those that others have left. */
void nft_hooks_print(const struct nft_hooks *h, const unsigned *left, size_t left_count, FILE *to);
/* What is in these chains, without hooks. */
void nft_hooks_print_inside(const struct nft_hooks *h, FILE *to);
/* Is it the base chain of one of these that nftables says this of? */
bool nft_hook_is_hooked(const struct nft_hooks *h, const char *chain, const char *line);
void nft_hooks_log(const struct nft_hooks *h);
/* Looks again: interfaces that went away are forgotten, new ones that fit are hooked. */
void nft_hooks_refresh(struct nft_hooks *h);

/* The interface's number in the name of a base chain; 0: it is none. */
unsigned nft_hook_number(const char *chain);

#endif
