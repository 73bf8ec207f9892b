/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The software card: the table of its driver is at the bottom, the map of its files in soft_internal.h.
 *
 * run() looks up the operation and calls its function; contexts, keys and buffers are prepared so that a bulk job costs
 * the library's own work and little more. With options.threads == 0 the card is inline: the caller's thread does the
 * work in run(). With N threads, submit puts jobs into a ring that N workers empty (threads.c); they call run() too.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cards/soft/soft.h"
#include "cards/soft/soft_internal.h"

#define FETCH_MAX    4096u
#define RANDOM_CHUNK (1u << 16) /* what one call of the random generator gives without internal splitting */

uint32_t random_job(struct card_job *job)
{
    if (job->out_cap > SOFT_MAX_DATA)
        return SDR_OUTARGERR;
    for (size_t at = 0; at < job->out_cap;) {
        size_t step = job->out_cap - at < RANDOM_CHUNK ? job->out_cap - at : RANDOM_CHUNK;

        if (RAND_bytes(job->out + at, (int)step) != 1) {
            ERR_clear_error();
            return SDR_RANDERR;
        }
        at += step;
    }
    job->out_len = job->out_cap;
    return SDR_OK;
}

static uint32_t slow_job(struct card *card, struct card_job *job)
{
    switch (job->op) {
    case CARD_AEAD_ENCRYPT:
        return aead_job(job, false);
    case CARD_AEAD_DECRYPT:
        return aead_job(job, true);
    case CARD_AEAD_START:
        return aead_start(job);
    case CARD_AEAD_UPDATE_AAD:
        return aead_update(job, true);
    case CARD_AEAD_UPDATE:
        return aead_update(job, false);
    case CARD_AEAD_FINISH:
        return aead_finish(job);
    case CARD_STATE_COPY:
        return state_copy(job);
    case CARD_SIGN:
        return sm2_sign(job);
    case CARD_VERIFY:
        return sm2_verify(job);
    case CARD_PKE_ENCRYPT:
        return sm2_encrypt_job(job);
    case CARD_PKE_DECRYPT:
        return sm2_decrypt_job(job);
    case CARD_KEYPAIR_GENERATE:
        return sm2_keypair(job);
    case CARD_KEY_GENERATE_PKE:
        return key_generate_pke(card, job);
    case CARD_KEY_IMPORT_PKE:
        return key_import_pke(card, job);
    case CARD_KEY_GENERATE_KEK:
        return key_generate_kek(card, job);
    case CARD_KEY_IMPORT_KEK:
        return key_import_kek(card, job);
    case CARD_RSA_PUBLIC:
        return rsa_public(job);
    case CARD_RSA_PRIVATE:
        return rsa_private(job);
    case CARD_RSA_KEYPAIR:
        return rsa_keypair(job);
    case CARD_KEY_GENERATE_RSA:
        return key_generate_rsa(card, job);
    case CARD_KEY_IMPORT_RSA:
        return key_import_rsa(card, job);
    case CARD_RSA_REWRAP:
        return rsa_rewrap(job);
    case CARD_PKE_REWRAP:
        return pke_rewrap(job);
    case CARD_AGREE_START:
        return agree_start(card, job);
    case CARD_AGREE_FINISH:
        return agree_finish(card, job);
    case CARD_SIGN_CLEAR:
        return sign_clear(card, job);
    case CARD_PKE_DECRYPT_CLEAR:
        return decrypt_clear(card, job);
    case CARD_UNENVELOPE:
        return unenvelope(card, job);
    case CARD_KEY_EXPORT_PKE:
        return key_export_pke(job);
    case CARD_KEY_EXPORT_RSA:
        return key_export_rsa(job);
    case CARD_KEY_EXPORT_KEK:
        return key_export_kek(job);
    case CARD_DERIVE_TLS:
    case CARD_DERIVE_IKE:
    case CARD_DERIVE_IPSEC:
        return derive_keys(card, job);
    default:
        return SDR_NOTSUPPORT; /* CARD_ECHO too: this card computes */
    }
}

void soft_execute(struct card *card, struct card_job *job)
{
    job->out_len = 0;
    job->new_key = NULL;
    switch (job->op) {
    case CARD_ENCRYPT:
        job->status = sym_job(job, false);
        break;
    case CARD_DECRYPT:
        job->status = sym_job(job, true);
        break;
    case CARD_MAC:
        job->status = mac_job(job);
        break;
    case CARD_HASH:
        job->status = hash_job(job);
        break;
    case CARD_HASH_START:
        job->status = hash_start(job);
        break;
    case CARD_HASH_UPDATE:
        job->status = hash_update(job);
        break;
    case CARD_HASH_FINISH:
        job->status = hash_finish(job);
        break;
    case CARD_MAC_START:
        job->status = mac_start(job);
        break;
    case CARD_MAC_UPDATE:
        job->status = mac_update(job);
        break;
    case CARD_MAC_FINISH:
        job->status = mac_finish(job);
        break;
    case CARD_RANDOM:
        job->status = random_job(job);
        break;
    default:
        job->status = slow_job(card, job);
    }
}

static void faulty_run(struct card *card, struct card_job *job)
{
    struct fault *fault = &card->fault;
    struct timespec delay = {.tv_sec = fault->delay_us / 1000000, .tv_nsec = fault->delay_us % 1000000 * 1000L};

    if (fault->delay_us) {
        while (clock_nanosleep(CLOCK_MONOTONIC, 0, &delay, &delay) == EINTR)
            ;
    }
    if (fault->every && (atomic_fetch_add(&fault->jobs, 1) + 1) % fault->every == 0) {
        job->out_len = 0;
        job->new_key = NULL;
        if (job->op == CARD_HASH_START || job->op == CARD_MAC_START || job->op == CARD_AEAD_START ||
            job->op == CARD_STATE_COPY)
            job->state = NULL;
        job->status = SDR_HARDFAIL;
        return;
    }
    soft_execute(card, job);
    if (fault->stuck && job->op == CARD_RANDOM && job->status == SDR_OK &&
        (atomic_fetch_add(&fault->randoms, 1) + 1) % fault->stuck == 0)
        memset(job->out, 0x5a, job->out_len);
}

/*
 * The input was just written by another core and lies in that one's cache. A cipher or hash works on each line for so
 * long that the processor does not reach for the next one in time, and waits for each (measured: 20 to 70 ns a line, 5 %
 * of SM4-CBC on 4 KiB); asked for all at once they come together. Not by __builtin_prefetch: gcc drops a loop that does
 * nothing else.
 */
static void input_fetch(const struct card_job *job)
{
    size_t len = job->in && job->in_len < FETCH_MAX ? job->in_len : job->in ? FETCH_MAX : 0;

    for (size_t at = 0; at < len; at += 64) {
#if defined(__x86_64__)
        __asm__ volatile("prefetcht0 %0" : : "m"(job->in[at]));
#elif defined(__aarch64__)
        __asm__ volatile("prfm pldl1keep, %0" : : "Q"(job->in[at]));
#else
        __builtin_prefetch(job->in + at);
#endif
    }
}

void soft_run(struct card *card, struct card_job *job)
{
    input_fetch(job);
    if (__builtin_expect(card->fault.any, 0))
        faulty_run(card, job);
    else
        soft_execute(card, job);
}

static bool number_read(const char *text, unsigned *number)
{
    char *end;
    unsigned long value;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || value < 1 || value > 1000000000)
        return false;
    *number = (unsigned)value;
    return true;
}

static bool fault_read(struct fault *fault, const char *text)
{
    if (strncmp(text, "selftest:", 9) == 0) {
        snprintf(fault->selftest, sizeof(fault->selftest), "%s", text + 9);
        return kat_known(text + 9);
    }
    if (strncmp(text, "selftest-late:", 14) == 0) {
        char number[12];
        size_t len = strcspn(text + 14, ":");

        if (len >= sizeof(number) || text[14 + len] != ':')
            return false;
        snprintf(number, sizeof(number), "%.*s", (int)len, text + 14);
        snprintf(fault->selftest, sizeof(fault->selftest), "%s", text + 14 + len + 1);
        return number_read(number, &fault->late) && kat_known(fault->selftest);
    }
    fault->any = true;
    if (strncmp(text, "random-stuck:", 13) == 0)
        return number_read(text + 13, &fault->stuck);
    if (strncmp(text, "delay:", 6) == 0)
        return number_read(text + 6, &fault->delay_us);
    if (strncmp(text, "fail:", 5) == 0)
        return number_read(text + 5, &fault->every);
    return false;
}

static void soft_close(struct card *card)
{
    if (!card)
        return;
    if (card->workers)
        workers_stop(card->workers);
    ciphers_free(card);
    derive_free(card);
    secret_arena_destroy(card->secrets);
    free(card);
}

static void unlocked_say(const struct card *card)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;

    if (!secret_arena_locked(card->secrets) && !atomic_flag_test_and_set(&said))
        fprintf(stderr, "soft card: key memory could not be locked and may be swapped out; raise RLIMIT_MEMLOCK "
                        "(LimitMEMLOCK= in the unit)\n");
}

uint32_t soft_open_in(const struct card_options *options, void *memory, size_t size, struct card **out, char *error)
{
    uint32_t threads = options ? options->threads : 0;
    uint32_t status = SDR_NOBUFFER;
    struct card *card;

    *out = NULL;
    error[0] = '\0';
    if (threads > WORKERS_MAX) {
        snprintf(error, CARD_ERROR_TEXT, "the software card takes 0 to %u threads, not %u; lower \"threads\"",
                 WORKERS_MAX, threads);
        return SDR_INARGERR;
    }
    card = calloc(1, sizeof(*card));
    if (!card || !memory_setup() || !(card->secrets = secret_arena_create(memory, size))) {
        snprintf(error, CARD_ERROR_TEXT, "the software card found no memory for its keys, or no usable libgcrypt");
        goto failed;
    }
    unlocked_say(card);
    if (options && options->fault && !fault_read(&card->fault, options->fault)) {
        snprintf(error, CARD_ERROR_TEXT,
                 "the software card does not know the fault \"%.100s\"; see cardmux-card-soft(7)", options->fault);
        status = SDR_INARGERR;
        goto failed;
    }
    status = ciphers_fetch(card, error);
    if (status == SDR_OK)
        status = derive_fetch(card, error);
    if (status == SDR_OK)
        status = kat_run(card, error);
    if (status != SDR_OK)
        goto failed;
    if (threads && !(card->workers = workers_start(card, threads))) {
        snprintf(error, CARD_ERROR_TEXT, "the software card could not start its %u threads; lower \"threads\"",
                 threads);
        status = SDR_NOBUFFER;
        goto failed;
    }
    *out = card;
    return SDR_OK;
failed:
    soft_close(card);
    return status;
}

static uint32_t soft_open(const struct card_options *options, struct card **card, char *error)
{
    return soft_open_in(options, NULL, 0, card, error);
}

static void soft_caps(struct card *card, struct card_caps *caps)
{
    memset(caps, 0, sizeof(*caps));
    caps->flags = card->workers ? 0 : CARD_INLINE;
    caps->parallel = card->workers ? workers_count(card->workers) : 1;
    caps->depth = card->workers ? WORKERS_DEPTH : DONE_LIST_DEPTH;
    caps->max_data = SOFT_MAX_DATA;
    caps->asym_alg[0] = SGD_SM2 | SGD_SM2_1 | SGD_SM2_2 | SGD_SM2_3 | SGD_RSA | SGD_RSA_SIGN | SGD_RSA_ENC;
    caps->asym_alg[1] = 256 | 2048 | 3072 | 4096; /* as the standard has it: an OR of lengths */
    caps->sym_alg = SGD_SM4 | SGD_ECB | SGD_CBC | SGD_CFB | SGD_OFB | SGD_MAC | SGD_CTR | SGD_GCM | SGD_CCM | SGD_XTS;
    caps->hash_alg = SGD_SM3 | SGD_SHA1 | SGD_SHA256 | SGD_SHA512 | SGD_SHA384 | SGD_SHA224 | SGD_SHA3_256 |
                     SGD_SHA3_512 | SGD_SHA3_384 | SGD_SHA3_224;
    snprintf(caps->issuer, sizeof(caps->issuer), "cardmux");
    snprintf(caps->name, sizeof(caps->name), "soft");
    caps->device_version = 1;
}

static uint32_t soft_selftest(struct card *card, char *error)
{
    error[0] = '\0';
    return kat_run(card, error);
}

static uint32_t soft_selftest_part(struct card *card, unsigned part, bool *last, char *error)
{
    error[0] = '\0';
    return kat_part(card, part, last, error);
}

static size_t soft_submit(struct card *card, struct card_job **jobs, size_t n)
{
    return card->workers ? workers_submit(card->workers, jobs, n) : done_list_run(&card->done, card, soft_run, jobs, n);
}

static size_t soft_collect(struct card *card, struct card_job **done, size_t max)
{
    return card->workers ? workers_collect(card->workers, done, max) : done_list_take(&card->done, done, max);
}

static int soft_wait_fd(struct card *card, bool arm)
{
    return card->workers ? workers_wait_fd(card->workers, arm) : -1;
}

static void soft_key_free(struct card *card, struct card_key *key)
{
    (void)card;
    key_unref(key);
}

static void soft_state_free(struct card *card, struct card_state *state)
{
    (void)card;
    state_free(state);
}

const struct card_driver soft_card_driver = {
    .size = sizeof(struct card_driver),
    .version = CARD_ABI_VERSION,
    .name = "soft",
    .open = soft_open,
    .close = soft_close,
    .caps = soft_caps,
    .selftest = soft_selftest,
    .run = soft_run,
    .submit = soft_submit,
    .collect = soft_collect,
    .wait_fd = soft_wait_fd,
    .key_import = key_import,
    .key_free = soft_key_free,
    .state_free = soft_state_free,
    .selftest_part = soft_selftest_part,
};
