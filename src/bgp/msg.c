/* SPDX-License-Identifier: ISC */
/* msg.c - see msg.h.
 *
 * RFC 4271 4.1, 4.2, 4.4, 4.5, 6.1, 6.2; RFC 5492 capabilities; RFC 9072 long optional parameters;
 * RFC 6793 4-octet AS numbers; RFC 6286 identifiers; RFC 7607 AS 0; RFC 2918, RFC 7313 refresh;
 * RFC 4486, RFC 6608, RFC 9003 for what a NOTIFICATION says.
 *
 * What it does not do: messages over 4096 octets (RFC 8654), graceful restart, RFC 8950.
 */
#include "bgp/msg.h"

/* clang-format off */
static const struct {
	const char *name;
	uint16_t min, max; /* of the whole message */
} types[BGP_MSG_TYPES] = {
	[BGP_MSG_OPEN]          = { "OPEN",          29, BGP_MESSAGE_MAX },
	[BGP_MSG_UPDATE]        = { "UPDATE",        23, BGP_MESSAGE_MAX },
	[BGP_MSG_NOTIFICATION]  = { "NOTIFICATION",  21, BGP_MESSAGE_MAX },
	[BGP_MSG_KEEPALIVE]     = { "KEEPALIVE",     19, 19 },
	[BGP_MSG_ROUTE_REFRESH] = { "ROUTE-REFRESH", 23, BGP_MESSAGE_MAX },
};
/* clang-format on */

static const uint8_t marker[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

const char *bgp_msg_name(uint8_t type)
{
	return type >= BGP_MSG_OPEN && type < BGP_MSG_TYPES ? types[type].name : "unknown message";
}

bool bgp_fault(struct bgp_notification *n, uint8_t code, uint8_t subcode, const void *data,
	       size_t len)
{
	n->code = code;
	n->subcode = subcode;
	n->len = (uint16_t)(len > sizeof(n->data) ? sizeof(n->data) : len);
	if (n->len > 0)
		memcpy(n->data, data, n->len);
	return false;
}

/* ---- Frames ------------------------------------------------------------------------- */

enum bgp_frame bgp_frame_read(const uint8_t *octets, size_t len, struct bgp_header *ret,
			      struct bgp_notification *fault)
{
	struct rd r = rd_over(octets, len);
	size_t marked = len < sizeof(marker) ? len : sizeof(marker);

	if (marked > 0 && memcmp(octets, marker, marked) != 0) {
		bgp_fault(fault, BGP_HEADER_ERROR, BGP_HEADER_MARKER, NULL, 0);
		return BGP_FRAME_BAD;
	}
	if (len < BGP_HEADER)
		return BGP_FRAME_PART;
	rd_take(&r, sizeof(marker));
	uint16_t whole = rd_u16(&r);
	uint8_t type = rd_u8(&r);

	/* The length goes first: with a wrong one the type is not to be relied on. */
	if (whole < BGP_HEADER || whole > BGP_MESSAGE_MAX) {
		bgp_fault(fault, BGP_HEADER_ERROR, BGP_HEADER_LENGTH, octets + 16, 2);
		return BGP_FRAME_BAD;
	}
	if (type < BGP_MSG_OPEN || type >= BGP_MSG_TYPES) {
		bgp_fault(fault, BGP_HEADER_ERROR, BGP_HEADER_TYPE, octets + 18, 1);
		return BGP_FRAME_BAD;
	}
	/* RFC 7313 5: a ROUTE-REFRESH of another length has an error of its own. */
	if (type == BGP_MSG_ROUTE_REFRESH && whole != 23) {
		bgp_fault(fault, BGP_REFRESH_ERROR, 1, octets, len < whole ? len : whole);
		return BGP_FRAME_BAD;
	}
	if (whole < types[type].min || whole > types[type].max) {
		bgp_fault(fault, BGP_HEADER_ERROR, BGP_HEADER_LENGTH, octets + 16, 2);
		return BGP_FRAME_BAD;
	}
	*ret = (struct bgp_header){ type, whole };
	return len < whole ? BGP_FRAME_PART : BGP_FRAME_WHOLE;
}

struct wr_hole bgp_frame_open(struct wr *w, enum bgp_msg_type type)
{
	wr_bytes(w, marker, sizeof(marker));
	struct wr_hole h = { .at = wr_len(w), .width = 2 };
	wr_u16(w, 0);
	wr_u8(w, (uint8_t)type);
	return h;
}

/* The length counts from the marker, so a hole of wire.h does not fit. */
void bgp_frame_close(struct wr *w, struct wr_hole h)
{
	if (!wr_ok(w))
		return;
	struct wr back = wr_over(w->base + h.at, h.width);
	wr_u16(&back, (uint16_t)(wr_len(w) - (h.at - sizeof(marker))));
}

void bgp_keepalive_write(struct wr *w)
{
	struct wr_hole h = bgp_frame_open(w, BGP_MSG_KEEPALIVE);

	bgp_frame_close(w, h);
}

/* ---- OPEN ----------------------------------------------------------------------------- */

enum {
	VERSION = 4,
	PARAM_CAPABILITIES = 2,
	PARAM_EXTENDED = 255, /* RFC 9072 */
	CAP_MULTIPROTOCOL = 1,
	CAP_ROUTE_REFRESH = 2,
	CAP_AS4 = 65,
	HOLD_TIME_MIN = 3
};

/* A capability of the wrong length is as good as unknown: ignored, RFC 5492 3. */
static void read_capability(uint8_t code, struct rd r, struct bgp_open *o)
{
	if (code == CAP_MULTIPROTOCOL && rd_left(&r) == 4) {
		uint16_t afi = rd_u16(&r);
		uint8_t safi = (uint8_t)rd_u16(&r); /* behind a reserved octet */
		enum bgp_family f = bgp_family_find(afi, safi);

		o->multiprotocol = true;
		o->families |= f < BGP_FAMILIES ? 1u << f : 0;
	} else if (code == CAP_ROUTE_REFRESH && rd_left(&r) == 0) {
		o->route_refresh = true;
	} else if (code == CAP_AS4 && rd_left(&r) == 4) {
		o->asn4 = true;
		o->as = rd_u32(&r);
	}
}

static bool read_capabilities(struct rd r, struct bgp_open *o)
{
	while (rd_left(&r) > 0) {
		uint8_t code = rd_u8(&r);
		struct rd value = rd_sub(&r, rd_u8(&r));

		if (!rd_ok(&r))
			return false;
		read_capability(code, value, o);
	}
	return true;
}

static bool read_parameters(struct rd r, bool extended, struct bgp_open *o,
			    struct bgp_notification *fault)
{
	while (rd_left(&r) > 0) {
		uint8_t type = rd_u8(&r);
		struct rd value = rd_sub(&r, extended ? rd_u16(&r) : rd_u8(&r));

		if (!rd_ok(&r))
			return bgp_fault(fault, BGP_OPEN_ERROR, 0, NULL, 0);
		if (type != PARAM_CAPABILITIES)
			return bgp_fault(fault, BGP_OPEN_ERROR, BGP_OPEN_PARAMETER, NULL, 0);
		if (!read_capabilities(value, o))
			return bgp_fault(fault, BGP_OPEN_ERROR, 0, NULL, 0);
	}
	return true;
}

bool bgp_open_read(struct rd r, struct bgp_open *ret, struct bgp_notification *fault)
{
	static const uint8_t ours[2] = { 0, VERSION };
	struct bgp_open o = { 0 };
	bool extended = false;

	/* RFC 4271 6.2: the data is the largest version that we speak. */
	if (rd_u8(&r) != VERSION)
		return bgp_fault(fault, BGP_OPEN_ERROR, BGP_OPEN_VERSION, ours, sizeof(ours));
	o.as2 = rd_u16(&r);
	o.as = o.as2;
	o.hold_time = rd_u16(&r);
	const uint8_t *id = rd_take(&r, 4);
	size_t len = rd_u8(&r);
	if (id == NULL || !rd_ok(&r))
		return bgp_fault(fault, BGP_OPEN_ERROR, 0, NULL, 0);
	memcpy(o.id, id, 4);
	if (len > 0 && rd_left(&r) > 0 && *r.pos == PARAM_EXTENDED) {
		extended = true;
		rd_u8(&r);
		len = rd_u16(&r);
	}
	struct rd parameters = rd_sub(&r, len);
	if (!rd_ok(&r) || rd_left(&r) > 0)
		return bgp_fault(fault, BGP_OPEN_ERROR, 0, NULL, 0);
	if (!read_parameters(parameters, extended, &o, fault))
		return false;
	if (!o.multiprotocol)
		o.families = 1u << BGP_IPV4_UNICAST; /* RFC 4760 8: the families before it */
	*ret = o;
	return true;
}

static void write_capability(struct wr *w, uint8_t code, size_t width, uint64_t value)
{
	wr_u8(w, code);
	wr_u8(w, (uint8_t)width);
	wr_uint(w, width, value);
}

static void write_families(struct wr *w, uint32_t families)
{
	for (unsigned f = 0; f < BGP_FAMILIES; f++)
		if ((families & 1u << f) != 0)
			write_capability(w, CAP_MULTIPROTOCOL, 4,
					 (uint64_t)bgp_families[f].afi << 16 |
						 bgp_families[f].safi);
}

void bgp_open_write(struct wr *w, const struct bgp_peer_conf *c)
{
	struct wr_hole frame = bgp_frame_open(w, BGP_MSG_OPEN);

	wr_u8(w, VERSION);
	wr_u16(w, c->local_as > UINT16_MAX ? BGP_AS_TRANS : (uint16_t)c->local_as);
	wr_u16(w, c->hold_time);
	wr_bytes(w, c->router_id, 4);
	struct wr_hole parameters = wr_open(w, 1);
	wr_u8(w, PARAM_CAPABILITIES);
	struct wr_hole capabilities = wr_open(w, 1);
	write_families(w, c->families);
	if (c->route_refresh)
		write_capability(w, CAP_ROUTE_REFRESH, 0, 0);
	if (c->asn4)
		write_capability(w, CAP_AS4, 4, c->local_as);
	wr_close(w, capabilities);
	wr_close(w, parameters);
	bgp_frame_close(w, frame);
}

/* RFC 4271 6.2, RFC 6286 2.1: not zero, and within an AS not ours. */
static bool id_is_valid(const struct bgp_open *o, const struct bgp_peer_conf *c)
{
	static const uint8_t zero[4] = { 0 };

	return memcmp(o->id, zero, 4) != 0 &&
	       (c->remote_as != c->local_as || memcmp(o->id, c->router_id, 4) != 0);
}

/* RFC 5492 3: the data are the capabilities that we miss. */
static bool no_common_family(const struct bgp_peer_conf *c, struct bgp_notification *fault)
{
	uint8_t buf[BGP_FAMILIES * 6];
	struct wr w = wr_over(buf, sizeof(buf));

	write_families(&w, c->families);
	return bgp_fault(fault, BGP_OPEN_ERROR, BGP_OPEN_CAPABILITY, buf, wr_len(&w));
}

bool bgp_open_check(const struct bgp_open *o, const struct bgp_peer_conf *c,
		    struct bgp_notification *fault)
{
	/* RFC 6793 4.2.1: with a capability the field may be AS_TRANS, else it is the number. */
	if (o->as == 0 || o->as2 == 0 || o->as != c->remote_as ||
	    (o->asn4 && o->as == BGP_AS_TRANS))
		return bgp_fault(fault, BGP_OPEN_ERROR, BGP_OPEN_AS, NULL, 0);
	if (!id_is_valid(o, c))
		return bgp_fault(fault, BGP_OPEN_ERROR, BGP_OPEN_ID, NULL, 0);
	if (o->hold_time != 0 && o->hold_time < HOLD_TIME_MIN)
		return bgp_fault(fault, BGP_OPEN_ERROR, BGP_OPEN_HOLD_TIME, NULL, 0);
	if ((o->families & c->families) == 0)
		return no_common_family(c, fault);
	return true;
}

/* ---- ROUTE-REFRESH -------------------------------------------------------------------- */

struct bgp_refresh bgp_refresh_read(struct rd r)
{
	struct bgp_refresh f = { 0 };

	f.afi = rd_u16(&r);
	f.subtype = rd_u8(&r);
	f.safi = rd_u8(&r);
	f.family = bgp_family_find(f.afi, f.safi);
	return f;
}

void bgp_refresh_write(struct wr *w, enum bgp_family f)
{
	struct wr_hole h = bgp_frame_open(w, BGP_MSG_ROUTE_REFRESH);

	wr_u16(w, bgp_families[f].afi);
	wr_u8(w, 0);
	wr_u8(w, bgp_families[f].safi);
	bgp_frame_close(w, h);
}

/* ---- NOTIFICATION --------------------------------------------------------------------- */

void bgp_notification_read(struct rd r, struct bgp_notification *ret)
{
	uint8_t code = rd_u8(&r);
	uint8_t subcode = rd_u8(&r);

	bgp_fault(ret, code, subcode, r.pos, rd_left(&r));
}

void bgp_notification_write(struct wr *w, const struct bgp_notification *n)
{
	struct wr_hole h = bgp_frame_open(w, BGP_MSG_NOTIFICATION);

	wr_u8(w, n->code);
	wr_u8(w, n->subcode);
	wr_bytes(w, n->data, n->len);
	bgp_frame_close(w, h);
}

enum {
	SUBCODES = 12
};

/* clang-format off */
static const struct {
	const char *name;
	const char *sub[SUBCODES];
} codes[] = {
	[BGP_HEADER_ERROR] = { "message header error",
		{ NULL, "connection not synchronized", "bad message length", "bad message type" } },
	[BGP_OPEN_ERROR] = { "OPEN message error",
		{ NULL, "unsupported version number", "bad peer AS", "bad BGP identifier",
		  "unsupported optional parameter", "authentication failure", "unacceptable hold time",
		  "unsupported capability" } },
	[BGP_UPDATE_ERROR] = { "UPDATE message error",
		{ NULL, "malformed attribute list", "unrecognized well-known attribute",
		  "missing well-known attribute", "attribute flags error", "attribute length error",
		  "invalid ORIGIN attribute", "AS routing loop", "invalid NEXT_HOP attribute",
		  "optional attribute error", "invalid network field", "malformed AS_PATH" } },
	[BGP_HOLD_EXPIRED] = { "hold timer expired", { NULL } },
	[BGP_FSM_ERROR] = { "finite state machine error",
		{ NULL, "unexpected message in OpenSent", "unexpected message in OpenConfirm",
		  "unexpected message in Established" } },
	[BGP_CEASE] = { "cease",
		{ NULL, "maximum number of prefixes reached", "administrative shutdown", "peer de-configured",
		  "administrative reset", "connection rejected", "other configuration change",
		  "connection collision resolution", "out of resources", "hard reset", "BFD down" } },
	[BGP_REFRESH_ERROR] = { "ROUTE-REFRESH message error", { NULL, "invalid message length" } },
	[BGP_SEND_HOLD_EXPIRED] = { "send hold timer expired", { NULL } },
};
/* clang-format on */

/* RFC 9003 2: one octet of length, then UTF-8.  Strangers' text: what is not plain is escaped. */
static bool print_shutdown_text(const struct bgp_notification *n, struct str *out)
{
	if (n->code != BGP_CEASE ||
	    (n->subcode != BGP_CEASE_SHUTDOWN && n->subcode != BGP_CEASE_RESET))
		return false;
	struct rd r = rd_over(n->data, n->len);
	struct rd text = rd_sub(&r, rd_u8(&r));
	if (!rd_ok(&r) || rd_left(&r) > 0 || rd_left(&text) == 0)
		return false;
	str_add(out, ": ");
	while (rd_left(&text) > 0) {
		uint8_t c = rd_u8(&text);

		if (c >= 0x20 && c < 0x7f && c != '\\')
			str_addf(out, "%c", c);
		else
			str_addf(out, "\\x%02x", c);
	}
	return true;
}

void bgp_notification_print(const struct bgp_notification *n, struct str *out)
{
	enum {
		SHOWN = 32 /* octets of data: enough to see what it is */
	};
	const char *name = NULL, *sub = NULL;

	if (n->code < sizeof(codes) / sizeof(codes[0])) {
		name = codes[n->code].name;
		sub = n->subcode < SUBCODES ? codes[n->code].sub[n->subcode] : NULL;
	}
	if (name != NULL)
		str_add(out, name);
	else
		str_addf(out, "code %u", n->code);
	if (sub != NULL)
		str_addf(out, "/%s", sub);
	else if (n->subcode != 0)
		str_addf(out, "/subcode %u", n->subcode);
	if (n->len == 0 || print_shutdown_text(n, out))
		return;
	str_add(out, ", data ");
	str_add_hex(out, n->data, n->len < SHOWN ? n->len : SHOWN);
	if (n->len > SHOWN)
		str_add(out, "...");
}
