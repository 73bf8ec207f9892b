/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf.h: /etc/cardmux/client.conf and the environment of a front end.
 *
 * The file: one `word = value` a line, words `socket` (a path that begins with /), `reach` (as in
 * CARDMUX_REACH), `vsock` (CID:PORT of the host, or off) and `stream` (a path), each at most once; blank lines and
 * lines whose first sign is # are passed over. Anything else is an error with its line's number, and no default is
 * taken in its place. The environment goes before the file, which is not even opened where CARDMUX_SOCKET is set.
 */
#ifndef CARDMUX_REACH_CONF_H
#define CARDMUX_REACH_CONF_H

#include <stddef.h>
#include <stdint.h>

#define CONF_FILE   "/etc/cardmux/client.conf"
#define CONF_SOCKET "/run/cardmux/card.sock"
#define CONF_VALUE  108 /* bytes of a value with its NUL: what fits in a socket's address */
#define CONF_SIZE   4096

struct conf {
    char socket[CONF_VALUE]; /* empty: not set */
    char reach[CONF_VALUE];
    char vsock[CONF_VALUE];
    char stream[CONF_VALUE];
};

/* Pure. NULL, or what is wrong, with its line in *line; conf is then empty. */
const char *conf_parse(const char *bytes, size_t len, struct conf *conf, unsigned *line);

/* Environment over file. socket and reach empty where nobody names them. SDR_OK, or SDR_OPENDEVICE and a sentence. */
uint32_t conf_load(struct conf *conf, char *text);

/* The socket of the `unix` reach. */
uint32_t conf_socket(char path[CONF_VALUE], char *text);

/* That of the `stream` reach: its own, else what the one of `unix` would be. */
uint32_t conf_stream(char path[CONF_VALUE], char *text);

/* The place of the `vsock` reach; empty where nobody names one. */
uint32_t conf_vsock(char place[CONF_VALUE], char *text);

#endif
