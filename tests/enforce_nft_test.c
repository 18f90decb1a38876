/* SPDX-License-Identifier: ISC */
/* The nftables backend against the reference matcher, with real frames.
 *
 * Random rules and random frames (flow_random.h) over a veth pair, in a network namespace of this
 * program's own.  Each frame has a number in its source address; what comes out behind the hook,
 * and every rule's counters, must be what the first rule in order that flow_match names asks for.
 * HEADGATE_SEED repeats a run, HEADGATE_COMPARISONS makes it longer, HEADGATE_RULES says of how
 * many rules a change is timed. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "flow/flow.h"
#include "nft/nft.h"
#include "nft/nft_dispatch.h"
#include "nft/nft_protect.h"
#include "nft/nft_rule.h"
#include "nft/nft_run.h"
#include "tests/flow_random.h"
#include "tests/ip_header.h"
#include "tests/protected_flows.h"
#include "tests/random_run.h"

enum {
	COMPARISONS = 30000,
	FAULT_COMPARISONS = 10000, /* so many must be enough to see a planted fault */
	SET_RULES = 24,
	SET_RULES_MANY = 300, /* of one set in so many: */
	SET_MANY_ONE_IN = 8,
	SET_BATCHES = 6, /* between them the rules change */
	BATCH = 100,
	FLOOD = 400, /* as many frames at once at most */
	FRAME_MAX = 18 + RANDOM_PACKET_MAX,
	ETHERTYPE_LAST = 0x88b5 /* of the frame that says that a batch is over */
};

static struct rnd chance = { 1 };

/* ---- The wire --------------------------------------------------------------------------- */

static const char *const interfaces[] = { "hg1" };
static struct enforce_options options = { .interfaces = interfaces, .interface_count = 1 };

static int sender = -1, behind[3]; /* sockets: into hg0; behind the hook of hg1, by ETHERTYPE */

static int packet_socket(const char *name, uint16_t protocol)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(protocol),
				  .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), size = 1 << 24;

	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Without a shell, whose own `ip` may know less. */
static bool run(const char *words)
{
	char copy[128], *argv[16], *rest = NULL;
	int n = 0, status;
	pid_t child;

	(void)snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &rest); w != NULL && n < 15;
	     w = strtok_r(NULL, " ", &rest))
		argv[n++] = w;
	argv[n] = NULL;
	child = fork();
	if (child == 0 && n > 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* No frames of the kernel's own. */
static bool silence(const char *interface)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", interface);
	file = fopen(path, "w");
	if (file == NULL)
		return false;
	(void)fputs("1", file);
	return fclose(file) == 0;
}

static int make_wire(void **state)
{
	cpu_set_t one;

	(void)state;
	defaults_read();
	/* On one CPU frames keep their order. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0 || unshare(CLONE_NEWNET) < 0) {
		printf("# %s\n", strerror(errno));
		return -1;
	}
	if (!run("ip link add hg0 type veth peer name hg1") || !silence("hg0") || !silence("hg1") ||
	    !run("ip link set hg0 arp off up") || !run("ip link set hg1 arp off up"))
		return -1;
	sender = packet_socket("hg0", 0);
	/* A socket for all protocols would be in front of the hook. */
	behind[0] = packet_socket("hg1", ETH_P_IP);
	behind[1] = packet_socket("hg1", ETH_P_IPV6);
	behind[2] = packet_socket("hg1", ETHERTYPE_LAST);
	return 0;
}

struct frame {
	uint8_t octets[FRAME_MAX];
	size_t len, ip; /* ip: where the packet is */
	enum flow_family family;
};

static void send_frame(const struct frame *f)
{
	if (send(sender, f->octets, f->len, 0) != (ssize_t)f->len)
		fail_msg("a frame of %zu octets: %s", f->len, strerror(errno));
}

static void write_ethernet(struct frame *f, uint32_t number, uint16_t type, bool tagged)
{
	struct wr w = wr_over(f->octets, sizeof(f->octets));

	wr_uint(&w, 6, 0x020000000001); /* for nobody here */
	wr_u16(&w, 0x0200);
	wr_u32(&w, number);
	if (tagged)
		wr_u32(&w, 0x81000007);
	wr_u16(&w, type);
	f->ip = f->len = wr_len(&w);
}

static struct frame received[FLOOD]; /* as they came out behind the hook, their tag taken off */

/* Marks those that came through, until the last of the batch has. */
static void receive_batch(bool *came, uint32_t count)
{
	struct frame f;
	struct pollfd last = { .fd = behind[2], .events = POLLIN };
	ssize_t len;

	write_ethernet(&f, count, ETHERTYPE_LAST, false);
	f.len += 46;
	send_frame(&f);
	if (poll(&last, 1, 5000) != 1)
		fail_msg("the last frame has not come");
	(void)recv(behind[2], f.octets, sizeof(f.octets), MSG_DONTWAIT);
	for (int i = 0; i < 2; i++)
		while ((len = recv(behind[i], f.octets, sizeof(f.octets), MSG_DONTWAIT)) > 0) {
			struct rd r = rd_over(f.octets + 8, 4);
			uint32_t number = rd_u32(&r);

			assert_true(number < count);
			came[number] = true;
			f.ip = ETH_HLEN;
			f.len = (size_t)len;
			received[number] = f;
		}
}

/* ---- What is claimed -------------------------------------------------------------------- */

/* IPv6: no AH, no more than eight extension headers, none that is cut, one fragment header at most,
 * and behind extension headers no padding. */
static bool chain_is_claimed(const uint8_t *packet, size_t len, bool padded)
{
	uint8_t next = packet[6], kind;
	size_t at = 40, octets;

	for (int walked = 0, fragments = 0;; walked++) {
		kind = next;
		if (kind != 0 && kind != 43 && kind != 44 && kind != 51 && kind != 60)
			return true;
		fragments += kind == 44;
		if (padded || kind == 51 || walked == 8 || fragments > 1)
			return false;
		if (at + 2 > len)
			return true;
		octets = kind == 44 ? 8 : ((size_t)packet[at + 1] + 1) * 8;
		if (at + octets > len)
			return false;
		if (kind == 44 && (packet[at + 2] != 0 || packet[at + 3] > 7))
			return true; /* a later fragment */
		next = packet[at];
		at += octets;
	}
}

/* The octets of the packet that count for the reference; 0: nothing is claimed for it.  A frame
 * that is shorter than its IPv4 header says has no transport header here. */
static size_t claimed(const struct frame *f)
{
	const uint8_t *p = f->octets + f->ip;
	size_t len = f->len - f->ip, says;

	if (f->family == FLOW_IPV4) {
		if (len < 20)
			return len;
		says = (size_t)p[2] << 8 | p[3];
		return says > len && (size_t)(p[0] & 15u) * 4 <= len ? (size_t)(p[0] & 15u) * 4
								     : len;
	}
	if (len < 40)
		return len;
	says = ((size_t)p[4] << 8 | p[5]) + 40;
	return says <= len && chain_is_claimed(p, len, says < len) ? len : 0;
}

/* Sometimes a length that ends within the transport header, with padding behind it, or one that
 * ends a chain of IPv6 headers where the octets do. */
static void make_edge(struct frame *f)
{
	uint8_t *p = f->octets + f->ip;
	size_t len = f->len - f->ip, at = f->family == FLOW_IPV4 ? 2 : 4, says;

	if (len < (f->family == FLOW_IPV4 ? 20u : 40u) || !rnd_one_in(&chance, 3))
		return;
	says = rnd_below(&chance, 20);
	if (f->family == FLOW_IPV4)
		says += (size_t)(p[0] & 15u) * 4;
	else if (rnd_one_in(&chance, 2))
		says = len - 40;
	put_u16(p + at, (uint32_t)says);
}

static struct protection protection;

/* Sometimes what a default protects, or nearly. */
static void make_protected(struct frame *f)
{
	static const uint8_t protocols[FLOW_FAMILIES][6] = { { 6, 17, 89, 112, 1, 1 },
							     { 6, 17, 89, 112, 58, 58 } };
	static const uint16_t ports[] = { 179, 22, 646, 3784, 3785, 4784 },
			      types[] = { 0x0304, 0x0200, 0x8500, 0x8900 };
	bool v6 = f->family == FLOW_IPV6;
	uint8_t *p = f->octets + f->ip, *to = p + (v6 ? 24 : 16);
	size_t len = f->len - f->ip;
	struct xdp_local l = { .family = v6 ? XDP_IPV6 : XDP_IPV4,
			       .address = { v6 ? 0xff02ULL << 48 : 0xe0000005, 5 } };
	struct wr w;

	if (len < 60 || !rnd_one_in(&chance, 3))
		return;
	if (protection.local_count > 0 && !rnd_one_in(&chance, 4))
		l = protection.local[rnd_below(&chance, (uint32_t)protection.local_count)];
	if ((l.family == XDP_IPV6) == v6) {
		w = wr_over(to, v6 ? 16 : 4);
		wr_uint(&w, v6 ? 8 : 4, l.address[0]);
		wr_uint(&w, v6 ? 8 : 0, l.address[1]);
	}
	if (!v6)
		p[9] = RND_OF(&chance, protocols[FLOW_IPV4]);
	else if (!memchr((const uint8_t[]){ 0, 43, 44, 51, 60 }, p[6], 5))
		p[6] = RND_OF(&chance, protocols[FLOW_IPV6]);
	if (v6 && rnd_one_in(&chance, 2))
		p[7] = 255;
	w = wr_over(p + len - 20, 4); /* the transport header, if the frame is whole */
	wr_u16(&w, rnd_one_in(&chance, 2) ? RND_OF(&chance, ports) : RND_OF(&chance, types));
	if (rnd_one_in(&chance, 2))
		wr_u16(&w, RND_OF(&chance, ports));
}

static void make_frame(struct frame *f, uint32_t number)
{
	uint8_t packet[RANDOM_PACKET_MAX];
	size_t len;

	f->family = rnd_one_in(&chance, 2) ? FLOW_IPV4 : FLOW_IPV6;
	write_ethernet(f, number, f->family == FLOW_IPV4 ? ETH_P_IP : ETH_P_IPV6,
		       rnd_one_in(&chance, 5));
	do {
		len = random_packet(&chance, f->family, packet);
		memcpy(f->octets + f->ip, packet, len);
		f->len = f->ip + len;
		make_protected(f);
		make_edge(f);
		/* The kernel takes no tag with less than two octets behind it. */
	} while (len < 2 || claimed(f) == 0);
}

/* ---- The comparison --------------------------------------------------------------------- */

struct set {
	struct ruleset rules;
	struct rule **list; /* in force, in order */
	size_t count;
};

struct outcome {
	uint64_t compared, matched, marked, saved, different;
	uint64_t rules, refused, changes;
};

static bool stale; /* the kernel is not told of changes */

static void random_action(struct rule *r)
{
	struct flow_actions a = { .has_rate_bytes = rnd_one_in(&chance, 2) };

	if (!a.has_rate_bytes && rnd_one_in(&chance, 2)) {
		a.has_mark = true;
		a.mark = (uint8_t)rnd_below(&chance, 64);
	}
	rule_set_then(r, &a);
}

static void add_rule(struct set *s)
{
	uint8_t room[RANDOM_NLRI_MAX];
	struct flow_nlri n = { .family = rnd_one_in(&chance, 2) ? FLOW_IPV4 : FLOW_IPV6,
			       .octets = room };
	struct rule *r;

	n.len = random_nlri(&chance, n.family, room);
	assert_true(flow_nlri_check(&n, NULL));
	r = ruleset_need(&s->rules, &n);
	assert_non_null(r);
	random_action(r);
	r->wanted = true;
	ruleset_touch(&s->rules, r);
}

/* What was touched, into the kernel. */
static void apply(struct nft *t, struct ruleset *rs)
{
	struct err e = { 0 };
	size_t n = rs->touched_count;

	if (!nft_change(t, rs->touched, n, &e))
		fail_msg("%s", e.text);
	rs->touched_count = 0;
	for (size_t i = 0; i < n; i++)
		rs->touched[i]->touched = false;
	for (size_t i = 0; i < n; i++)
		if (!rs->touched[i]->wanted)
			ruleset_remove(rs, rs->touched[i]);
}

static void count_refused(struct rule *r, void *ctx)
{
	struct outcome *o = ctx;

	o->refused += !r->match_ok;
}

static void set_list(struct set *s, struct outcome *o)
{
	size_t kept = 0;

	free(s->list);
	s->list = ruleset_in_order(&s->rules, &s->count);
	assert_non_null(s->list);
	for (size_t i = 0; i < s->count; i++) {
		if (s->list[i]->slot >= 0)
			s->list[kept++] = s->list[i];
		else
			assert_true(stale);
	}
	s->count = kept;
	o->rules += s->rules.map.count;
	ruleset_each(&s->rules, count_refused, o);
}

static void ruleset_start(struct ruleset *rs)
{
	ruleset_init(rs, 1);
	rs->able = &plan_able_nft;
}

static void unwant_some(struct rule *r, void *ctx)
{
	struct ruleset *rs = ctx;

	if (!rnd_one_in(&chance, 8))
		return;
	r->wanted = false;
	ruleset_touch(rs, r);
}

static void unwant(struct rule *r, void *ctx)
{
	r->wanted = false;
	ruleset_touch(ctx, r);
}

/* Some go, some come, some do something else. */
static void set_change(struct set *s, struct nft *t, struct outcome *o)
{
	ruleset_each(&s->rules, unwant_some, &s->rules);
	for (uint32_t comes = 1 + rnd_below(&chance, 4); comes > 0; comes--)
		add_rule(s);
	if (s->count > 0) {
		struct rule *r = s->list[rnd_below(&chance, (uint32_t)s->count)];

		random_action(r);
		ruleset_touch(&s->rules, r);
	}
	if (!stale)
		apply(t, &s->rules);
	set_list(s, o);
	o->changes++;
}

/* Plain: the first in order that matches. */
static struct rule *reference(const struct set *s, const struct frame *f)
{
	size_t len = claimed(f);

	for (size_t i = 0; i < s->count; i++)
		if (s->list[i]->nlri.family == f->family &&
		    flow_match(&s->list[i]->nlri, f->octets + f->ip, len))
			return s->list[i];
	return NULL;
}

/* The entry that saves the frame from that rule; -1: none. */
static int saved_from(const struct rule *r, const struct frame *f)
{
	if (r == NULL || (r->then.kind == XDP_THEN_ACCEPT && !r->then.marks))
		return -1;
	return protected_by(&protection, f->family, f->octets + f->ip, claimed(f));
}

static bool drops(const struct rule *r, const struct frame *f)
{
	return r != NULL && r->then.kind == XDP_THEN_DISCARD && saved_from(r, f) < 0;
}

/* Is what came out what was sent, but for the mark that it should have? */
static bool came_as_it_should(const struct rule *r, const struct frame *sent,
			      const struct frame *came)
{
	size_t len = sent->len - sent->ip;
	bool marked = r != NULL && r->then.marks && saved_from(r, sent) < 0;

	return came->len - came->ip == len &&
	       only_marked(sent->octets + sent->ip, came->octets + came->ip, len,
			   marked ? r->then.dscp : -1);
}

/* The checksum as it should be. */
static void make_checksum(struct frame *f)
{
	uint8_t *p = f->octets + f->ip;

	if (f->family == FLOW_IPV6 || f->len - f->ip < (size_t)(p[0] & 15u) * 4 ||
	    (p[0] & 15u) < 5 || rnd_one_in(&chance, 4))
		return;
	put_u16(p + 10, 0);
	put_u16(p + 10, ~header_sum(p));
}

static struct frame frames[BATCH];

/* What a rule's counter should say is kept in reported_counters.packets. */
static void compare_batch(const struct set *s, struct outcome *o, bool explain)
{
	struct rule *first[BATCH];
	bool came[BATCH] = { false };

	for (uint32_t i = 0; i < BATCH; i++) {
		make_frame(&frames[i], i);
		make_checksum(&frames[i]);
		first[i] = reference(s, &frames[i]);
		if (first[i] != NULL)
			first[i]->reported_counters.packets++;
		if (drops(first[i], &frames[i]))
			first[i]->reported_counters.dropped_packets++;
		if (saved_from(first[i], &frames[i]) >= 0) {
			protection.saved[saved_from(first[i], &frames[i])]++;
			o->saved++;
		}
		send_frame(&frames[i]);
	}
	receive_batch(came, BATCH);
	for (uint32_t i = 0; i < BATCH; i++) {
		const struct frame *f = &frames[i];

		o->compared++;
		o->matched += first[i] != NULL;
		o->marked += came[i] && first[i] != NULL && first[i]->then.marks;
		if (came[i] != drops(first[i], f) &&
		    (!came[i] || came_as_it_should(first[i], f, &received[i])))
			continue;
		if (explain && o->different == 0) {
			print_hex(came[i] ? "came" : "was dropped", f->octets, f->len);
			if (first[i] != NULL)
				print_hex("first match", first[i]->nlri.octets, first[i]->nlri.len);
		}
		o->different++;
	}
}

static uint64_t count_of(struct nft *t, const struct rule *r)
{
	struct err e = { 0 };

	if (!nft_counters(t, &e))
		fail_msg("%s", e.text);
	return r != NULL ? r->now.packets : 0;
}

/* Sends the batch again, one by one, to name the frame. */
static void find_miscounted(struct nft *t, const struct set *s)
{
	bool came[BATCH];

	for (uint32_t i = 0; i < BATCH; i++) {
		struct rule *first = reference(s, &frames[i]);
		uint64_t before = count_of(t, first);

		send_frame(&frames[i]);
		receive_batch(came, BATCH);
		if (first == NULL || count_of(t, first) == before + 1)
			continue;
		print_hex("miscounted", frames[i].octets, frames[i].len);
		print_hex("first match", first->nlri.octets, first->nlri.len);
		return;
	}
}

/* Every counter says what it should. */
static void compare_counters(struct nft *t, const struct set *s, struct outcome *o, bool explain)
{
	uint64_t before = o->different;

	(void)count_of(t, NULL);
	for (size_t i = 0; i < s->count; i++)
		o->different += s->list[i]->now.packets != s->list[i]->reported_counters.packets ||
				s->list[i]->now.dropped_packets !=
					s->list[i]->reported_counters.dropped_packets;
	o->different += wrongly_saved(&protection, nft_saved(t), explain, &(uint64_t){ 0 });
	if (explain && o->different > before)
		find_miscounted(t, s);
}

static struct nft *open_or_fail(struct ruleset *rs)
{
	struct err e = { 0 };
	struct nft *t = nft_open(&options, rs, &e);

	if (t == NULL)
		fail_msg("%s", e.text);
	return t;
}

static void close_all(struct nft *t)
{
	struct err e = { 0 };

	if (!nft_remove(t, &e))
		fail_msg("%s", e.text);
	nft_free(t);
}

static struct xdp_local make_local(void)
{
	uint8_t a[16];

	rnd_address(&chance, a);
	return local_at(rnd_one_in(&chance, 2) ? XDP_IPV6 : XDP_IPV4, a);
}

static int compare_locals(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct xdp_local));
}

/* Other flows are protected, of a machine with other addresses. */
static void protect(void)
{
	struct protection *p = &protection;

	memset(p->saved, 0, sizeof(p->saved));
	p->what = (struct enforce_protect){ .statements = p->statement };
	if (rnd_one_in(&chance, 3))
		p->what.defaults_off =
			rnd_one_in(&chance, 2) ? UINT32_MAX : rnd_below(&chance, 1 << 9);
	for (unsigned want = rnd_below(&chance, STATEMENTS + 1); want > 0; want--) {
		struct enforce_protect_statement *s = &p->statement[p->what.count];

		s->name = "any";
		s->nlri = (struct flow_nlri){ .family = rnd_one_in(&chance, 2) ? FLOW_IPV4
									       : FLOW_IPV6,
					      .octets = p->octets[p->what.count] };
		s->nlri.len = random_nlri(&chance, s->nlri.family, p->octets[p->what.count]);
		p->what.count += nft_match_fits(&s->nlri, NULL);
	}
	p->local_count = rnd_below(&chance, LOCALS + 1);
	for (size_t i = 0; i < p->local_count; i++)
		p->local[i] = make_local();
	qsort(p->local, p->local_count, sizeof(p->local[0]), compare_locals);
}

/* The enforcer starts anew over the table that is there. */
static struct nft *reopen(struct nft *t, struct ruleset *rs)
{
	struct locals locals = { .list = protection.local };
	struct nft_script s;
	struct err e = { 0 };

	nft_free(t);
	protect();
	locals.count = protection.local_count;
	options.protect = protection.what;
	t = open_or_fail(rs);
	nft_script_open(&s);
	nft_protect_print_locals(&locals, s.to);
	if (!nft_script_run(&s, &e))
		fail_msg("%s", e.text);
	return t;
}

/* It knows nothing of the addresses that the test has put there. */
static void flush_locals(void)
{
	struct err e = { 0 };

	if (!nft_run("flush set " NFT_TABLE " ipv4-locals\nflush set " NFT_TABLE " ipv6-locals\n",
		     &e))
		fail_msg("%s", e.text);
}

/* How many differences there are between the table and what is wanted. */
static json_int_t differences(struct nft *t, struct ruleset *rs, bool explain)
{
	const struct feed_question q = { .id = 1 };
	struct err e = { 0 };
	json_t *answer = nft_verify_answer(t, rs, &q, &e);
	json_int_t n;

	if (answer == NULL)
		fail_msg("%s", e.text);
	n = json_integer_value(json_object_get(answer, "differences"));
	if (explain && n > 0) {
		char *text = json_dumps(answer, JSON_COMPACT);

		printf("# %s\n", text);
		free(text);
	}
	json_decref(answer);
	return n;
}

static void oracle_set(struct nft *t, struct ruleset *rs, struct outcome *o, bool explain)
{
	struct set s = { .rules = *rs };
	uint32_t want = 1 + rnd_below(&chance, rnd_one_in(&chance, SET_MANY_ONE_IN) ? SET_RULES_MANY
										    : SET_RULES);

	while (want-- > 0)
		add_rule(&s);
	apply(t, &s.rules);
	set_list(&s, o);
	for (int batch = 0; batch < SET_BATCHES && o->different == 0; batch++) {
		if (batch > 0)
			set_change(&s, t, o);
		compare_batch(&s, o, explain);
		if (!stale)
			compare_counters(t, &s, o, explain);
	}
	if (explain && o->different == 0) {
		flush_locals();
		o->different += (uint64_t)differences(t, &s.rules, true);
	}
	ruleset_each(&s.rules, unwant, &s.rules);
	apply(t, &s.rules);
	free(s.list);
	*rs = s.rules;
}

/* Stops at the first difference. */
static struct outcome oracle(void (*plant)(void), uint64_t comparisons, uint64_t seed, bool explain)
{
	struct outcome o = { 0 };
	struct ruleset rs;
	struct nft *t;

	ruleset_start(&rs);
	t = open_or_fail(&rs);
	chance.state = seed;
	while (o.compared < comparisons && o.different == 0) {
		t = reopen(t, &rs);
		if (plant != NULL)
			plant();
		oracle_set(t, &rs, &o, explain);
	}
	ruleset_done(&rs);
	close_all(t);
	options.protect = (struct enforce_protect){ 0 };
	return o;
}

static void test_agrees_with_reference(void **state)
{
	uint64_t n = env_number("HEADGATE_COMPARISONS", COMPARISONS);
	struct outcome o = oracle(NULL, n, run_seed(), true);

	(void)state;
	printf("# %llu frames, %llu matched, %llu marked, %llu saved, %llu different\n",
	       (unsigned long long)o.compared, (unsigned long long)o.matched,
	       (unsigned long long)o.marked, (unsigned long long)o.saved,
	       (unsigned long long)o.different);
	printf("# %llu rules, %llu refused, %llu changes\n", (unsigned long long)o.rules,
	       (unsigned long long)o.refused, (unsigned long long)o.changes);
	assert_int_equal(o.different, 0);
	assert_true(o.compared >= n);
	assert_true(o.matched * 3 >= o.compared);
	assert_true(o.saved * 20 >= o.compared);
	assert_true(o.marked * 20 >= o.compared);
	assert_true(o.refused * 10 <= o.rules);
}

/* ---- Planted faults --------------------------------------------------------------------- */

/* Takes out the first rule of the chain. */
static void delete_first(const char *chain)
{
	char command[160];
	struct err e = { 0 };
	json_t *list, *o;
	json_int_t handle = 0;
	size_t i;

	(void)snprintf(command, sizeof(command), "list chain " NFT_TABLE " %s\n", chain);
	list = nft_list(command, &e);
	if (list == NULL)
		fail_msg("%s", e.text);
	json_array_foreach(list, i, o)
	{
		const json_t *rule = json_object_get(o, "rule");

		if (rule != NULL && handle == 0)
			handle = json_integer_value(json_object_get(rule, "handle"));
	}
	json_decref(list);
	(void)snprintf(command, sizeof(command), "delete rule " NFT_TABLE " %s handle %lld\n",
		       chain, (long long)handle);
	if (!nft_run(command, &e))
		fail_msg("%s", e.text);
}

static void no_fragment_guard(void)
{
	delete_first("ipv4");
}

static void no_header_length(void)
{
	delete_first("ipv4-header");
}

static void no_protection(void)
{
	struct err e = { 0 };

	if (!nft_run("flush chain " NFT_TABLE " ipv4-protected\nflush chain " NFT_TABLE
		     " ipv6-protected\n",
		     &e))
		fail_msg("%s", e.text);
}

static void finds(void (*plant)(void))
{
	struct outcome o = oracle(plant, FAULT_COMPARISONS, run_seed() ^ 0x5555, false);

	printf("# found after %llu frames\n", (unsigned long long)o.compared);
	assert_true(o.different > 0);
}

static void test_finds_missing_fragment_guard(void **state)
{
	(void)state;
	finds(no_fragment_guard);
}

static void test_finds_missing_header_length(void **state)
{
	(void)state;
	finds(no_header_length);
}

static void test_finds_ignored_protection(void **state)
{
	(void)state;
	finds(no_protection);
}

static void test_finds_stale_rules(void **state)
{
	(void)state;
	stale = true;
	finds(NULL);
	stale = false;
}

/* ---- Verdicts and lives ----------------------------------------------------------------- */

static struct rule *want(struct ruleset *rs, const char *match, const struct flow_actions *a)
{
	struct flow_text_options o = { .family = FLOW_IPV4 };
	struct flow_rule rule;
	struct flow_nlri n;
	struct err e = { 0 };
	char text[512];
	struct rule *r;

	(void)snprintf(text, sizeof(text), "match { %s }", match);
	if (!flow_text_rule(text, strlen(text), &o, &rule, &e))
		fail_msg("%s: %s", match, e.text);
	n = flow_rule_nlri(&rule);
	r = ruleset_need(rs, &n);
	assert_non_null(r);
	rule_set_then(r, a);
	r->wanted = true;
	ruleset_touch(rs, r);
	return r;
}

/* UDP to 192.0.2.1, this many octets. */
static void udp_frame(struct frame *f, uint32_t number, uint16_t octets)
{
	uint8_t *ip;

	write_ethernet(f, number, ETH_P_IP, false);
	ip = f->octets + f->ip;
	memset(ip, 0, octets);
	ip[0] = 0x45;
	ip[2] = (uint8_t)(octets >> 8);
	ip[3] = (uint8_t)octets;
	ip[9] = 17;
	memcpy(ip + 16, (const uint8_t[]){ 192, 0, 2, 1 }, 4);
	f->len += octets;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct timing {
	double bucket;        /* seconds in which an empty one fills */
	double seconds, lost; /* in all; in which the bucket was full */
};

/* Sends frames as fast as it goes, so many times; how many came through. */
static unsigned flood(uint16_t octets, unsigned times, struct timing *t)
{
	double start = now(), last = start;
	unsigned total = 0;
	struct frame f;

	t->lost = 0;
	for (; times > 0; times--) {
		bool came[FLOOD] = { false };

		for (uint32_t i = 0; i < FLOOD; i++) {
			double gap = now() - last;

			t->lost += gap > t->bucket ? gap - t->bucket : 0;
			udp_frame(&f, i, octets);
			send_frame(&f);
			last = now();
		}
		receive_batch(came, FLOOD);
		for (int i = 0; i < FLOOD; i++)
			total += came[i];
		usleep(20000);
	}
	t->seconds = now() - start;
	return total;
}

static void limit_holds(const struct flow_actions *a, uint16_t octets, double rate, double at_once)
{
	struct err e = { 0 };
	struct ruleset rs;
	struct nft *t;
	struct rule *r;
	struct timing at = { .bucket = at_once / rate };
	unsigned passed;

	ruleset_start(&rs);
	t = open_or_fail(&rs);
	r = want(&rs, "destination 192.0.2.1/32;", a);
	apply(t, &rs);
	assert_true(r->slot >= 0);
	passed = flood(octets, 40, &at);
	printf("# %u of %d in %.2f s, of which %.2f s in gaps\n", passed, 40 * FLOOD, at.seconds,
	       at.lost);
	assert_true(passed <= at_once + rate * at.seconds * 1.02 + 1);
	assert_true(passed >= at_once + rate * (at.seconds - at.lost) * 0.9 - 2);
	assert_true(nft_counters(t, &e));
	assert_int_equal(r->now.packets, 40 * FLOOD);
	assert_int_equal(r->now.dropped_packets, 40 * FLOOD - passed);
	assert_int_equal(r->now.octets, (uint64_t)40 * FLOOD * octets);
	assert_int_equal(r->now.dropped_octets, (uint64_t)(40 * FLOOD - passed) * octets);
	ruleset_done(&rs);
	close_all(t);
}

static void test_limits_packets(void **state)
{
	(void)state;
	limit_holds(&(struct flow_actions){ .has_rate_packets = true, .rate_packets = 100.5f }, 100,
		    100.5, 4);
}

/* The kernel's bucket of octets holds a second's worth. */
static void test_limits_octets(void **state)
{
	(void)state;
	limit_holds(&(struct flow_actions){ .has_rate_bytes = true, .rate_bytes = 50000 }, 500, 100,
		    100);
}

static void test_limited_is_marked(void **state)
{
	struct timing at = { 0 };
	struct ruleset rs;
	struct nft *t;

	(void)state;
	ruleset_start(&rs);
	t = open_or_fail(&rs);
	(void)want(&rs, "destination 192.0.2.1/32;",
		   &(struct flow_actions){ .has_rate_packets = true,
					   .rate_packets = 1,
					   .has_mark = true,
					   .mark = 46 });
	apply(t, &rs);
	assert_int_equal(flood(100, 1, &at), 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(received[i].octets[received[i].ip + 1], 46 << 2);
	ruleset_done(&rs);
	close_all(t);
}

static void test_refuses_with_a_reason(void **state)
{
	static const struct {
		struct flow_actions a;
		const char *why;
	} rows[] = {
		{ { .has_rate_bytes = true, .rate_bytes = 99.5f }, "whole octets" },
		{ { .has_rate_bytes = true, .rate_bytes = 2e9f }, "more than 1000000000 octets" },
		{ { .has_rate_packets = true, .rate_packets = 3e6f }, "more than 2000000 packets" },
		{ { .has_rate_packets = true,
		    .has_rate_bytes = true,
		    .rate_packets = 1,
		    .rate_bytes = 1000 },
		  "octets and packets at once" },
	};
	struct ruleset rs;

	(void)state;
	ruleset_start(&rs);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rule *r = want(&rs, "destination 192.0.2.1/32;", &rows[i].a);

		assert_false(r->then_ok);
		assert_non_null(strstr(rule_reason(r), rows[i].why));
	}
	ruleset_done(&rs);
}

static struct rule *want_host(struct ruleset *rs, const char *which, unsigned i)
{
	char match[64];

	(void)snprintf(match, sizeof(match), "%s 10.0.%u.%u/32;", which, i >> 8, i & 255);
	return want(rs, match, &(struct flow_actions){ .has_rate_bytes = true });
}

/* A limit of nothing in a week, which no plan makes, stands for what a kernel lacks. */
static void test_rule_that_is_refused_is_in_no_others_way(void **state)
{
	struct ruleset rs;
	struct err e = { 0 };
	struct rule *r[20];
	struct nft *t;

	(void)state;
	ruleset_start(&rs);
	t = open_or_fail(&rs);
	for (unsigned i = 0; i < 20; i++)
		r[i] = want_host(&rs, "destination", i);
	for (unsigned i = 7; i < 19; i += 6)
		r[i]->then = (struct plan_then){ .kind = XDP_THEN_RATE, .rate = { 0, 1e-9F } };
	assert_true(nft_change(t, rs.touched, rs.touched_count, &e));
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(r[i]->slot >= 0, i != 7 && i != 13);
	assert_int_equal(nft_in_force(t), 18);
	ruleset_done(&rs);
	close_all(t);
}

/* Of rules that are tried one after the other there are fewer than of others. */
static void test_full_table_says_so(void **state)
{
	struct ruleset rs;
	struct nft *t;
	struct rule *last = NULL, *other;

	(void)state;
	ruleset_start(&rs);
	t = open_or_fail(&rs);
	for (unsigned i = 0; i <= NFT_TRIED_MAX; i++)
		last = want_host(&rs, "source", i);
	apply(t, &rs);
	assert_int_equal(nft_in_force(t), NFT_TRIED_MAX);
	assert_true(last->slot < 0);
	assert_non_null(strstr(rule_reason(last), "table full"));
	other = want(&rs, "destination 2001:db8::/32;",
		     &(struct flow_actions){ .has_rate_bytes = true });
	apply(t, &rs);
	assert_true(other->slot >= 0);

	/* What leaves makes room for the next change. */
	for (unsigned i = 0; i < 2; i++) {
		struct rule *r = want_host(&rs, "source", i);

		r->wanted = false;
	}
	apply(t, &rs);
	(void)want_host(&rs, "destination", 0);
	ruleset_touch(&rs, last);
	apply(t, &rs);
	assert_int_equal(nft_in_force(t), NFT_TRIED_MAX);
	ruleset_done(&rs);
	close_all(t);
}

enum {
	MANY = 1000
};

/* A change touches what it names: of so many rules one comes, one goes, packets find each. */
static void test_many_destinations(void **state)
{
	struct ruleset rs;
	struct rule *r;
	struct err e = { 0 };
	bool came[2] = { false };
	struct frame f;
	struct nft *t;
	unsigned many = (unsigned)env_number("HEADGATE_RULES", MANY);
	double start = now();

	(void)state;
	ruleset_start(&rs);
	t = open_or_fail(&rs);
	for (unsigned i = 0; i < many; i++)
		(void)want_host(&rs, "destination", i);
	apply(t, &rs);
	assert_int_equal(nft_in_force(t), many);
	printf("# %u rules in %.2f s\n", many, now() - start);
	start = now();
	r = want(&rs, "destination 192.0.2.1/32;",
		 &(struct flow_actions){ .has_rate_bytes = true });
	apply(t, &rs);
	printf("# one more in %.3f s\n", now() - start);
	udp_frame(&f, 0, 100);
	send_frame(&f);
	start = now();
	r->wanted = false;
	ruleset_touch(&rs, r);
	apply(t, &rs);
	printf("# one less in %.3f s\n", now() - start);
	udp_frame(&f, 1, 100);
	send_frame(&f);
	receive_batch(came, 2);
	assert_false(came[0]);
	assert_true(came[1]);
	start = now();
	assert_true(nft_counters(t, &e));
	printf("# counters read in %.3f s\n", now() - start);
	start = now();
	assert_int_equal(differences(t, &rs, true), 0);
	printf("# verified in %.2f s\n", now() - start);
	nft_free(t);
	ruleset_done(&rs);

	start = now();
	ruleset_start(&rs);
	t = open_or_fail(&rs);
	printf("# taken over in %.2f s\n", now() - start);
	assert_int_equal(nft_in_force(t), many);
	r = want_host(&rs, "destination", 1);
	r->wanted = false;
	apply(t, &rs);
	for (uint32_t i = 0; i < 2; i++) {
		udp_frame(&f, i, 100);
		memcpy(f.octets + f.ip + 16, (const uint8_t[]){ 10, 0, 0, (uint8_t)i }, 4);
		send_frame(&f);
	}
	came[1] = false;
	receive_batch(came, 2);
	assert_false(came[0]);
	assert_true(came[1]);
	ruleset_done(&rs);
	close_all(t);
}

/* Rules, counters and the hub's epoch outlive the enforcer; so does one rule of many octets. */
static void test_outlives_the_enforcer(void **state)
{
	char longest[480] = "protocol udp; packet-length ";
	struct ruleset before, after;
	struct frame f;
	struct err e = { 0 };
	bool came[2] = { false };
	struct rule *host, *of_many, *again;
	struct nft *t;
	size_t count;

	(void)state;
	for (int i = 0; i < 50; i++)
		(void)snprintf(longest + strlen(longest), sizeof(longest) - strlen(longest),
			       "%s=%d", i > 0 ? " " : "[ ", 1000 + 3 * i);
	(void)snprintf(longest + strlen(longest), sizeof(longest) - strlen(longest), " ];");
	ruleset_start(&before);
	t = open_or_fail(&before);
	host = want(&before, "destination 192.0.2.1/32;",
		    &(struct flow_actions){ .has_rate_bytes = true });
	of_many = want(&before, longest,
		       &(struct flow_actions){ .has_rate_packets = true,
					       .rate_packets = 0.25f,
					       .has_mark = true,
					       .mark = 0 });
	apply(t, &before);
	nft_epoch_set(t, "a \"hub\" of the past");
	udp_frame(&f, 0, 100);
	send_frame(&f);
	receive_batch(came, 2);
	assert_false(came[0]);
	nft_free(t);

	ruleset_start(&after);
	t = open_or_fail(&after);
	assert_string_equal(nft_epoch(t), "a \"hub\" of the past");
	free(ruleset_in_order(&after, &count));
	assert_int_equal(count, 2);
	again = ruleset_find(&after, &of_many->nlri);
	assert_non_null(again);
	assert_true(plan_then_equal(&again->installed, &of_many->then));
	again = ruleset_find(&after, &host->nlri);
	assert_non_null(again);
	udp_frame(&f, 1, 100);
	send_frame(&f);
	receive_batch(came, 2);
	assert_false(came[1]);
	assert_true(nft_counters(t, &e));
	assert_int_equal(again->now.packets, 2);
	assert_int_equal(again->now.dropped_octets, 200);
	assert_false(nft_flush(&e)); /* one is at work */
	nft_free(t);

	assert_true(nft_flush(&e));
	assert_true(nft_flush(&e)); /* nothing is there */
	send_frame(&f);
	receive_batch(came, 2);
	assert_true(came[1]);
	ruleset_done(&before);
	ruleset_done(&after);
}

/* Of the section or of the interface; over the table that another mode has left. */
static void test_monitor_drops_nothing(void **state)
{
	static const bool yes[] = { true }, no[] = { false };
	static const struct {
		bool section;
		const bool *interfaces;
		bool drops;
	} rows[] = { { false, NULL, true },
		     { true, NULL, false },
		     { false, yes, false },
		     { false, no, true },
		     { true, no, false } };
	struct enforce_options enforced = options;
	struct err e = { 0 };

	(void)state;
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool came[2] = { false }, last = i + 1 == sizeof(rows) / sizeof(rows[0]);
		struct xdp_counters before;
		struct ruleset rs;
		struct frame f;
		struct rule *r;
		struct nft *t;

		options.monitor = rows[i].section;
		options.monitored = rows[i].interfaces;
		ruleset_start(&rs);
		t = open_or_fail(&rs);
		options = enforced;
		r = want(&rs, "destination 192.0.2.1/32;",
			 &(struct flow_actions){ .has_rate_bytes = true });
		apply(t, &rs);
		assert_true(nft_counters(t, &e));
		before = r->now;
		udp_frame(&f, 1, 100);
		send_frame(&f);
		receive_batch(came, 2);
		assert_int_equal(came[1], !rows[i].drops);
		assert_true(nft_counters(t, &e));
		assert_int_equal(r->now.packets, before.packets + 1);
		assert_int_equal(r->now.dropped_packets, before.dropped_packets + rows[i].drops);
		ruleset_done(&rs);
		if (last)
			close_all(t);
		else
			nft_free(t);
	}
}

/* A limit is not charged for what is saved, and what an enforcer has saved is not the next one's.
 */
static void test_saved_is_counted_anew(void **state)
{
	static struct flow_rule rule;
	static const char text[] = "match { protocol udp; }";
	struct enforce_protect_statement udp = { .name = "udp" };
	struct flow_text_options o = { .family = FLOW_IPV4 };
	struct ruleset rs;
	struct err e = { 0 };
	struct rule *r;
	struct nft *t;

	(void)state;
	assert_true(flow_text_rule(text, strlen(text), &o, &rule, &e));
	udp.nlri = flow_rule_nlri(&rule);
	options.protect = (struct enforce_protect){ .count = 1, .statements = &udp };
	for (uint64_t i = 1; i <= 2; i++) {
		struct timing at = { 0 };

		ruleset_start(&rs);
		t = open_or_fail(&rs);
		r = want(&rs, "destination 192.0.2.1/32;",
			 &(struct flow_actions){ .has_rate_packets = true, .rate_packets = 1 });
		apply(t, &rs);
		assert_int_equal(flood(100, 1, &at), FLOOD);
		assert_true(nft_counters(t, &e));
		assert_int_equal(r->now.packets, i * FLOOD);
		assert_int_equal(r->now.dropped_packets, 0);
		for (size_t row = 0; row < nft_saved(t)->count; row++)
			assert_int_equal(nft_saved(t)->row[row].now.packets,
					 nft_saved(t)->row[row].entry == XDP_STATEMENT_FIRST ? FLOOD
											     : 0);
		ruleset_done(&rs);
		if (i == 2)
			close_all(t);
		else
			nft_free(t);
	}
	options.protect = (struct enforce_protect){ 0 };
}

static void test_protected_flow_that_is_not_exact_is_refused(void **state)
{
	static struct flow_rule rule;
	static const char text[] = "match { packet-length =100; }";
	struct enforce_protect_statement length = { .name = "short" };
	struct flow_text_options o = { .family = FLOW_IPV4 };
	struct ruleset rs;
	struct err e = { 0 };

	(void)state;
	assert_true(flow_text_rule(text, strlen(text), &o, &rule, &e));
	length.nlri = flow_rule_nlri(&rule);
	options.protect = (struct enforce_protect){ .count = 1, .statements = &length };
	ruleset_start(&rs);
	close_all(open_or_fail(&rs));
	assert_true(run("ethtool -K hg1 gro on"));
	assert_null(nft_open(&options, &rs, &e));
	assert_non_null(strstr(e.text, "protect: route short: interface hg1 merges packets"));
	assert_true(run("ethtool -K hg1 gro off"));
	ruleset_done(&rs);
	options.protect = (struct enforce_protect){ 0 };
}

/* Each of these is seen, and once it is mended there is none. */
static void test_verify_sees_what_is_damaged(void **state)
{
	static const struct {
		const char *damage, *mend;
	} rows[] = {
		{ "add rule netdev headgate rule1 accept", NULL },
		{ "delete element netdev headgate ipv4-to32-some { 0xc0000201 }",
		  "add element netdev headgate ipv4-to32-some { 0xc0000201 : jump to1-some }" },
		{ "add element netdev headgate ipv4-to32-some { 0xc0000202 : accept }",
		  "delete element netdev headgate ipv4-to32-some { 0xc0000202 }" },
		{ "add element netdev headgate ipv4-locals { 0xc0000201 }",
		  "flush set netdev headgate ipv4-locals" },
		{ "add chain netdev headgate more", "delete chain netdev headgate more" },
		{ "flush chain netdev headgate to1-some", NULL },
		{ "add table netdev headgate { flags dormant; }", "add table netdev headgate" },
		{ "insert rule netdev headgate ipv4 accept", NULL },
		{ "flush chain netdev headgate ipv6-protected", NULL },
	};
	struct ruleset rs;
	struct err e = { 0 };
	struct rule *r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char command[160];
		struct nft *t;

		ruleset_start(&rs);
		t = open_or_fail(&rs);
		r = want(&rs, "destination 192.0.2.1/32;",
			 &(struct flow_actions){ .has_rate_packets = true, .rate_packets = 9 });
		apply(t, &rs);
		assert_int_equal(r->slot, 1);
		r->seen = false;
		assert_int_equal(differences(t, &rs, true), 0);
		(void)snprintf(command, sizeof(command), "%s\n", rows[i].damage);
		if (!nft_run(command, &e))
			fail_msg("%s: %s", rows[i].damage, e.text);
		if (differences(t, &rs, false) == 0)
			fail_msg("%s: not seen", rows[i].damage);
		if (rows[i].mend != NULL) {
			(void)snprintf(command, sizeof(command), "%s\n", rows[i].mend);
			if (!nft_run(command, &e))
				fail_msg("%s: %s", rows[i].mend, e.text);
			assert_int_equal(differences(t, &rs, true), 0);
		}
		ruleset_done(&rs);
		close_all(t);
	}
}

/* As `nft flush ruleset` of somebody else's start script does it. */
static void test_table_that_is_gone_is_made_anew(void **state)
{
	struct ruleset rs;
	struct frame f;
	struct err e = { 0 };
	bool came[3] = { false };
	struct rule *r;
	struct nft *t;

	(void)state;
	ruleset_start(&rs);
	t = open_or_fail(&rs);
	r = want(&rs, "destination 192.0.2.1/32;",
		 &(struct flow_actions){ .has_rate_bytes = true });
	apply(t, &rs);
	udp_frame(&f, 0, 100);
	send_frame(&f);
	receive_batch(came, 3);
	assert_true(nft_counters(t, &e));
	assert_true(nft_run("flush ruleset\n", &e));
	udp_frame(&f, 1, 100);
	send_frame(&f);
	receive_batch(came, 3);
	assert_true(nft_refresh(t));
	udp_frame(&f, 2, 100);
	send_frame(&f);
	receive_batch(came, 3);
	assert_false(came[0]);
	assert_true(came[1]);
	assert_false(came[2]);
	assert_true(nft_counters(t, &e));
	assert_int_equal(r->before.packets + r->now.packets, 2);
	ruleset_done(&rs);
	close_all(t);
}

/* Where packets are merged before the hook, lengths and numbers are not those of the wire. */
static void test_merging_interface_refuses_lengths(void **state)
{
	struct ruleset rs;
	struct rule *length, *other;
	struct nft *t;

	(void)state;
	ruleset_start(&rs);
	t = open_or_fail(&rs);
	length = want(&rs, "packet-length =100;", &(struct flow_actions){ .has_rate_bytes = true });
	other = want(&rs, "protocol udp;", &(struct flow_actions){ .has_rate_bytes = true });
	apply(t, &rs);
	assert_true(length->slot >= 0 && other->slot >= 0);
	assert_true(run("ethtool -K hg1 gro on"));
	assert_true(nft_refresh(t));
	ruleset_touch(&rs, length);
	ruleset_touch(&rs, other);
	apply(t, &rs);
	assert_true(length->slot < 0 && other->slot >= 0);
	assert_non_null(strstr(rule_reason(length), "hg1 merges packets"));
	assert_true(run("ethtool -K hg1 gro off"));
	assert_true(nft_refresh(t));
	ruleset_touch(&rs, length);
	apply(t, &rs);
	assert_true(length->slot >= 0);
	ruleset_done(&rs);
	close_all(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_reference),
		cmocka_unit_test(test_finds_missing_fragment_guard),
		cmocka_unit_test(test_finds_missing_header_length),
		cmocka_unit_test(test_finds_ignored_protection),
		cmocka_unit_test(test_finds_stale_rules),
		cmocka_unit_test(test_limits_packets),
		cmocka_unit_test(test_limits_octets),
		cmocka_unit_test(test_limited_is_marked),
		cmocka_unit_test(test_refuses_with_a_reason),
		cmocka_unit_test(test_full_table_says_so),
		cmocka_unit_test(test_rule_that_is_refused_is_in_no_others_way),
		cmocka_unit_test(test_many_destinations),
		cmocka_unit_test(test_outlives_the_enforcer),
		cmocka_unit_test(test_monitor_drops_nothing),
		cmocka_unit_test(test_saved_is_counted_anew),
		cmocka_unit_test(test_protected_flow_that_is_not_exact_is_refused),
		cmocka_unit_test(test_verify_sees_what_is_damaged),
		cmocka_unit_test(test_table_that_is_gone_is_made_anew),
		cmocka_unit_test(test_merging_interface_refuses_lengths),
	};

	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root\n");
		return 0;
	}
	/* Planted faults need not be found on each kernel, and not each verifier takes them. */
	cmocka_set_skip_filter(getenv("HEADGATE_SKIP"));
	return cmocka_run_group_tests(tests, make_wire, NULL);
}
