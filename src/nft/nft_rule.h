/* SPDX-License-Identifier: ISC */
/* nft_rule.h - a rule in the words of nftables, or the reason why not.  Values in, text out.
 */
#ifndef NFT_NFT_RULE_H
#define NFT_NFT_RULE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "enforce/plan.h"
#include "flow/flow.h"
#include "nft/nft_sort.h"

enum {
	NFT_LINES_MAX = 10 /* of one rule in one chain */
};

/* False, with the reason, when nftables cannot match exactly what the rule does. */
bool nft_match_fits(const struct flow_nlri *n, struct err *e);
/* The same for its actions. */
bool nft_then_make(const struct plan_able *able, enum flow_family family,
		   const struct flow_actions *a, struct plan_then *ret, struct err *e);

enum nft_part {
	NFT_WHOLE,
	NFT_BUT_DESTINATION /* which has been looked at */
};

/* How many lines the rule, of which nft_match_fits is true, takes for the packets of a class. */
unsigned nft_match_lines(const struct flow_nlri *n, enum nft_class class);
/* Adds them to a chain, each ending in `then`. */
void nft_match_print(const struct flow_nlri *n, enum nft_class class, enum nft_part part,
		     const char *chain, const char *then, FILE *to);
/* The lines that fill the chain of that number: counts, protected flows and verdicts, and behind
 * them, where no packet comes, the rule itself in comments, for nft_table_read. */
void nft_then_print(const struct flow_nlri *n, const struct plan_then *t, int number, FILE *to);

#endif
