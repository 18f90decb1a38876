/* SPDX-License-Identifier: ISC */
/* conn.c - the octets of one connection.
 *
 * Invariants:
 * 1. in holds less than one message whenever nobody is inside bgp_conn_input.
 * 2. out holds whole messages; out_msg <= out_sent <= out_len, and out_msg is the start of the one
 *    that out_sent stands in or before.
 */
#include "bgp/peer.h"

#include <stdlib.h>

bool bgp_conn_open(struct bgp_conn *c, void *sock, const struct addr *local)
{
	c->sock = sock;
	c->local = *local;
	c->in_len = c->out_msg = c->out_sent = c->out_len = 0;
	if (c->out == NULL)
		c->out = malloc(BGP_OUT_ROOM);
	return c->out != NULL;
}

void bgp_conn_close(struct bgp_conn *c)
{
	if (c->sock != NULL)
		c->peer->env.transport->close(c->peer->env.transport_ctx, c);
	c->sock = NULL;
	c->epoch++;
	free(c->out);
	c->out = NULL;
	c->in_len = c->out_msg = c->out_sent = c->out_len = 0;
	c->hold_due = c->keepalive_due = c->retry_due = c->send_due = 0;
}

/* ---- Out --------------------------------------------------------------------------------- */

size_t bgp_conn_queued(const struct bgp_conn *c)
{
	return c->out_len - c->out_sent;
}

static size_t message_len(const uint8_t *octets)
{
	return (size_t)(octets[16] << 8 | octets[17]);
}

static void compact(struct bgp_conn *c)
{
	if (c->out_msg == 0)
		return;
	memmove(c->out, c->out + c->out_msg, c->out_len - c->out_msg);
	c->out_sent -= c->out_msg;
	c->out_len -= c->out_msg;
	c->out_msg = 0;
}

bool bgp_conn_put(struct bgp_conn *c, const uint8_t *octets, size_t len)
{
	if (c->out == NULL || len < BGP_HEADER)
		return false;
	if (BGP_OUT_ROOM - c->out_len < len)
		compact(c);
	if (BGP_OUT_ROOM - c->out_len < len)
		return false;
	memcpy(c->out + c->out_len, octets, len);
	c->out_len += len;
	c->peer->messages_out++;
	return true;
}

static msec send_hold(const struct bgp_conn *c)
{
	return c->hold_time > 0 ? 2000 * (msec)c->hold_time : BGP_SEND_HOLD_MS;
}

void bgp_conn_flush(struct bgp_conn *c)
{
	struct bgp_peer *p = c->peer;
	size_t left = bgp_conn_queued(c), n = 0;

	if (c->sock == NULL || left == 0)
		return;
	n = p->env.transport->send(p->env.transport_ctx, c, c->out + c->out_sent, left);
	c->out_sent += n;
	p->octets_out += n;
	while (c->out_msg < c->out_sent &&
	       c->out_msg + message_len(c->out + c->out_msg) <= c->out_sent)
		c->out_msg += message_len(c->out + c->out_msg);
	if (n == left)
		c->out_msg = c->out_sent = c->out_len = c->send_due = 0;
	else if (n > 0 || c->send_due == 0)
		c->send_due = p->now + send_hold(c);
}

/* What the neighbor has not seen the beginning of is not worth its while any more. */
void bgp_conn_notify(struct bgp_conn *c, const struct bgp_notification *n)
{
	uint8_t buf[BGP_MESSAGE_MAX];
	struct wr w = wr_over(buf, sizeof(buf));

	if (c->sock == NULL || c->out == NULL)
		return;
	c->out_len = c->out_msg < c->out_sent ? c->out_msg + message_len(c->out + c->out_msg)
					      : c->out_sent;
	bgp_notification_write(&w, n);
	if (wr_ok(&w))
		bgp_conn_put(c, buf, wr_len(&w));
	bgp_conn_flush(c);
}

void bgp_conn_send_open(struct bgp_conn *c)
{
	uint8_t buf[BGP_MESSAGE_MAX];
	struct wr w = wr_over(buf, sizeof(buf));

	bgp_open_write(&w, &c->peer->conf);
	bgp_conn_put(c, buf, wr_len(&w));
	bgp_conn_flush(c);
}

/* Without room it is left out: what stands in the queue says as well that we are alive. */
void bgp_conn_send_keepalive(struct bgp_conn *c)
{
	uint8_t buf[BGP_HEADER];
	struct wr w = wr_over(buf, sizeof(buf));

	bgp_keepalive_write(&w);
	bgp_conn_put(c, buf, wr_len(&w));
	bgp_conn_flush(c);
}

/* ---- In ---------------------------------------------------------------------------------- */

/* Takes the whole messages off in; false when the connection is over. */
static bool take_messages(struct bgp_conn *c)
{
	struct bgp_notification fault;
	struct bgp_header h;
	unsigned epoch = c->epoch;
	size_t at = 0;

	while (at < c->in_len) {
		switch (bgp_frame_read(c->in + at, c->in_len - at, &h, &fault)) {
		case BGP_FRAME_PART:
			goto part;
		case BGP_FRAME_BAD:
			bgp_conn_step(c, BGP_EV_FAULT, &fault, NULL);
			return false;
		case BGP_FRAME_WHOLE:
			break;
		}
		c->peer->messages_in++;
		bgp_conn_message(c, h, c->in + at);
		if (c->epoch != epoch)
			return false;
		at += h.len;
	}
part:
	c->in_len -= at;
	memmove(c->in, c->in + at, c->in_len);
	return true;
}

void bgp_conn_input(struct bgp_conn *c, const uint8_t *octets, size_t len, msec now)
{
	unsigned epoch = c->epoch;

	c->peer->now = now;
	c->peer->octets_in += len;
	while (len > 0 && c->epoch == epoch && c->sock != NULL) {
		size_t room = sizeof(c->in) - c->in_len;
		size_t n = len < room ? len : room;

		memcpy(c->in + c->in_len, octets, n);
		c->in_len += n;
		octets += n;
		len -= n;
		if (!take_messages(c))
			return;
	}
}

bool bgp_conn_writable(struct bgp_conn *c, msec now)
{
	c->peer->now = now;
	bgp_conn_flush(c);
	return c->state == BGP_ESTABLISHED && bgp_conn_queued(c) < BGP_OUT_QUEUE_MAX / 2;
}
