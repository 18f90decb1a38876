/* SPDX-License-Identifier: ISC */
/* decode.c - prints the rules of an MP_REACH_NLRI's NLRI field, given as hex.
 *
 *	cc decode.c $(pkg-config --cflags --libs flowspec) -o decode
 *	./decode 0701180a000003810607011814000003811103020102
 *
 * One malformed NLRI does not hide those behind it: its length says where the next one begins.
 */
#include <stdio.h>
#include <string.h>

#include <flowspec/flow.h>

static void show(const struct flow_nlri *n)
{
	static char text[FLOW_TEXT_MAX]; /* room for any rule */
	struct str out = str_over(text, sizeof(text));

	flow_text_match(n, &out);
	puts(text);
}

int main(int argc, char **argv)
{
	uint8_t octets[4096];
	size_t len;

	if (argc != 2 || !hex_parse(argv[1], strlen(argv[1]), octets, sizeof(octets), &len)) {
		fprintf(stderr, "usage: decode HEX\n");
		return 2;
	}
	struct rd r = rd_over(octets, len);
	bool overrun = false, good = true;

	while (rd_left(&r) > 0 && !overrun) {
		struct flow_nlri n;
		struct err e = { 0 };
		char why[256];

		if (flow_nlri_read(&r, FLOW_IPV4, false, &n, &overrun, &e)) {
			show(&n);
		} else {
			printf("malformed: %s\n", err_string(&e, why, sizeof(why)));
			good = false;
		}
	}
	return good ? 0 : 1;
}
