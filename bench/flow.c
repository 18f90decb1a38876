/* SPDX-License-Identifier: ISC */
/* flow.c - nanoseconds a rule for what libflowspec does, over the rules of a file.
 *
 * usage: flow_bench FILE	prints "WORK NANOSECONDS", a line each.
 *        flow_bench FILE --hex	prints "FAMILY HEX" of each rule, for other codecs to read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flow/flow.h"

enum {
	RULES_MAX = 64,
	ROUNDS = 500,
	PASSES = 40, /* over all rules, a round */
	FLOWS = 10000,
	FLOW_ROOM = 64 /* octets that a protected flow takes in its set, at most */
};

struct sample {
	char text[512];
	size_t len;
	struct flow_text_options options;
	struct flow_rule rule;
	uint8_t wire[FLOW_NLRI_MAX + 2];
	size_t wire_len;
	struct flow_nlri nlri, again; /* of rule and of wire */
	struct flow_normal normal;
};

static struct sample samples[RULES_MAX];
static size_t count;
static struct flow_set *sessions, *bare_flows; /* FLOWS in each */
static volatile uint64_t sink;                 /* so that no result is left uncomputed */

static const uint8_t packet[] = {
	0x45, 0,    0, 60, 0, 7, 0, 0, 64, 6, 0, 0, 203,  0, 113,  201,  192, 0, 2, 1,
	0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0,  0, 0, 0, 0x50, 2, 0xff, 0xff, 0,   0, 0, 0,
};

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- the work ------------------------------------------------------------------------ */

static void decode(struct sample *s)
{
	struct rd r = rd_over(s->wire, s->wire_len);
	struct flow_nlri n;

	sink += flow_nlri_read(&r, s->nlri.family, false, &n, NULL, NULL) ? n.len : 0;
}

/* What the others do on decoding: each operator and operand is looked at. */
static void decode_walk(struct sample *s)
{
	struct rd r = rd_over(s->wire, s->wire_len), components;
	struct flow_nlri n;
	struct flow_comp c;
	struct flow_op o;

	if (!flow_nlri_read(&r, s->nlri.family, false, &n, NULL, NULL))
		return;
	components = flow_nlri_components(&n);
	while (flow_comp_next(&components, n.family, &c)) {
		if (c.type <= FLOW_SOURCE) {
			sink += rd_u8(&c.body);
			continue;
		}
		while (flow_op_next(&c.body, &o))
			sink += o.value;
	}
}

static void encode(struct sample *s)
{
	uint8_t octets[FLOW_NLRI_MAX + 2];
	struct wr w = wr_over(octets, sizeof(octets));

	flow_nlri_write(&w, &s->nlri);
	sink += wr_len(&w) + octets[wr_len(&w) - 1];
}

static void parse(struct sample *s)
{
	static struct flow_rule r;

	sink += flow_text_rule(s->text, s->len, &s->options, &r, NULL) ? r.nlri_len : 0;
}

static void print(struct sample *s)
{
	char text[1024];
	struct str out = str_over(text, sizeof(text));

	flow_text_print(NULL, &s->nlri, NULL, &out);
	sink += out.len;
}

static void order(struct sample *s)
{
	struct sample *other = s + 1 < samples + count ? s + 1 : samples;

	sink += flow_order(&s->nlri, &other->nlri) < 0;
}

/* To the last component, as when a rule is looked for that is there. */
static void order_alike(struct sample *s)
{
	sink += flow_order(&s->nlri, &s->again) == 0;
}

static void normal(struct sample *s)
{
	static struct flow_normal n;

	sink += flow_normal_make(&s->nlri, &n, NULL) ? n.span_count : 0;
}

static void overlap(struct sample *s)
{
	struct sample *other = s + 1 < samples + count ? s + 1 : samples;

	sink += flow_overlap(&s->normal, &other->normal, NULL);
}

static void match(struct sample *s)
{
	sink += flow_match(&s->nlri, packet, sizeof(packet));
}

static void meets_sessions(struct sample *s)
{
	sink += flow_set_meets(sessions, &s->normal, NULL);
}

static void meets_bare_flows(struct sample *s)
{
	sink += flow_set_meets(bare_flows, &s->normal, NULL);
}

static const struct {
	const char *name;
	void (*run)(struct sample *s);
} work[] = {
	{ "decode", decode },
	{ "decode-walk", decode_walk },
	{ "encode", encode },
	{ "parse", parse },
	{ "print", print },
	{ "order", order },
	{ "order-alike", order_alike },
	{ "normal", normal },
	{ "match", match },
	{ "overlap", overlap },
	{ "meets", meets_sessions },
	{ "meets-bare", meets_bare_flows },
};

/* The best of many short rounds: what else runs on the machine makes one longer, never shorter. */
static double measure(void (*run)(struct sample *s))
{
	uint64_t best = UINT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin = now_ns(), took;

		for (int pass = 0; pass < PASSES; pass++)
			for (size_t i = 0; i < count; i++)
				run(&samples[i]);
		took = now_ns() - begin;
		best = took < best ? took : best;
	}
	return (double)best / PASSES / (double)count;
}

/* ---- the rules ------------------------------------------------------------------------- */

static void fail(const char *what, unsigned line)
{
	(void)fprintf(stderr, "flow_bench: line %u: %s\n", line, what);
	exit(1);
}

/* "FAMILY | RULE | ..." */
static void add(char *line, unsigned number)
{
	struct sample *s = &samples[count];
	char *rule = strstr(line, " | "), *end = rule != NULL ? strstr(rule + 3, " | ") : NULL;
	struct err e = { .col = 0 };
	struct wr w = wr_over(s->wire, sizeof(s->wire));
	struct rd r;

	if (end == NULL || count == RULES_MAX || (size_t)(end - rule - 3) >= sizeof(s->text))
		fail("not a line of FAMILY | RULE | RULE", number);
	s->len = (size_t)(end - rule - 3);
	memcpy(s->text, rule + 3, s->len);
	s->options.family = strncmp(line, "ipv6", 4) == 0 ? FLOW_IPV6 : FLOW_IPV4;
	if (!flow_text_rule(s->text, s->len, &s->options, &s->rule, &e))
		fail(e.text, number);
	s->nlri = flow_rule_nlri(&s->rule);
	if (!flow_normal_make(&s->nlri, &s->normal, &e))
		fail(e.text, number);
	flow_nlri_write(&w, &s->nlri);
	s->wire_len = wr_len(&w);
	r = rd_over(s->wire, s->wire_len);
	if (!flow_nlri_read(&r, s->nlri.family, false, &s->again, NULL, &e))
		fail(e.text, number);
	count++;
}

static void read_rules(const char *name)
{
	char line[1024];
	unsigned number = 0;
	FILE *in = fopen(name, "r");

	if (in == NULL)
		fail(name, 0);
	while (fgets(line, sizeof(line), in) != NULL) {
		number++;
		if (*line != '#')
			add(line, number);
	}
	(void)fclose(in);
}

/* A session of one address with another: none of the rules' addresses is among them. */
static void session_text(unsigned i, struct str *to)
{
	str_addf(to, "match { destination 10.0.%u.%u/32; source 10.1.%u.%u/32; ", i / 250, i % 250,
		 i % 250, i / 250);
	str_addf(to, "protocol tcp; destination-port =%u; }", i % 2 != 0 ? 443 : 179);
}

/* No address, and no two alike in the rest: what no index of prefixes tells apart. */
static void bare_flow_text(unsigned i, struct str *to)
{
	static const char *const protocols[] = { "protocol tcp", "protocol udp", "next-header tcp",
						 "next-header udp" };

	str_addf(to, "match { %s; destination-port =%u; ", protocols[i % 4], 2000 + i / 4);
	str_addf(to, "source-port =%u; packet-length >=%u; }", 3000 + i * 7 % 50000, 60 + i % 400);
}

static struct flow_set *make_set(void (*write)(unsigned i, struct str *to))
{
	static struct flow_normal n;
	static struct flow_rule rule;
	size_t size = flow_set_size(FLOWS, (size_t)FLOWS * FLOW_ROOM);
	struct flow_set *set = flow_set_init(malloc(size), size, FLOWS);

	for (unsigned i = 0; i < FLOWS; i++) {
		char text[160];
		struct str to = str_over(text, sizeof(text));
		struct flow_nlri nlri;

		write(i, &to);
		if (!flow_text_rule(text, to.len, NULL, &rule, NULL))
			fail(text, i);
		nlri = flow_rule_nlri(&rule);
		if (!flow_normal_make(&nlri, &n, NULL) || !flow_set_add(set, &n, false))
			fail(text, i);
	}
	flow_set_index(set);
	return set;
}

static void print_hex(const struct sample *s)
{
	printf("%s ", s->nlri.family == FLOW_IPV6 ? "ipv6" : "ipv4");
	for (size_t i = 0; i < s->wire_len; i++)
		printf("%02x", s->wire[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	read_rules(argv[1]);
	if (argc > 2) {
		for (size_t i = 0; i < count; i++)
			print_hex(&samples[i]);
		return 0;
	}
	sessions = make_set(session_text);
	bare_flows = make_set(bare_flow_text);
	for (size_t i = 0; i < sizeof(work) / sizeof(work[0]); i++)
		printf("%s %.1f\n", work[i].name, measure(work[i].run));
	return 0;
}
