/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h: the HTTP side of the admin process (theory of operation in http.c). One thread: the caller polls http_fd()
 * for reading and calls http_run(), also after http_timeout() milliseconds.
 */
#ifndef CARDMUX_ADMIN_HTTP_H
#define CARDMUX_ADMIN_HTTP_H

#include <stdint.h>
#include "backend/admin/link.h"
#include "backend/admin/peer.h"

#define HTTP_CONNECTIONS 64u
#define HTTP_STRANGERS   8u /* of these, at most so many by peers without any role */

struct http;

/* Does not take listen_fd over. `link` and `rule` are the caller's and outlive it. NULL: could not start. */
struct http *http_start(int listen_fd, struct link *link, const struct peer_rule *rule);
int http_fd(const struct http *http);
int http_timeout(const struct http *http); /* ms; -1: none */
void http_run(struct http *http);
/* After link_close(), so that nothing waits any more. */
void http_stop(struct http *http);
uint64_t http_now_ms(void);

#endif
