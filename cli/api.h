/* SPDX-License-Identifier: Apache-2.0 */
/* api.h: requests to the daemon (docs/api.md): HTTP and JSON over its admin socket. */
#ifndef CARDMUX_CLI_API_H
#define CARDMUX_CLI_API_H

#include <jansson.h>
#include "cli/command.h"

#define API_TEXT 512

/* Takes the reference to body (NULL: none). True: *reply is the answer's JSON (NULL where it has none), the caller's to
 * release; reply may be NULL. False: text[API_TEXT] says why in a sentence. Waits up to 5 s for a broker that is just
 * being started anew; nothing was done by then, so the request is sent again. */
bool api_try(const struct cli *cli, const char *method, const char *path, json_t *body, json_t **reply, char *text);
/* The same, with the sentence said to stderr; CLI_DONE or CLI_FAILED. */
enum cli_status api_call(const struct cli *cli, const char *method, const char *path, json_t *body, json_t **reply);
/* The same for what may take minutes: on a terminal, says `word` on stderr and a dot for each second. */
enum cli_status api_call_slow(const struct cli *cli, const char *method, const char *path, json_t *body, json_t **reply,
                              const char *word);

#endif
