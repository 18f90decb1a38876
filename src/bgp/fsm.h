/* SPDX-License-Identifier: ISC */
/* fsm.h - the state machine of one connection, RFC 4271 8, as a function of (state, event); inside
 * of the layer.
 *
 * It touches no socket and no timer: it says what to do, and peer.c does it, in the order of enum
 * bgp_do.
 */
#ifndef BGP_FSM_H
#define BGP_FSM_H

#include "bgp/bgp.h"

enum bgp_event {
	BGP_EV_START,             /* event 1, 3 */
	BGP_EV_START_PASSIVE,     /* event 4, 5 */
	BGP_EV_STOP,              /* event 2, 8: by us; the NOTIFICATION is the caller's */
	BGP_EV_TCP_UP,            /* event 16, 17 */
	BGP_EV_TCP_DOWN,          /* event 18 */
	BGP_EV_RETRY_EXPIRED,     /* event 9 */
	BGP_EV_HOLD_EXPIRED,      /* event 10 */
	BGP_EV_KEEPALIVE_EXPIRED, /* event 11 */
	BGP_EV_OPEN,              /* event 19 */
	BGP_EV_KEEPALIVE,         /* event 26 */
	BGP_EV_UPDATE,            /* event 27 */
	BGP_EV_REFRESH,           /* RFC 2918 */
	BGP_EV_NOTIFICATION,      /* event 24, 25 */
	BGP_EV_FAULT,     /* event 21, 22, 28: of a message; the NOTIFICATION is the caller's */
	BGP_EV_COLLISION, /* event 23: the other connection stays */
	BGP_EVENTS
};

enum bgp_do {
	BGP_DO_NOTIFY_GIVEN = 1 << 0, /* what came with the event */
	BGP_DO_NOTIFY_FSM = 1 << 1,   /* 5/state, RFC 6608 */
	BGP_DO_NOTIFY_HOLD = 1 << 2,  /* 4/0 */
	BGP_DO_CLOSE = 1 << 3,
	BGP_DO_DOWN = 1 << 4, /* the routes of this neighbor go */
	BGP_DO_CONNECT = 1 << 5,
	BGP_DO_SEND_OPEN = 1 << 6,
	BGP_DO_SEND_KEEPALIVE = 1 << 7,
	BGP_DO_HOLD_LONG = 1 << 8,  /* restart with the time an OPEN may take */
	BGP_DO_HOLD = 1 << 9,       /* restart with the time agreed on */
	BGP_DO_KEEPALIVE = 1 << 10, /* restart */
	BGP_DO_RETRY = 1 << 11,     /* restart */
	BGP_DO_UP = 1 << 12,
	BGP_DO_ROUTES = 1 << 13, /* hand on what the UPDATE says */
	BGP_DO_REFRESH = 1 << 14,
	BGP_DO_DAMP = 1 << 15 /* stay idle for a while, longer each time */
};

struct bgp_step {
	enum bgp_state next;
	unsigned todo; /* enum bgp_do */
};

struct bgp_step bgp_fsm(enum bgp_state state, enum bgp_event event);

#endif
