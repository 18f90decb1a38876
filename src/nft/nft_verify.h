/* SPDX-License-Identifier: ISC */
/* nft_verify.h - is the table in the kernel the one that is wanted? */
#ifndef NFT_NFT_VERIFY_H
#define NFT_NFT_VERIFY_H

#include <stdbool.h>

#include "base/err.h"
#include "enforce/verify.h"
#include "nft/nft_hook.h"
#include "nft/nft_run.h"
#include "nft/nft_sort.h"

/* Takes away a second table that an enforcer has left which was killed meanwhile.  It is added
 * first, for it may not be there. */
#define NFT_VERIFY_CLEAR                                                                           \
	"add table " NFT_TABLE "-wanted\n"                                                         \
	"delete table " NFT_TABLE "-wanted\n"

/* Compares the table with what the commands of s would make, of which the rules' numbers are
 * those of by_number, up to max, and finds its hooks on these interfaces.  Frees s. */
bool nft_verify(struct verify *v, struct nft_script *s, const struct nft_hooks *h,
		struct rule *const *by_number, int max, struct err *e);

#endif
