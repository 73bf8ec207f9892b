/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker.h: the broker's own structures; project-internal to backend/broker.
 *
 * One thread, the broker's, owns everything declared here and does a pass over and over (loop.c):
 *
 *     doorbells, keeper, admin (epoll)          now and then, or when there is nothing else
 *     for each tenant that is active, in turn   until its share of the pass is used up:
 *         take a submission   intake.c          copied once, one gate, limits
 *         prepare a job       ops_*.c           keys looked up in the tenant's own table
 *         card                card_run.c        inline, or handed over
 *         complete            complete.c        result out, rung if asked for
 *     jobs that came back from card threads and from the worker pool (worker.c): completed
 *
 * Slow things run on worker threads as tasks; a task touches only what it was given and the vault and card, which are
 * thread-safe. Its `done` runs on the broker's thread.
 *
 *   tenant --* region --* channel --* session --* handle
 *
 * A channel is one queue pair. Objects that a job uses are counted (session, key); what is closed or destroyed while
 * jobs use it disappears from the tables at once and from memory with the last job.
 */
#ifndef CARDMUX_BROKER_H
#define CARDMUX_BROKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "backend/admin/message.h"
#include "backend/audit/audit.h"
#include "backend/broker/numbers.h"
#include "backend/main/broker_entry.h"
#include "backend/main/handover.h"
#include "backend/vault/vault.h"
#include "cardmux/card.h"
#include "cardmux/sdf.h"
#include "proto/aead.h"
#include "proto/layout.h"
#include "proto/ops.h"
#include "proto/ring.h"
#include "proto/wait.h"

#define TENANTS_MAX          1024u
#define JOBS_MAX             8192u /* of all tenants together */
#define SESSION_HANDLES_MAX  4096u
#define SESSION_RIGHTS_MAX   64u
#define CHANNEL_SESSIONS_MAX 4096u
#define JOB_BYTES            512u
#define KEY_WAITS_MAX        256u /* jobs of a tenant that wait for a key from the vault */
#define CLOCK_DUE            16u  /* passes, or one operation that is not an echo */

/* A key in the card, counted. */
struct key {
    struct card_key *card;
    unsigned refs;
    bool gone;                   /* a KEK with handles that is one no more: they name nothing */
    uint64_t uses;               /* jobs that it was looked up for */
    struct agreement *agreement; /* not NULL: the temporary key of one under way (ops_asym.c). Owned */
    struct cached *kek;          /* not NULL: it is a KEK's, and may have handles (keycache.c) */
};

struct keypair {
    uint32_t index;
    enum vault_key_kind kind;
    uint32_t bits;
    bool has_code;
    struct key *sign, *encrypt;                                          /* encrypt NULL: its kind has none */
    uint8_t sign_public[CARD_ECC_POINT], encrypt_public[CARD_ECC_POINT]; /* of the curves */
    uint8_t *rsa_public; /* sign's and encrypt's, CARD_RSA_PUBLIC_SIZE each; owned by whoever has the pair */
};

struct kek {
    uint32_t index;
    uint32_t bits;
    bool has_code;
    struct key *key;
};

struct tenant {
    struct broker *broker;
    struct vault_tenant record;
    struct vault_policy policy;
    uint32_t codes_set;          /* how often an access code was set: rights that were asked for before are not given */
    bool restricted;             /* something is denied to it */
    bool gone;                   /* removed; freed when its last region is */
    bool shut;                   /* the keeper was told to close its doors: regions that it sent before are not taken */
    unsigned doors_asked;        /* DOOR messages without a result yet */
    struct fetch *fetches;       /* keys on their way from the vault: keycache.c */
    unsigned fetching, resuming; /* of these; loops over their jobs */
    struct job *fetch_first, *fetch_last; /* jobs that wait until one more may be fetched */
    unsigned key_waits;                   /* jobs that wait for a fetch, or until they may begin one */
    uint64_t complained_ns;
    unsigned set_backs; /* of its regions, that no line has told yet: region_back.c */
    uint64_t set_backs_told;
    unsigned vsock_said, vsock_unsaid; /* lines about its device: vsock_port.c */
    uint64_t vsock_said_ns;
    struct region *regions;
    struct channel *active; /* ring of active channels: the one whose turn is next */
    unsigned active_count;
    struct tenant *next, *previous;       /* ring of tenants with active channels */
    int64_t credit_ns;                    /* share of the pass left */
    unsigned working;                     /* slow operations under way */
    unsigned in_card;                     /* jobs that a card with threads has */
    bool blocks;                          /* made an eventfd that it shares with us block: guard.c */
    uint64_t policy_told, policy_told_ns; /* rejects[CM_GATE_POLICY] that the audit log has, and since when */
    unsigned making;                      /* lengthy ones, of which one is with the pool */
    struct task *makes, **makes_end;      /* and the others wait here */
    uint32_t bad_unwraps;                 /* of RSA envelopes, less what is forgotten with time: ops_asym.c */
    uint64_t bad_unwraps_at, bad_unwraps_told;
    uint32_t pairs; /* that it replaced, less what is forgotten with time: ops_pair.c */
    uint64_t pairs_at;
    struct admin_counters counters;
};

/* What a session may use: rights.c. */
struct right {
    uint32_t index, count;    /* of the key; how often it was taken and not released */
    enum vault_key_kind kind; /* VAULT_KEY_KEK; VAULT_KEY_SM2: private keys of all kinds */
    bool marked;
    uint8_t mark[VAULT_MARK]; /* of the code that was right */
};

struct session {
    uint32_t id; /* 0: closed */
    unsigned refs;
    struct channel *channel;
    struct numbers keys; /* struct key */
    struct right *rights;
    unsigned right_count, right_room;
    uint8_t nonce[VAULT_MARK_NONCE]; /* of its marks */
    bool has_nonce;
    struct card_state *hash, *mac;
    bool hash_busy, mac_busy; /* a job uses the state now */
    struct running **states;  /* states.c; NULL: free */
    uint32_t state_room, state_serial;
};

struct channel {
    struct shm_span qp;
    struct region *region;
    struct tenant *tenant;
    unsigned index;
    uint32_t epoch;   /* served; 0: none */
    bool active;      /* looked at in each pass; else broker_sleeps is set and a doorbell is needed */
    uint32_t crowded; /* as last told */
    bool rung;        /* its doorbell was read since it last slept: further rings say nothing new */
    bool has_stalled; /* `stalled` was taken but could not be started: card or pool is full */
    uint32_t sq_pos, cq_pos;
    uint64_t generation;     /* of its region: what every submission must name */
    uint32_t mark;           /* as it stands in the control page: region_back.c */
    bool renewing;           /* takes nothing and answers nothing until its last job has ended */
    uint64_t busy;           /* slots in flight */
    unsigned jobs;           /* in flight */
    bool turn_over;          /* set by intake: others come first now */
    struct stream *stream;   /* NULL: the front end writes the rings itself */
    struct vsock_port *port; /* not NULL: no queue pair, but a device */
    uint64_t used;           /* slots that held data in this epoch: wiped for the next owner */
    uint32_t stale_pos;
    uint32_t rung_at;     /* wake_at that was answered */
    uint32_t looks_empty; /* passes */
    uint64_t idle_since;
    struct channel *next, *previous; /* ring of the tenant's active channels */
    struct numbers sessions;         /* struct session */
    struct cm_sqe stalled;
    int doorbell_fd, wake_fd;
};

struct region {
    uint64_t id;
    struct tenant *tenant;
    struct shm_span all;
    int memfd;               /* -1: a stream's */
    struct stream *stream;   /* NULL: shared memory */
    struct vsock_port *port; /* a device that has the streams */
    bool gone;               /* the front end is gone: dropped with the last job */
    uint32_t renewals;       /* how often it was set back */
    struct region *next;
    unsigned qp_count;
    struct channel channels[];
};

enum reply {
    REPLY_NONE = 0,
    REPLY_PARAM,
    REPLY_IN_PLACE,
    REPLY_DATA,
    REPLY_BOTH /* card.out as data, reply_param_len bytes of `out` as parameters */
};

struct broker;
struct job;

/* Something for the worker pool. work on a worker's thread, done on the broker's. */
struct task {
    struct task *next;
    bool lengthy; /* takes seconds: waits for the one worker that does such things, and for nobody else */
    void (*work)(struct broker *, struct task *);
    void (*done)(struct broker *, struct task *);
};

struct job {
    struct card_job card;
    struct cm_sqe sqe; /* private copy */
    struct channel *channel;
    struct session *session;
    struct key *key, *key2;
    void (*finish)(struct broker *, struct job *); /* after the card; may be NULL */
    enum reply reply;
    uint16_t reply_param_len;
    bool makes_handle;
    bool secret;                /* in or out held something to wipe */
    bool secret_out;            /* only what the card gave is, in big or out */
    bool marked;                /* `out` has the mark of an access code: rights.c */
    bool kept;                  /* the vault has what came of it: done, whatever becomes of the card */
    bool wants;                 /* a key that is not in the card: keycache.h */
    unsigned want_kind, absent; /* absent: bits of kinds that were looked for in vain */
    uint32_t want_index;
    uint32_t value;
    uint8_t *big; /* a copy too long for `data`, or room for a result too long for `out` */
    size_t big_len;
    struct task task;
    struct job *next;
    struct card_derive derive; /* where card.op is CARD_DERIVE_* */
    uint8_t param[JOB_BYTES];  /* copied in */
    uint8_t data[JOB_BYTES];   /* copied in, for T_COPY */
    uint8_t out[JOB_BYTES];
};

/* What a handler wants done with its job. */
enum step {
    STEP_DONE = 0, /* status is set: complete */
    STEP_CARD,     /* hand to the card */
    STEP_WORK,     /* hand to the worker pool: task.work is set */
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t started;
    struct queue {
        pthread_cond_t more;
        struct task *first, **last;
    } queues[2]; /* the second: lengthy tasks */
    pthread_t lengthy_thread;
    pthread_t threads[16];
    unsigned thread_count, ready;
    _Atomic(struct task *) finished; /* lock-free stack */
    bool stopping;
    int event_fd;
};

/* Where the health tests of random numbers stand: card_watch.c. */
struct random_health {
    uint8_t last, first;
    unsigned run;        /* equal bytes up to and with last; 0: none yet */
    unsigned seen, same; /* of the window: bytes so far, of these like first */
};

/* Drawn, tested and not given out yet: ops_random.c. */
struct random_store {
    uint8_t *bytes; /* NULL: there is none; the last `left` of them are there */
    size_t left;
};

#define SELF_TEST_PARTS 64u /* until a first round has counted them */

struct self_test {
    unsigned part, parts; /* the next one; how many there are (0: not known yet) */
    uint64_t next_ns;
    bool busy;
};

#define KEYCACHE_BITS 16u

struct keycache {
    struct cached *buckets[1u << KEYCACHE_BITS], *newest, *oldest;
    unsigned count, most;
    uint64_t loaded, evicted; /* since the start */
};

/* What the admin process has not taken yet: admin_out.c. The broker's thread only. */
struct admin_out {
    struct late *first, **last; /* answers */
    unsigned count;
    struct task *lists, **lists_last; /* acts that have rows to tell */
    uint32_t events;                  /* as epoll was told; 0: not yet */
};

/* A change of the master key, between a worker and the broker's thread: admin_vault.c. */
struct rekey {
    pthread_mutex_t lock; /* everything below */
    pthread_cond_t changed;
    enum rekey_state {
        REKEY_IDLE = 0,
        REKEY_ASKED, /* the keeper, for the new key */
        REKEY_GIVEN, /* by the keeper */
        REKEY_TOLD,  /* the keeper, that the vault has it */
        REKEY_FINISHED,
        REKEY_FAILED
    } state;
    bool stopping;
    uint32_t form;  /* of the master key's file, enum master_form + 1 */
    uint64_t round; /* of the last asking: no other's answer counts */
    uint8_t key[VAULT_MASTER_KEY];
    char text[VAULT_ERROR_TEXT]; /* the keeper's, where something failed */
};

struct broker {
    const struct daemon_config *config;
    const struct card_driver *driver;
    struct card *card;
    struct card_caps caps;
    char card_state[16];
    _Atomic bool
        card_failed; /* set on the broker's thread: serves nothing until an operator's test was good: card_watch.c */
    struct random_health random;
    struct random_store random_store;
    struct self_test self_test;
    struct vault *vault;
    struct audit *audit;
    bool audit_busy;                    /* a task of audit_tick is under way */
    uint64_t audit_checked_ns;          /* when the last checkpoint was, at the latest */
    uint64_t audit_kept, audit_kept_ns; /* the end of the log that the vault was last asked to keep */
    uint64_t generation;
    uint64_t started_ns;
    struct tenant *tenants[TENANTS_MAX];
    unsigned tenant_count;
    struct tenant *active; /* ring of active tenants: the one whose turn is next */
    unsigned active_tenants;
    unsigned active_channels;
    unsigned cores;
    struct job *free_jobs;
    unsigned jobs_made;
    unsigned jobs_in_card, jobs_in_card_max;
    bool card_armed;
    uint32_t crowded; /* CM_CROWDED_ bits, as front ends were last told */
    struct wait_pressure pressure;
    int card_fd;
    struct pool pool;
    unsigned tasks; /* in the pool */
    struct admin_counters total;
    uint64_t sleeps, passes;
    uint64_t now;       /* as last read, ns */
    unsigned clock_due; /* read again at CLOCK_DUE */
    int epoll_fd, keeper_fd, admin_fd;
    struct admin_out out;
    bool rekey_left, rekey_done; /* found at start: a rekey was interrupted; the new master key was the one */
    struct keycache keys;
    bool stepping; /* tenants' keys are being replaced */
    struct rekey rekey;
    const char *state_dir; /* as seen from here */
    bool ending;
    bool again; /* not the first broker of this keeper */
};

static inline uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* log.c: one line to standard error for the operator. Never a tenant's bytes, never a secret. */
void broker_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* tenant.c */
struct tenant *tenant_by_id(struct broker *broker, uint32_t id);
struct tenant *tenant_by_name(struct broker *broker, const char *name);
bool tenants_load(struct broker *broker, char *error);
struct tenant *tenant_install(struct broker *broker, const struct vault_tenant *record);
void tenant_remove(struct broker *broker, struct tenant *tenant);
void tenant_dispose(struct broker *broker, struct tenant *tenant); /* frees it where gone and without regions */
/* What the vault says that it may do; where that cannot be read, nothing. */
void tenant_load_policy(struct broker *broker, struct tenant *tenant);
void tenant_set_policy(struct tenant *tenant, const struct vault_policy *policy);
/* What may change of a record. Number, name and serial stay: workers read them while the broker's thread sets. */
void tenant_set_record(struct tenant *tenant, const struct vault_tenant *record);
void pair_release(struct broker *broker, const struct keypair *pair);
struct key *key_new(struct card_key *card);
/* Makes a key for the vault in the card: a pair's private bytes, or a KEK. Blocking: worker. */
bool key_make(struct broker *broker, enum vault_key_kind kind, uint32_t bits, struct vault_secret *secret);
void key_release(struct broker *broker, struct key *key); /* NULL is allowed */
/* Reads one key from the vault and imports it into the card. Any thread. SDR_OK or a sentence. */
/* The public halves alone, from the vault; what cannot be read stays zero. rsa_public is the caller's to free. Worker.
 */
void key_publics(struct broker *broker, uint32_t tenant, const struct vault_key *key, struct keypair *pair);
bool key_fetch(struct broker *broker, uint32_t tenant, const struct vault_key *key, struct keypair *pair,
               struct kek *kek, char *error);

/* region.c */
void region_attach(struct broker *broker, const struct handover *message, const int *fds);
void region_gone(struct broker *broker, uint64_t id);
void regions_drop(struct broker *broker, struct tenant *tenant); /* all of a tenant, whose doors are closed */
/* Tells its front end that nobody will look at it again: a VM whose tenant was removed has no other way to know. */
void regions_mend(struct broker *broker); /* says again what tenants overwrote; about once a second */
void region_say_closed(const struct region *region);
void region_release(struct broker *broker, struct region *region); /* frees it where gone and without jobs */
uint64_t region_generation(const struct broker *broker, const struct region *region);
void region_write_header(struct broker *broker, struct region *region);
/* A channel of a region begins anew: sessions end, positions are 1. Not while it has jobs. */
void channel_begin(struct broker *broker, struct channel *channel);

/* region_back.c: memory that was set back. */
void channel_mark(struct channel *channel);
/* True: it was, and the region is being renewed; what the channel shows is not to be believed. */
bool channel_set_back(struct broker *broker, struct channel *channel);
/* When the last job has ended. */
void channel_renew(struct broker *broker, struct channel *channel);

void channel_answer_question(struct channel *channel); /* "is anybody there?": layout.h */
bool channel_reset_wanted(const struct channel *channel);
void channel_reset(struct broker *broker, struct channel *channel); /* when no job is in flight */
void channel_activate(struct broker *broker, struct channel *channel);
/* Announces that the broker sleeps for this channel; false where something is there after all: it stays active. */
bool channel_deactivate(struct broker *broker, struct channel *channel);
bool channel_has_work(const struct channel *channel);

/* guard.c: eventfds that tenants share. Both count, and neither blocks for longer than GUARD_MS, once per tenant. */
bool guard_start(void); /* on the broker's thread; false: no timer, so a hostile tenant could block it */
int guard_epoll(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
void channel_wake(struct channel *channel);
void tenant_ring(struct tenant *tenant, int fd); /* the same with another eventfd that a tenant shares */
void channel_heard(struct channel *channel);

/* session.c */
struct session *session_find(struct channel *channel, uint32_t id);
uint32_t session_make(struct broker *broker, struct channel *channel, uint32_t *id);
void session_end(struct broker *broker, struct session *session);
void session_release(struct broker *broker, struct session *session);
struct key *session_key(struct session *session, uint32_t id); /* not counted for the caller; NULL: none */
uint32_t session_add_key(struct broker *broker, struct session *session, struct card_key *card, uint32_t *id);
/* A handle of an agreement; takes over both. agreement is malloc'd. */
uint32_t session_add_agreement(struct broker *broker, struct session *session, struct card_key *card,
                               struct agreement *agreement, uint32_t *id);
/* A handle of a KEK that is in the card. */
uint32_t session_add_kek(struct broker *broker, struct session *session, struct kek *kek, uint32_t *id);
struct key *session_agreement(struct session *session, uint32_t id); /* NULL: none. session_key knows no agreement */
bool session_drop_key(struct broker *broker, struct session *session, uint32_t id);

void session_states_free(struct broker *broker, struct session *session); /* states.c */

/* rights.c. kind: VAULT_KEY_KEK, or any kind of key pair. */
bool session_has_right(const struct session *session, enum vault_key_kind kind, uint32_t index);
/* Takes back what sessions of the tenant hold for the index: its access code is another now. */
void tenant_rights_revoke(struct tenant *tenant, enum vault_key_kind kind, uint32_t index);
void session_rights_free(struct session *session);

/* intake.c: hands a job to its handler and on; also again, after a wait for a key. */
void job_run(struct broker *broker, struct job *job);
/* intake.c: takes and starts submissions of a channel, at most max of them; returns how many. */
unsigned intake(struct broker *broker, struct channel *channel, unsigned max);
/* Does its next submission wait for the end of a job, of whomever? Then no pass is needed before one ends. */
bool intake_stalls(const struct broker *broker, const struct channel *channel);

/* ops_*.c: the handler of each operation. Fills job->card (status included for STEP_DONE). */
typedef enum step op_handler(struct broker *broker, struct job *job);
op_handler op_session_open, op_session_close, op_device_info, op_right_get, op_right_release, op_export_public,
    op_keypair_generate, op_key_generate_ipk, op_key_generate_epk, op_key_import_isk, op_key_generate_kek,
    op_key_import_kek, op_key_destroy, op_verify_external, op_sign_internal, op_verify_internal,
    op_pke_encrypt_external, op_pke_encrypt_internal, op_pke_decrypt_internal, op_echo, op_random, op_encrypt,
    op_aead_encrypt, op_aead_decrypt, op_state_hash, op_state_mac, op_state_aead, op_state_update, op_state_crypt,
    op_state_final, op_state_copy, op_state_free, op_key_import, op_sector_encrypt, op_sector_decrypt, op_tenant_info,
    op_decrypt, op_mac, op_hash_init, op_hash_update, op_hash_final, op_hash, op_mac_init, op_mac_update, op_mac_final,
    op_file_create, op_file_read, op_file_write, op_file_delete;
op_handler op_rsa_export, op_rsa_keypair, op_key_generate_ipk_rsa, op_key_generate_epk_rsa, op_key_import_isk_rsa,
    op_rsa_rewrap, op_rsa_public_external, op_rsa_public_internal, op_rsa_private_internal, op_rsa_private_external,
    op_pke_rewrap, op_agree_start, op_agree_conclude, op_agree_respond, op_sign_clear, op_pke_decrypt_clear,
    op_p256_export, op_p256_keypair, op_p256_sign, op_p256_verify, op_key_export_epk, op_key_export_epk_rsa,
    op_key_export_kek, op_kek_handle, op_derive_tls, op_derive_tls_epk, op_derive_ike, op_derive_ike_epk,
    op_derive_ipsec, op_derive_ipsec_epk, op_pair_import;

/* Refuses: counts the reason, sets the status. */
enum step refuse(struct job *job, enum cm_gate reason, uint32_t status);
/* The `done` of a job's task. */
void job_finish_on_broker(struct broker *broker, struct task *task);
/* A job whose task is lengthy is given to the pool, one of each tenant at a time: the others wait, and hold up nothing.
 */
void lengthy_start(struct broker *broker, struct job *job);
/* When one has ended: the next one that somebody still wants. */
void lengthy_next(struct broker *broker, struct tenant *tenant);
/* Uses a key for this job, counted until the job's end. */
void job_use_key(struct job *job, struct key *key);
void job_use_key2(struct job *job, struct key *key);
/* The same with the key that its handle names. False: refused. */
bool job_use_handle(struct job *job);
/* ops_aead.c. False: refused. */
bool job_read_aead(struct job *job, enum cm_aead_use use);
/* ops_derive.c: frees the keys that the card has made for the job. */
void derive_forget(struct broker *broker, struct job *job);
/* A T_COPY job whose result replaces its data, in the private copy. */
void job_in_copy(struct job *job);

/* complete.c */
struct job *job_take(struct broker *broker);
void job_complete(struct broker *broker, struct job *job);
void channel_answer(struct channel *channel, const struct cm_sqe *sqe, uint32_t status); /* without a job */
void channel_notify(struct broker *broker, struct channel *channel);

/* audit_link.c: the audit log as the broker uses it. audit_* of backend/audit/audit.h block: workers only. */
bool broker_open_audit(struct broker *broker, const char *state_dir, char *text);
void broker_end_audit(struct broker *broker);
void audit_vault(void *broker, char text[AUDIT_VAULT_MAX + 1]); /* the vault's version and digest */
/* An entry without actor: fill in what it concerns. */
void audit_entry(struct audit_entry *entry, enum audit_event event, const struct vault_tenant *tenant,
                 const char *target);
/* From a worker's thread: a tenant's wrong access code. */
void audit_code(struct broker *broker, const struct vault_tenant *tenant, enum vault_key_kind kind, uint32_t index,
                enum vault_result result);
/* From the broker's thread: hands an entry to the pool; it is told as soon as it can be. */
void audit_later(struct broker *broker, const struct audit_entry *entry);
void audit_tick(struct broker *broker); /* about once a second */

/* "sm2/1" */
void audit_key_target(enum vault_key_kind kind, uint32_t index, char target[AUDIT_TARGET_MAX + 1]);

/* card_watch.c */
void card_stays_failed(struct broker *broker);                       /* at start: it had failed before */
void card_fail(struct broker *broker, const char *why);              /* the broker's thread */
void card_tested(struct broker *broker, bool good, const char *why); /* an operator's test ended */
void card_void(struct broker *broker, struct job *job);              /* came back from a card that has failed */
bool random_holds(struct random_health *health, const uint8_t *bytes, size_t len);
void self_test_tick(struct broker *broker); /* about once a second */

/* ops_random.c */
void random_open(struct broker *broker);
void random_drop(struct broker *broker); /* what the card had drawn before it failed is nobody's */
void random_close(struct broker *broker);

/* admin_audit.c: what a management act says of itself. */
void admin_audit_entry(const struct admin_message *message, enum audit_event event, struct audit_entry *entry);

/* card_run.c */
bool card_has_room(const struct broker *broker, const struct tenant *tenant);
void card_start(struct broker *broker, struct job *job);
unsigned card_collect(struct broker *broker);

/* worker.c */
bool pool_start(struct broker *broker, unsigned threads);
void pool_stop(struct broker *broker);
void pool_submit(struct broker *broker, struct task *task);
unsigned pool_collect(struct broker *broker);

/* keeper_link.c, admin_link.c: called when their descriptors are readable. False: the other side hung up. */
bool keeper_read(struct broker *broker);
void keeper_send(struct broker *broker, const struct handover *message);
void keeper_send_fd(struct broker *broker, const struct handover *message, int fd); /* fd -1: none */
void keeper_door(struct broker *broker, struct tenant *tenant);
void keeper_rekeyed(struct broker *broker, uint64_t round, bool done);
bool admin_read(struct broker *broker);
/* admin_out.c */
void admin_out_go(struct broker *broker);   /* there may be room */
void admin_out_drop(struct broker *broker); /* all that was kept */
bool admin_out_full(const struct broker *broker);
void admin_door_result(struct broker *broker, const struct handover *message); /* to whoever added the tenant */

/* admin_vault.c */
void rekey_start(struct broker *broker);
void rekey_stop(struct broker *broker); /* before the pool is stopped */
void rekey_go_on(struct broker *broker);
void rekey_form(struct broker *broker, char *text, size_t size); /* of the master key's file; "": not known */
void rekey_heard(struct broker *broker, const struct handover *message);

/* open.c: what broker_main does, step by step, for tests that have broker and front end in one process. text has 256
 * bytes. */
bool broker_init(struct broker *broker, const struct broker_start *start);
bool broker_open_card(struct broker *broker, char *text);
/* vault_open, which where the store is in use waits for a while. */
enum vault_result broker_await_vault(const struct broker *broker, struct vault_config *config, struct vault **vault,
                                     char *text);
bool broker_open_vault(struct broker *broker, const char *state_dir, const uint8_t *master, char *text);
void broker_open_doors(struct broker *broker, const char *text);
void broker_end(struct broker *broker);

/* loop.c */
void broker_totals(struct broker *broker);                /* adds up the tenants' counters */
unsigned broker_pass(struct broker *broker, bool events); /* one turn of everything; returns how much was done */
int broker_loop(struct broker *broker);

#endif
