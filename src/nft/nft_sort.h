/* SPDX-License-Identifier: ISC */
/* nft_sort.h - packets sorted by how much of a transport header they have.
 *
 * What packets are held against stands in a chain for each class in which it can match something,
 * and there hardly needs a guard of its own.  The same is done for each of the purposes, which
 * have chains of their own.
 */
#ifndef NFT_NFT_SORT_H
#define NFT_NFT_SORT_H

#include <stdio.h>

#include "flow/flow.h"

#define NFT_TABLE "netdev headgate"

enum nft_class {
	NFT_NONE, /* no transport header, or none of a protocol that has ports or ICMP types */
	NFT_SOME, /* one with ports, or with an ICMP type */
	NFT_CLASSES
};

enum nft_purpose {
	NFT_RULES,
	NFT_DEFAULTS,   /* protected flows of packets to this machine */
	NFT_STATEMENTS, /* those that the file names */
	NFT_PURPOSES
};

/* Where the packets of a family are sorted, and where those of a class go. */
const char *nft_sorter(enum nft_purpose purpose, enum flow_family family);
const char *nft_chain(enum nft_purpose purpose, enum flow_family family, enum nft_class class);

/* The table, all of these chains, and what sorts. */
void nft_sort_print(FILE *to);

/* The condition that the octets of the ICMP code or of the TCP flags are there. */
const char *nft_has_code(enum flow_family family);
const char *nft_has_flags(enum flow_family family);

#endif
