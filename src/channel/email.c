/* Email: one thread an incident. The subject never changes (else some readers split the thread);
 * References name a first message that is made up from the incident, so that every later one
 * belongs to it whichever arrived. */
#include <assert.h>
#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "tocsin/channel.h"
#include "channel/mime.h"
#include "channel/wording.h"

#define TIMEOUT_MS  30000 /* mail servers greet late on purpose */
#define MAIL_MAX    (2u << 20)
#define SUBJECT_MAX 400 /* bytes; what the lane keeps is at most 2 KiB of JSON */

#define AT(field) offsetof(struct config_channel, field)
static const char *const tls_words[] = {"none", "if offered", "required", NULL};
_Static_assert(MAIL_TLS_NONE == 1 && MAIL_TLS_REQUIRED == 3, "by place in tls_words, from 1");
static const char *const schemes[] = {"smtp://", "smtps://", NULL};
static const struct row rows[] = {
    {"to", ROW_TEXTS, AT(to), NULL},
    {"from", ROW_TEXT, AT(from), NULL},
    {"smtp", ROW_SERVER, AT(smtp), schemes},
    {"tls", ROW_WORD, AT(tls), tls_words},
    {"user", ROW_TEXT, AT(user), NULL},
    {"password", ROW_SECRET, AT(password), NULL},
    {"ca_file", ROW_PATH, AT(ca_file), NULL},
    {"insecure_skip_verify", ROW_BOOL, AT(insecure_skip_verify), NULL},
    {"send_resolved", ROW_BOOL, AT(send_resolved), NULL},
    {"timeout", ROW_TIMEOUT, AT(timeout_ms), NULL},
    {"template", ROW_TEXT, AT(template), NULL},
    {0}};
_Static_assert(AT(n_to) == AT(to) + sizeof(char **), "ROW_TEXTS: the count comes behind");

/* "ana@example.com" or "Ana <ana@example.com>": one address, since an envelope takes one. */
static int check_address(const char *text, struct err *e)
{
    const char *open = strrchr(text, '<'), *address = open ? open + 1 : text;
    size_t n = strcspn(address, open ? ">" : ""), local = strcspn(address, "@");

    for (const char *p = text; *p; p++)
        if (iscntrl((unsigned char)*p))
            return err_set(e, ERR_INPUT, "email: an address contains a control character");
    if (local == 0 || local + 1 >= n || strcspn(address, " ,;<>\"") < n ||
        (open && strcmp(address + n, ">") != 0))
        return err_set(
            e, ERR_INPUT,
            "email: \"%s\" is no mail address (one a string: \"a@example.com\" or "
            "\"Name <a@example.com>\"; several: { \"a@example.com\", \"b@example.com\" })",
            text);
    return 0;
}

static bool is_far(const char *smtp)
{
    static const char *const near[] = {"127.", "localhost", "[::1]"};
    const char *host = strstr(smtp, "://") + 3;

    for (size_t i = 0; i < sizeof near / sizeof *near; i++)
        if (strncmp(host, near[i], strlen(near[i])) == 0)
            return false;
    return true;
}

/* A password must not travel in the clear. */
static void choose_tls(struct config_channel *c, const char **warning)
{
    c->tls = c->password ? MAIL_TLS_REQUIRED : MAIL_TLS_IF_OFFERED;
    if (!c->password && strncmp(c->smtp, "smtp://", 7) == 0 && is_far(c->smtp))
        *warning = "email: `tls` is \"if offered\", so anyone between may read the mail; "
                   "tls = \"required\" checks the server's certificate";
}

static int finish(struct config_channel *c, const char **warning, struct err *e)
{
    if (c->n_to == 0 || !c->from || !c->smtp)
        return err_set(e, ERR_INPUT, "email needs `to`, `from` and `smtp`");
    for (size_t i = 0; i < c->n_to; i++)
        if (check_address(c->to[i], e) < 0)
            return -1;
    if (check_address(c->from, e) < 0)
        return -1;
    if (strchr(c->smtp + strlen("smtps://"), '@'))
        return err_set(e, ERR_INPUT,
                       "email: user and password go into keys of their own, not into `smtp`");
    if (!c->user != !c->password)
        return err_set(e, ERR_INPUT, "email: `user` and `password` go together");
    if (c->tls == MAIL_TLS_UNSET)
        choose_tls(c, warning);
    assert(c->tls != MAIL_TLS_UNSET);
    return 0;
}

/* "[#412] checkout · payments". The team is common to the alerts of the first message and need not
 * be to those of a later one, so the lane keeps the subject that went out first. */
static void add_subject(const struct notice *x, struct message *m)
{
    struct buf b = BUF_INIT;
    const char *team = notice_label(x->common_labels, x->n_common_labels, "team");
    cJSON *kept = *x->data ? cJSON_Parse(x->data) : NULL;
    const char *subject = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(kept, "subject"));
    struct json j = json_into(&m->keep);

    if (x->reason == REASON_TEST)
        buf_adds(&b, "[test] ");
    else
        buf_addf(&b, "[#%llu] ", (unsigned long long)x->incident);
    wording_group(x, &b);
    if (*team && !*notice_label(x->group_labels, x->n_group_labels, "team"))
        buf_addf(&b, " · %s", team);
    if (b.len > SUBJECT_MAX)
        b.data[text_utf8_cut(b.data, b.len, SUBJECT_MAX)] = '\0';
    if (!subject) {
        subject = buf_str(&b);
        json_object(&j);
        json_kstr(&j, "subject", subject);
        json_object_end(&j);
    }
    mime_header(&m->body, "Subject", subject);
    m->body.failed = m->body.failed || !buf_ok(&b) || !buf_ok(&m->keep);
    cJSON_Delete(kept);
    buf_free(&b);
}

static const char *domain_of(const char *from)
{
    const char *at = strrchr(from, '@');

    return at && at[1] ? at + 1 : "tocsin.localdomain";
}

static void add_thread(const struct config_channel *c, const struct notice *x, struct buf *out)
{
    char from[MIME_ADDRESS_LEN], root[400], own[400];

    mime_bare_address(c->from, from);
    snprintf(root, sizeof root, "<tocsin.%llu.%lld@%.200s>", (unsigned long long)x->incident,
             (long long)x->since_ms, domain_of(from));
    snprintf(own, sizeof own, "<tocsin.%llu.%lld.%llu.%016llx@%.200s>",
             (unsigned long long)x->incident, (long long)x->since_ms, (unsigned long long)x->seq,
             (unsigned long long)hash_fnv1a(FNV_START, x->key, strlen(x->key)), domain_of(from));
    mime_header(out, "Message-ID", own);
    mime_header(out, "In-Reply-To", root);
    mime_header(out, "References", root);
}

static int compose(const struct config_channel *c, const struct notice *x,
                   const struct template_value *result, struct message *m)
{
    const char *text = result ? template_text(result, "text") : NULL;
    const char *html = result ? template_text(result, "html") : NULL;
    struct buf plain = BUF_INIT;
    char boundary[40];

    if (result && result->kind == TEMPLATE_STRING)
        text = result->str;
    if (!text) {
        wording_plain(x, m->template_failed ? m->error : NULL, &plain);
        text = buf_str(&plain);
    }
    snprintf(boundary, sizeof boundary, "tocsin-%016llx",
             (unsigned long long)hash_fnv1a(FNV_START, x->key, strlen(x->key)));
    mime_addresses(&m->body, "From", &c->from, 1);
    mime_addresses(&m->body, "To", c->to, c->n_to);
    add_subject(x, m);
    mime_date(&m->body, x->at_ms);
    add_thread(c, x, &m->body);
    mime_header(&m->body, "Auto-Submitted", "auto-generated");
    mime_header(&m->body, "X-Tocsin-Key", x->key);
    buf_adds(&m->body, "MIME-Version: 1.0\r\n");
    mime_alternative(&m->body, boundary, text, html);
    m->body.failed = m->body.failed || !buf_ok(&plain);
    buf_free(&plain);
    return 0;
}

/* 4yz: try again; 5yz: never (RFC 5321, 4.2.1). */
static enum outcome_kind judge(const struct outbound_result *r)
{
    if (r->ok && (r->status == 0 || (r->status >= 200 && r->status < 400)))
        return OUTCOME_DELIVERED;
    if (r->status >= 500 && r->status < 600)
        return OUTCOME_PERMANENT;
    if (r->status >= 400)
        return OUTCOME_TEMPORARY;
    return r->maybe_done ? OUTCOME_UNKNOWN : OUTCOME_TEMPORARY;
}

const struct channel channel_email = {
    .name = "email",
    .rows = rows,
    .timeout_ms = TIMEOUT_MS,
    .finish = finish,
    .transport = TRANSPORT_MAIL,
    .max_bytes = MAIL_MAX,
    .results = 1u << TEMPLATE_OBJECT | 1u << TEMPLATE_STRING,
    .compose = compose,
    .judge = judge,
};
