/* global: defaults that receivers take. What they take is told with them; here only what nobody takes. */
#include "convert/am.h"

void am_global(struct am *am)
{
    static const char *const known[] = {"resolve_timeout",
                                        "http_config",
                                        "smtp_from",
                                        "smtp_hello",
                                        "smtp_smarthost",
                                        "smtp_auth_username",
                                        "smtp_auth_password",
                                        "smtp_auth_password_file",
                                        "smtp_auth_secret",
                                        "smtp_auth_secret_file",
                                        "smtp_auth_identity",
                                        "smtp_require_tls",
                                        "smtp_force_implicit_tls",
                                        "smtp_tls_config",
                                        "slack_api_url",
                                        "slack_api_url_file",
                                        "slack_app_token",
                                        "slack_app_token_file",
                                        "slack_app_url",
                                        "pagerduty_url",
                                        "opsgenie_api_url",
                                        "opsgenie_api_key",
                                        "opsgenie_api_key_file",
                                        "jsm_api_url",
                                        "jsm_api_key",
                                        "jsm_api_key_file",
                                        "wechat_api_url",
                                        "wechat_api_secret",
                                        "wechat_api_secret_file",
                                        "wechat_api_corp_id",
                                        "victorops_api_url",
                                        "victorops_api_key",
                                        "victorops_api_key_file",
                                        "telegram_api_url",
                                        "telegram_bot_token",
                                        "telegram_bot_token_file",
                                        "webex_api_url",
                                        "jira_api_url",
                                        "rocketchat_api_url",
                                        "rocketchat_token",
                                        "rocketchat_token_file",
                                        "rocketchat_token_id",
                                        "rocketchat_token_id_file",
                                        "mattermost_webhook_url",
                                        "mattermost_webhook_url_file",
                                        "signl4_team_secret",
                                        "signl4_team_secret_file",
                                        NULL};
    struct conversion *c = &am->c;
    int64_t resolve;

    if (!am->global)
        return;
    take_keys(c, am->global, "global", known);
    element_begin(c, am->global->line, "global");
    resolve = take_duration(c, am->global, "resolve_timeout");
    if (resolve >= 0)
        element_differs(c, "resolve_timeout: senders say when their alerts end (Prometheus always "
                           "does); there is no such setting");
}
