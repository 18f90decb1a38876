/* SPDX-License-Identifier: ISC */
/* fsm.c - see fsm.h.
 *
 * RFC 4271 8.2.2, RFC 6608.  DelayOpen is left out: it only spares an OPEN.
 *
 * Where we differ: a connection attempt that fails leads to Active and not to Idle (8.2.2 wants
 * Idle there without DelayOpen): the neighbor may connect to us while we wait, and waiting has its
 * own timer. A connection that the neighbor opened has a machine of its own, which begins in
 * Active.
 */
#include "bgp/fsm.h"

enum {
	END = BGP_DO_CLOSE | BGP_DO_DAMP,
	END_UP = END | BGP_DO_DOWN,
	OPENED = BGP_DO_SEND_OPEN | BGP_DO_HOLD_LONG,
};

/* An empty cell: the state does not expect the event. */

/* clang-format off */
static const struct bgp_step table[BGP_STATES][BGP_EVENTS] = {
[BGP_IDLE] = {
	[BGP_EV_START]             = { BGP_CONNECT, BGP_DO_CONNECT | BGP_DO_RETRY },
	[BGP_EV_START_PASSIVE]     = { BGP_ACTIVE, 0 },
},
[BGP_CONNECT] = {
	[BGP_EV_START]             = { BGP_CONNECT, 0 },
	[BGP_EV_START_PASSIVE]     = { BGP_CONNECT, 0 },
	[BGP_EV_STOP]              = { BGP_IDLE, BGP_DO_CLOSE },
	[BGP_EV_TCP_UP]            = { BGP_OPENSENT, OPENED },
	[BGP_EV_TCP_DOWN]          = { BGP_ACTIVE, BGP_DO_CLOSE | BGP_DO_RETRY },
	[BGP_EV_RETRY_EXPIRED]     = { BGP_CONNECT, BGP_DO_CLOSE | BGP_DO_CONNECT | BGP_DO_RETRY },
	[BGP_EV_COLLISION]         = { BGP_IDLE, BGP_DO_CLOSE },
},
[BGP_ACTIVE] = {
	[BGP_EV_START]             = { BGP_ACTIVE, 0 },
	[BGP_EV_START_PASSIVE]     = { BGP_ACTIVE, 0 },
	[BGP_EV_STOP]              = { BGP_IDLE, BGP_DO_CLOSE },
	[BGP_EV_TCP_UP]            = { BGP_OPENSENT, OPENED },
	[BGP_EV_TCP_DOWN]          = { BGP_ACTIVE, BGP_DO_CLOSE | BGP_DO_RETRY },
	[BGP_EV_RETRY_EXPIRED]     = { BGP_CONNECT, BGP_DO_CONNECT | BGP_DO_RETRY },
	[BGP_EV_COLLISION]         = { BGP_IDLE, BGP_DO_CLOSE },
},
[BGP_OPENSENT] = {
	[BGP_EV_START]             = { BGP_OPENSENT, 0 },
	[BGP_EV_START_PASSIVE]     = { BGP_OPENSENT, 0 },
	[BGP_EV_STOP]              = { BGP_IDLE, BGP_DO_NOTIFY_GIVEN | BGP_DO_CLOSE },
	[BGP_EV_TCP_DOWN]          = { BGP_ACTIVE, BGP_DO_CLOSE | BGP_DO_RETRY },
	[BGP_EV_HOLD_EXPIRED]      = { BGP_IDLE, BGP_DO_NOTIFY_HOLD | END },
	[BGP_EV_OPEN]              = { BGP_OPENCONFIRM, BGP_DO_SEND_KEEPALIVE | BGP_DO_KEEPALIVE | BGP_DO_HOLD },
	[BGP_EV_NOTIFICATION]      = { BGP_IDLE, END },
	[BGP_EV_FAULT]             = { BGP_IDLE, BGP_DO_NOTIFY_GIVEN | END },
	[BGP_EV_COLLISION]         = { BGP_IDLE, BGP_DO_NOTIFY_GIVEN | BGP_DO_CLOSE },
},
[BGP_OPENCONFIRM] = {
	[BGP_EV_START]             = { BGP_OPENCONFIRM, 0 },
	[BGP_EV_START_PASSIVE]     = { BGP_OPENCONFIRM, 0 },
	[BGP_EV_STOP]              = { BGP_IDLE, BGP_DO_NOTIFY_GIVEN | BGP_DO_CLOSE },
	[BGP_EV_TCP_DOWN]          = { BGP_IDLE, END },
	[BGP_EV_HOLD_EXPIRED]      = { BGP_IDLE, BGP_DO_NOTIFY_HOLD | END },
	[BGP_EV_KEEPALIVE_EXPIRED] = { BGP_OPENCONFIRM, BGP_DO_SEND_KEEPALIVE | BGP_DO_KEEPALIVE },
	[BGP_EV_KEEPALIVE]         = { BGP_ESTABLISHED, BGP_DO_HOLD | BGP_DO_UP },
	[BGP_EV_NOTIFICATION]      = { BGP_IDLE, END },
	[BGP_EV_FAULT]             = { BGP_IDLE, BGP_DO_NOTIFY_GIVEN | END },
	[BGP_EV_COLLISION]         = { BGP_IDLE, BGP_DO_NOTIFY_GIVEN | BGP_DO_CLOSE },
},
[BGP_ESTABLISHED] = {
	[BGP_EV_START]             = { BGP_ESTABLISHED, 0 },
	[BGP_EV_START_PASSIVE]     = { BGP_ESTABLISHED, 0 },
	[BGP_EV_STOP]              = { BGP_IDLE, BGP_DO_NOTIFY_GIVEN | BGP_DO_CLOSE | BGP_DO_DOWN },
	[BGP_EV_TCP_DOWN]          = { BGP_IDLE, END_UP },
	[BGP_EV_HOLD_EXPIRED]      = { BGP_IDLE, BGP_DO_NOTIFY_HOLD | END_UP },
	[BGP_EV_KEEPALIVE_EXPIRED] = { BGP_ESTABLISHED, BGP_DO_SEND_KEEPALIVE | BGP_DO_KEEPALIVE },
	[BGP_EV_KEEPALIVE]         = { BGP_ESTABLISHED, BGP_DO_HOLD },
	[BGP_EV_UPDATE]            = { BGP_ESTABLISHED, BGP_DO_HOLD | BGP_DO_ROUTES },
	[BGP_EV_REFRESH]           = { BGP_ESTABLISHED, BGP_DO_HOLD | BGP_DO_REFRESH },
	[BGP_EV_NOTIFICATION]      = { BGP_IDLE, END_UP },
	[BGP_EV_FAULT]             = { BGP_IDLE, BGP_DO_NOTIFY_GIVEN | END_UP },
	[BGP_EV_COLLISION]         = { BGP_IDLE, BGP_DO_NOTIFY_GIVEN | BGP_DO_CLOSE | BGP_DO_DOWN },
},
};
/* clang-format on */

struct bgp_step bgp_fsm(enum bgp_state state, enum bgp_event event)
{
	struct bgp_step s = table[state][event];

	if (s.next != BGP_IDLE || s.todo != 0 || state == BGP_IDLE)
		return s;
	/* RFC 4271 8.2.2: anything else is an error of the state machine.  Before an OPEN was sent
	 * there is nobody to tell. */
	unsigned notify = state >= BGP_OPENSENT ? BGP_DO_NOTIFY_FSM : 0;
	return (struct bgp_step){ BGP_IDLE, notify | (state == BGP_ESTABLISHED ? END_UP : END) };
}
