/* SPDX-License-Identifier: ISC */
/* bgp_message_fuzz.c - a message of any octets is printed or refused, the same way twice; an OPEN
 * that is taken says the same when its facts are written again. */
#include <assert.h>

#include "bgp/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_says_the_same(const uint8_t *data, size_t size)
{
	static struct bgp_notification fault;
	uint8_t buf[BGP_MESSAGE_MAX];
	struct wr w = wr_over(buf, sizeof(buf));
	struct rd r = rd_over(data, size);
	struct bgp_open a, b;

	rd_take(&r, BGP_HEADER);
	if (!bgp_open_read(r, &a, &fault) || !a.multiprotocol || !a.asn4)
		return;
	struct bgp_peer_conf c = { .local_as = a.as,
				   .hold_time = a.hold_time,
				   .asn4 = a.asn4,
				   .route_refresh = a.route_refresh,
				   .families = a.families };
	memcpy(c.router_id, a.id, sizeof(a.id));
	bgp_open_write(&w, &c);
	assert(wr_ok(&w));
	r = rd_over(buf, wr_len(&w));
	rd_take(&r, BGP_HEADER);
	assert(bgp_open_read(r, &b, &fault));
	assert(a.as == b.as && a.hold_time == b.hold_time && memcmp(a.id, b.id, sizeof(a.id)) == 0);
	/* Without a family that we speak we write none, and none means IPv4 unicast. */
	assert(a.families == b.families || a.families == 0);
	assert(a.route_refresh == b.route_refresh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[2][2 * 1024 * 1024];
	static struct bgp_notification fault;
	struct bgp_header h;
	struct err e = { 0 };

	for (unsigned as2 = 0; as2 < 2; as2++) {
		struct str a = str_over(text[0], sizeof(text[0])),
			   b = str_over(text[1], sizeof(text[1]));
		bool ok = bgp_message_print(data, size, as2 != 0, &a, &e);

		assert(ok == bgp_message_print(data, size, as2 != 0, &b, &e));
		assert(a.len == b.len && memcmp(text[0], text[1], a.len) == 0);
		assert(ok || e.text[0] != '\0');
	}
	if (size > 0 && bgp_frame_read(data, size, &h, &fault) == BGP_FRAME_WHOLE) {
		assert(h.len <= size);
		if (h.type == BGP_MSG_OPEN)
			open_says_the_same(data, h.len);
	}
	return 0;
}
