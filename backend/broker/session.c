/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c: sessions of a channel and their key handles; their rights are in rights.c.
 *
 * What a tenant holds of them are numbers (numbers.h), which are looked up in the table of the channel or session that
 * gave them, never followed. Another session's number, or one that was closed, is in no table.
 */
#include "backend/broker/keycache.h"

#include <stdlib.h>

struct session *session_find(struct channel *channel, uint32_t id)
{
    return numbers_find(&channel->sessions, id);
}

uint32_t session_make(struct broker *broker, struct channel *channel, uint32_t *id)
{
    uint32_t most = channel->tenant->record.max_sessions;
    (void)broker;
    if (channel->sessions.used >= most || channel->sessions.used >= CHANNEL_SESSIONS_MAX)
        return SDR_OPENSESSION;
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return SDR_NOBUFFER;
    session->id = numbers_add(&channel->sessions, session, CHANNEL_SESSIONS_MAX);
    if (!session->id) {
        free(session);
        return SDR_NOBUFFER;
    }
    session->channel = channel;
    session->refs = 1;
    channel->tenant->counters.sessions++;
    *id = session->id;
    return SDR_OK;
}

/* Takes it out of the table at once; what jobs still use goes with the last of them. */
void session_end(struct broker *broker, struct session *session)
{
    struct channel *channel = session->channel;
    numbers_drop(&channel->sessions, session->id);
    channel->tenant->counters.sessions--;
    session->id = 0;
    session_release(broker, session);
}

/* What a number of the session's meant. */
static void handle_release(struct broker *broker, struct session *session, struct key *key)
{
    keycache_unhold(broker, key);
    key_release(broker, key);
    session->channel->tenant->counters.handles--;
}

void session_release(struct broker *broker, struct session *session)
{
    if (--session->refs)
        return;
    uint32_t at = 0, number;
    for (struct key *key; (key = numbers_left(&session->keys, &at, &number));) {
        numbers_drop(&session->keys, number);
        handle_release(broker, session, key);
    }
    numbers_free(&session->keys);
    session_states_free(broker, session);
    session_rights_free(session);
    if (session->hash)
        broker->driver->state_free(broker->card, session->hash);
    if (session->mac)
        broker->driver->state_free(broker->card, session->mac);
    free(session);
}

struct key *session_key(struct session *session, uint32_t id)
{
    struct key *key = numbers_find(&session->keys, id);
    return key && !key->agreement && !key->gone ? key : NULL;
}

struct key *session_agreement(struct session *session, uint32_t id)
{
    struct key *key = numbers_find(&session->keys, id);
    return key && key->agreement ? key : NULL;
}

uint32_t session_add_key(struct broker *broker, struct session *session, struct card_key *card, uint32_t *id)
{
    return session_add_agreement(broker, session, card, NULL, id);
}

uint32_t session_add_agreement(struct broker *broker, struct session *session, struct card_key *card,
                               struct agreement *agreement, uint32_t *id)
{
    struct tenant *tenant = session->channel->tenant;
    struct key *key = NULL;
    if (session->id && tenant->counters.handles < tenant->record.max_handles)
        key = key_new(card);
    if (!key) {
        broker->driver->key_free(broker->card, card);
        free(agreement);
        return SDR_NOBUFFER;
    }
    key->agreement = agreement;
    *id = numbers_add(&session->keys, key, SESSION_HANDLES_MAX);
    if (!*id) {
        key_release(broker, key);
        return SDR_NOBUFFER;
    }
    tenant->counters.handles++;
    return SDR_OK;
}

uint32_t session_add_kek(struct broker *broker, struct session *session, struct kek *kek, uint32_t *id)
{
    struct tenant *tenant = session->channel->tenant;
    if (!session->id || tenant->counters.handles >= tenant->record.max_handles)
        return SDR_NOBUFFER;
    *id = numbers_add(&session->keys, kek->key, SESSION_HANDLES_MAX);
    if (!*id)
        return SDR_NOBUFFER;
    kek->key->refs++;
    keycache_hold(broker, kek->key);
    tenant->counters.handles++;
    return SDR_OK;
}

bool session_drop_key(struct broker *broker, struct session *session, uint32_t id)
{
    struct key *key = numbers_drop(&session->keys, id);
    if (!key)
        return false;
    handle_release(broker, session, key);
    return true;
}
