/* SPDX-License-Identifier: ISC */
/* match.c - which of several rules a router would apply to a packet: they are tried in the order
 * of RFC 8955 5.1, not in the order given.
 *
 *	cc match.c $(pkg-config --cflags --libs flowspec) -o match
 *	./match PACKET-HEX 'match { protocol udp; }' 'match { destination 10.0.0.0/8; }'
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowspec/flow.h>

enum {
	RULES_MAX = 16
};

static int tried_first(const void *a, const void *b)
{
	const struct flow_rule *x = *(const struct flow_rule *const *)a;
	const struct flow_rule *y = *(const struct flow_rule *const *)b;
	struct flow_nlri n = flow_rule_nlri(x), m = flow_rule_nlri(y);

	return flow_order(&n, &m);
}

int main(int argc, char **argv)
{
	static struct flow_rule rules[RULES_MAX], *order[RULES_MAX];
	uint8_t packet[2048];
	size_t len, n = 0;
	struct err e = { 0 };

	if (argc < 3 || argc > RULES_MAX + 2 ||
	    !hex_parse(argv[1], strlen(argv[1]), packet, sizeof(packet), &len))
		return 2;
	for (int i = 2; i < argc; i++, n++) {
		order[n] = &rules[n];
		if (flow_text_rule(argv[i], strlen(argv[i]), NULL, order[n], &e))
			continue;
		fprintf(stderr, "rule %zu, column %u: %s\n", n + 1, e.col, e.text);
		return 2;
	}
	qsort(order, n, sizeof(order[0]), tried_first);
	for (size_t i = 0; i < n; i++) {
		struct flow_nlri nlri = flow_rule_nlri(order[i]);

		if (!flow_match(&nlri, packet, len))
			continue;
		printf("rule %zu: %s\n", (size_t)(order[i] - rules) + 1,
		       argv[order[i] - rules + 2]);
		return 0;
	}
	puts("no match");
	return 1;
}
