/* SPDX-License-Identifier: ISC */
/* nft_count.c - see nft_count.h.
 *
 * They are read each second, and of 10,000 rules libnftables makes text for more than that long:
 * here the kernel is asked itself.
 */
#include "nft/nft_count.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enforce/netlink.h"
#include "nft/nft_protect.h"

int nft_number_in(const char *name, const char *word)
{
	size_t len = strlen(word);
	char *end;
	long n;

	if (strncmp(name, word, len) != 0)
		return 0;
	n = strtol(name + len, &end, 10);
	return *end == '\0' && n > 0 && n < INT_MAX ? (int)n : 0;
}

/* What a counter counts; false: none of ours. */
static bool read_name(const char *name, enum nft_counter *ret_what, int *ret_number)
{
	static const struct {
		const char *word;
		enum nft_counter what;
	} words[] = { { "matched", NFT_MATCHED }, { "dropped", NFT_DROPPED } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		*ret_what = words[i].what;
		*ret_number = nft_number_in(name, words[i].word);
		if (*ret_number > 0)
			return true;
	}
	*ret_what = NFT_SAVED;
	*ret_number = nft_protect_entry(name);
	return *ret_number >= 0;
}

/* ---- Netlink ---------------------------------------------------------------------------- */

/* The attribute of this type among len octets, if it has so many octets. */
static const void *attribute(const void *octets, size_t len, unsigned type, size_t want,
			     size_t *ret_len)
{
	const uint8_t *at = octets;
	struct nlattr a;

	while (len >= sizeof(a)) {
		size_t step;

		memcpy(&a, at, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > len)
			return NULL;
		if ((a.nla_type & NLA_TYPE_MASK) == type && a.nla_len >= sizeof(a) + want) {
			*ret_len = a.nla_len - sizeof(a);
			return at + sizeof(a);
		}
		step = NLA_ALIGN(a.nla_len);
		if (step >= len)
			return NULL;
		at += step;
		len -= step;
	}
	return NULL;
}

static uint64_t number(const void *data, size_t len, unsigned type)
{
	const void *at = attribute(data, len, type, sizeof(uint64_t), &len);
	uint64_t v = 0;

	if (at != NULL)
		memcpy(&v, at, sizeof(v));
	return be64toh(v);
}

struct reading {
	nft_count_visit *visit;
	void *ctx;
};

static void read_object(const struct nlmsghdr *h, void *ctx)
{
	const struct reading *r = ctx;
	const uint8_t *octets = (const uint8_t *)NLMSG_DATA(h) + sizeof(struct nfgenmsg);
	size_t len = h->nlmsg_len, name_len, data_len;
	const char *name;
	const void *data;
	enum nft_counter what;
	int n;

	if (len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return;
	len -= NLMSG_LENGTH(sizeof(struct nfgenmsg));
	name = attribute(octets, len, NFTA_OBJ_NAME, 1, &name_len);
	data = attribute(octets, len, NFTA_OBJ_DATA, 0, &data_len);
	if (name == NULL || data == NULL || memchr(name, '\0', name_len) == NULL ||
	    !read_name(name, &what, &n))
		return;
	r->visit(r->ctx, what, n, number(data, data_len, NFTA_COUNTER_PACKETS),
		 number(data, data_len, NFTA_COUNTER_BYTES));
}

static bool list(struct reading *r)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg m;
		struct nlattr table;
		char name[12];
		struct nlattr type;
		uint32_t counter;
	} q = {
		.h = { .nlmsg_len = sizeof(q),
		       .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETOBJ,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.m = { .nfgen_family = NFPROTO_NETDEV, .version = NFNETLINK_V0 },
		.table = { sizeof(struct nlattr) + sizeof("headgate"), NFTA_OBJ_TABLE },
		.name = "headgate",
		.type = { sizeof(struct nlattr) + sizeof(uint32_t), NFTA_OBJ_TYPE },
		.counter = htobe32(NFT_OBJECT_COUNTER),
	};

	return netlink_dump(NETLINK_NETFILTER, &q.h, read_object, r);
}

bool nft_count(nft_count_visit *visit, void *ctx, struct err *e)
{
	struct reading r = { visit, ctx };

	return list(&r) ||
	       err_at(e, 0, 0, "nftables: cannot read the counters: %s", strerror(errno));
}
