/* SPDX-License-Identifier: ISC */
/* nft_rule.h - a rule in the words of nftables, or the reason why not.  Values in, text out.
 *
 * Packets are sorted first, by how much of a transport header they have (nft_base_print); a rule
 * stands in the chain of each class of its family in which it can match something, and there
 * hardly needs a guard of its own.
 */
#ifndef ENFORCE_NFT_RULE_H
#define ENFORCE_NFT_RULE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "enforce/plan.h"
#include "flow/flow.h"

#define NFT_TABLE "netdev headgate"

enum nft_class {
	NFT_NONE, /* no transport header, or none of a protocol that has ports or ICMP types */
	NFT_SOME, /* one with ports, or with an ICMP type */
	NFT_CLASSES
};

enum {
	NFT_LINES_MAX = 10 /* of one rule in one chain */
};

/* The chain of a class. */
const char *nft_chain(enum flow_family family, enum nft_class class);
/* The table, its chains, and the rules that sort packets into the classes. */
void nft_base_print(FILE *to);

/* False, with the reason, when nftables cannot match exactly what the rule does. */
bool nft_match_fits(const struct flow_nlri *n, struct err *e);
/* The same for its actions. */
bool nft_then_make(const struct flow_actions *a, struct plan_then *ret, struct err *e);

/* The lines that add the rule, of which nft_match_fits is true, to the chain of a class; how many.
 * They lead to the chain of its number.  before: the handle of what comes next there; 0: nothing.
 */
unsigned nft_match_print(const struct flow_nlri *n, int number, enum nft_class class, FILE *to);
/* The lines that fill the chain of that number: counts and verdicts, and behind them, where no
 * packet comes, the rule itself in comments, for nft_table_read. */
void nft_then_print(const struct flow_nlri *n, const struct plan_then *t, int number, bool monitor,
		    FILE *to);

#endif
