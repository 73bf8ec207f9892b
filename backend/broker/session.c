/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c: sessions of a channel, their key handles and private-key rights.
 *
 * Numbers that a tenant holds are looked up, never followed: a session's number is its place in the channel's table and
 * a serial, so a dead number does not meet its successor for 65,535 turns of the same place; handles likewise (12 bits
 * of place, 20 of serial).
 */
#include "backend/broker/broker.h"

#include <stdlib.h>

struct session *session_find(struct channel *channel, uint32_t id)
{
    uint32_t place = id & 0xffff;
    if (!id || place >= channel->session_room)
        return NULL;
    struct session *session = channel->sessions[place];
    return session && session->id == id ? session : NULL;
}

static bool sessions_grow(struct channel *channel)
{
    uint32_t room = channel->session_room ? channel->session_room * 2 : 4;
    if (room > CHANNEL_SESSIONS_MAX)
        return false;
    struct session **grown = realloc(channel->sessions, room * sizeof *grown);
    if (!grown)
        return false;
    memset(grown + channel->session_room, 0, (room - channel->session_room) * sizeof *grown);
    channel->sessions = grown;
    channel->session_room = room;
    return true;
}

uint32_t session_make(struct broker *broker, struct channel *channel, uint32_t *id)
{
    (void)broker;
    if (channel->session_count >= channel->tenant->record.max_sessions)
        return SDR_OPENSESSION;
    uint32_t place = 0;
    while (place < channel->session_room && channel->sessions[place])
        place++;
    if (place == channel->session_room && !sessions_grow(channel))
        return SDR_OPENSESSION;
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return SDR_NOBUFFER;
    channel->session_serial = channel->session_serial % 0xffff + 1;
    session->id = channel->session_serial << 16 | place;
    session->channel = channel;
    session->refs = 1;
    channel->sessions[place] = session;
    channel->session_count++;
    channel->tenant->counters.sessions++;
    *id = session->id;
    return SDR_OK;
}

/* Takes it out of the table at once; what jobs still use goes with the last of them. */
void session_end(struct broker *broker, struct session *session)
{
    struct channel *channel = session->channel;
    channel->sessions[session->id & 0xffff] = NULL;
    channel->session_count--;
    channel->tenant->counters.sessions--;
    session->id = 0;
    session_release(broker, session);
}

void session_release(struct broker *broker, struct session *session)
{
    if (--session->refs)
        return;
    struct tenant *tenant = session->channel->tenant;
    for (uint32_t i = 0; i < session->handle_room; i++)
        if (session->handles[i].id) {
            key_release(broker, session->handles[i].key);
            tenant->counters.handles--;
        }
    free(session->handles);
    session_states_free(broker, session);
    if (session->hash)
        broker->driver->state_free(broker->card, session->hash);
    if (session->mac)
        broker->driver->state_free(broker->card, session->mac);
    free(session);
}

bool session_has_right(const struct session *session, uint32_t index)
{
    for (unsigned i = 0; i < session->right_count; i++)
        if (session->rights[i] == index)
            return true;
    return false;
}

static struct handle *handle_find(struct session *session, uint32_t id)
{
    uint32_t place = id & (SESSION_HANDLES_MAX - 1);
    if (!id || place >= session->handle_room || session->handles[place].id != id)
        return NULL;
    return &session->handles[place];
}

struct key *session_key(struct session *session, uint32_t id)
{
    struct handle *handle = handle_find(session, id);
    return handle ? handle->key : NULL;
}

static struct handle *handle_place(struct session *session)
{
    for (uint32_t i = 0; i < session->handle_room; i++)
        if (!session->handles[i].id)
            return &session->handles[i];
    uint32_t room = session->handle_room ? session->handle_room * 2 : 4;
    if (room > SESSION_HANDLES_MAX)
        return NULL;
    struct handle *grown = realloc(session->handles, room * sizeof *grown);
    if (!grown)
        return NULL;
    memset(grown + session->handle_room, 0, (room - session->handle_room) * sizeof *grown);
    struct handle *place = &grown[session->handle_room];
    session->handles = grown;
    session->handle_room = room;
    return place;
}

uint32_t session_add_key(struct broker *broker, struct session *session, struct card_key *card, uint32_t *id)
{
    struct tenant *tenant = session->channel->tenant;
    struct handle *handle = NULL;
    struct key *key = NULL;
    if (session->id && tenant->counters.handles < tenant->record.max_handles && (handle = handle_place(session)))
        key = key_new(card);
    if (!key) {
        broker->driver->key_free(broker->card, card);
        return SDR_NOBUFFER;
    }
    session->handle_serial = session->handle_serial % 0xfffff + 1;
    handle->key = key;
    handle->id = session->handle_serial << 12 | (uint32_t)(handle - session->handles);
    tenant->counters.handles++;
    *id = handle->id;
    return SDR_OK;
}

bool session_drop_key(struct broker *broker, struct session *session, uint32_t id)
{
    struct handle *handle = handle_find(session, id);
    if (!handle)
        return false;
    key_release(broker, handle->key);
    *handle = (struct handle){0};
    session->channel->tenant->counters.handles--;
    return true;
}
