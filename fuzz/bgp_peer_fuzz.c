/* SPDX-License-Identifier: ISC */
/* bgp_peer_fuzz.c - an other end that does anything: octets in pieces on either connection, calls,
 * closing, time.  What we send are whole messages, a NOTIFICATION is the last of a connection and
 * closes it, up and down alternate.
 *
 * The input is a list of {what, argument, that many octets for what takes octets}.
 */
#include <assert.h>

#include "tests/bgp_lone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum what {
	PUT_OURS,
	PUT_THEIRS,
	PUT_UPDATE, /* with a right header */
	OPEN_OURS,
	OPEN_THEIRS,
	KEEPALIVES,
	CALL,
	CONNECTED,
	CLOSED_OURS,
	CLOSED_THEIRS,
	WAIT,
	PUMP,
	SHUT,
	ENABLE,
	WHATS
};

static void check(const struct lone *l)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct lone_sock *k = &l->socks[i];
		size_t at = 0;

		while (at < k->len) {
			size_t len = (size_t)(k->sent[at + 16] << 8 | k->sent[at + 17]);

			assert(len >= BGP_HEADER && len <= k->len - at);
			at += len;
			if (k->sent[at - len + 18] == BGP_MSG_NOTIFICATION)
				assert(at == k->len && !k->open);
		}
	}
	assert(l->ups - l->downs <= 1);
	assert((bgp_peer_established(l->peer) != NULL) == (l->ups != l->downs));
	/* Never stuck: it has a connection, a timer, or was shut. */
	assert(l->socks[OURS].open || l->socks[THEIRS].open || bgp_peer_due(l->peer) != 0 ||
	       l->peer->shut);
}

static void put_update(struct lone *l, unsigned i, struct rd r)
{
	uint8_t buf[BGP_MESSAGE_MAX];
	struct wr w = wr_over(buf, sizeof(buf));
	struct wr_hole h = bgp_frame_open(&w, BGP_MSG_UPDATE);

	wr_bytes(&w, r.pos, rd_left(&r));
	bgp_frame_close(&w, h);
	if (wr_len(&w) >= 23)
		lone_put(l, i, buf, wr_len(&w));
}

static unsigned talking(const struct lone *l)
{
	return l->peer->passive.state > l->peer->active.state ? THEIRS : OURS;
}

static void put(struct lone *l, unsigned i, struct rd r)
{
	if (lone_conn(l, i)->state >= BGP_OPENSENT)
		lone_put(l, i, r.pos, rd_left(&r));
}

static void act(struct lone *l, enum what what, uint8_t arg, struct rd r)
{
	unsigned i = talking(l);

	switch (what) {
	case PUT_OURS:
	case PUT_THEIRS:
		put(l, what == PUT_OURS ? OURS : THEIRS, r);
		break;
	case PUT_UPDATE:
		if (lone_conn(l, i)->state >= BGP_OPENSENT)
			put_update(l, i, r);
		break;
	case OPEN_OURS:
	case OPEN_THEIRS:
		i = what == OPEN_OURS ? OURS : THEIRS;
		if (lone_conn(l, i)->state >= BGP_OPENSENT)
			lone_put_open(l, i, arg);
		break;
	case KEEPALIVES:
		for (i = 0; i < 2; i++)
			if (lone_conn(l, i)->state >= BGP_OPENSENT)
				lone_put_hex(l, i, LONE_KEEPALIVE);
		break;
	case CALL:
		if (!l->socks[THEIRS].open)
			lone_call(l);
		break;
	case CONNECTED:
		if (l->peer->active.state == BGP_CONNECT)
			lone_connected(l);
		break;
	case CLOSED_OURS:
	case CLOSED_THEIRS:
		i = what == CLOSED_OURS ? OURS : THEIRS;
		if (l->socks[i].open)
			bgp_conn_down(lone_conn(l, i), "connection closed by peer", l->now);
		break;
	case WAIT:
		lone_wait(l, (msec)arg * 1000);
		break;
	case PUMP:
		l->to_send += arg;
		bgp_peer_pump(l->peer, l->now);
		break;
	case SHUT:
		bgp_peer_shut(l->peer, l->now);
		break;
	case ENABLE:
		bgp_peer_enable(l->peer, l->now);
		break;
	case WHATS:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bgp_peer_conf c = lone_conf();
	struct bgp_attrs draft = { .next_hop_len = 4, .next_hop = { 192, 0, 2, 1 } };
	struct lone *l = lone_new(&c);
	struct rd r = rd_over(data, size);
	struct bgp_attrs *attrs = bgp_attrs_intern(l->attrs, &draft);

	l->send_attrs = attrs;
	bgp_peer_start(l->peer, l->now);
	for (unsigned n = 0; n < 200 && rd_left(&r) > 1; n++) {
		enum what what = (enum what)(rd_u8(&r) % WHATS);
		uint8_t arg = rd_u8(&r);
		size_t len = what <= PUT_UPDATE ? arg : 0;

		act(l, what, arg, rd_sub(&r, len < rd_left(&r) ? len : rd_left(&r)));
		check(l);
	}
	bgp_attrs_unref(l->attrs, attrs);
	lone_free(l);
	return 0;
}
