/* SPDX-License-Identifier: ISC */
/* nft.h - the rules in an nftables table at the ingress of interfaces, and changing them.
 *
 * in<IFINDEX> ─▶ ipv4, ipv6 ─▶ ipv4-none, ipv4-some, ... ─▶ to<ID>-some, ... ─▶ rule<NUMBER>
 * base chain      sort        by destination             conditions       counts, limits, verdict
 *
 * A change is one transaction: packets see the rules before it or those after it.  The table stays
 * when its enforcer dies; the rules are in it, octet for octet (nft_table.h).
 */
#ifndef NFT_NFT_H
#define NFT_NFT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "enforce/enforce.h"
#include "enforce/feed.h"
#include "enforce/ruleset.h"
#include "enforce/saved.h"

struct nft;

extern const struct plan_able plan_able_nft;

/* Makes the table, or takes over what is there: its rules are then in rs.  One at a time in a
 * network namespace. */
struct nft *nft_open(const struct enforce_options *o, struct ruleset *rs, struct err *e);
/* The table stays. */
void nft_free(struct nft *t);
/* As xdp_change. */
bool nft_change(struct nft *t, struct rule *const *list, size_t n, struct err *e);
size_t nft_in_force(const struct nft *t);
/* Reads the counters of all rules that are in force. */
bool nft_counters(struct nft *t, struct err *e);
/* What protected flows have saved, as last read; no rule is named. */
const struct saved *nft_saved(const struct nft *t);
/* Of changes of this machine's addresses, for poll(2), and what to do then. */
int nft_events(const struct nft *t);
void nft_event(struct nft *t);
const char *nft_epoch(const struct nft *t);
void nft_epoch_set(struct nft *t, const char *epoch);
/* Looks at the interfaces.  True: rules that were refused may be had now, or the other way. */
bool nft_refresh(struct nft *t);
/* As verify_answer (verify.h); NULL, with the reason, when the table cannot be read back. */
json_t *nft_verify_answer(struct nft *t, struct ruleset *rs, const struct feed_question *q,
			  struct err *e);
bool nft_remove(struct nft *t, struct err *e);
/* Takes away what an enforcer of this network namespace has left.  One that is at work is not
 * disturbed: an error. */
bool nft_flush(struct err *e);

#endif
