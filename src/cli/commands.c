/* The table of commands: one row each. */
#include "cli/commands.h"

#include "cli/cli.h"

const struct command commands[] = {
    {"serve", "[--config F] [--listen A:P] [--redis URL] [--data-dir D] [--rules GLOB]…",
     "runs Tocsin",
     "  --config F      configuration; default: tocsin.lua where it exists\n"
     "  --listen A:P    default 127.0.0.1:9393; port 0: any free one\n"
     "  --redis URL     default: a private one in the data directory\n"
     "  --data-dir D    default: data\n"
     "  --rules GLOB    rule files, may stand several times; default: rules/*.lua\n"
     "  --statsd A:P    also takes StatsD\n"
     "  --shadow        everything but sending\n"
     "  --log-json      log lines as JSON; --verbose: more of them\n"
     "SIGHUP reloads, SIGTERM ends after sends in flight, SIGUSR2 writes figures to the log.\n",
     command_serve},
    {"check", "[FILE…] [--config F] [--cost] [--live]",
     "reads rules and configuration, tells errors",
     "Without FILE: the configured rules and the configuration itself. Needs no server.\n"
     "  --cost          what each rule keeps: leaves, bytes a group, log fields\n"
     "  --live          asks the server what each selector matches now\n"
     "Exit 1 on an error; warnings do not count.\n",
     command_check},
    {"test", "[FILE_test.lua…] [--junit F] [--watch]", "runs tests of rules on a virtual clock",
     "x_test.lua tests x.lua beside it, else all rule files of its folder. Without FILE: the\n"
     "tests beside the configured rules.\n"
     "  --junit F       writes the results as JUnit XML\n"
     "  --watch         runs them again whenever a file beside them is saved; Ctrl-C ends\n",
     command_test},
    {"explain", "(RULE [label=value…] | N) [--at TIME]", "why it fires, or not; where it went",
     "  --at TIME       how it stood then (20:15, or RFC 3339), from the history\n"
     "  --tree          every node of the conditions with its value, the data, the history\n",
     command_explain},
    {"alerts", "[MATCHER…] [--state firing|pending|all] [--limit 1000]", "what fires now", NULL,
     command_alerts},
    {"incidents", "[N] [--all] [--limit 1000]", "open incidents, or one of them",
     "  --all           also those that have ended\n", command_incidents},
    {"ack", "N [--for 2h] [--note TEXT]", "takes an incident: I have this one",
     "Without --for until it is resolved. New alerts and a rise in priority are still told.\n",
     command_ack},
    {"release", "N", "gives an incident back", NULL, command_release},
    {"silence",
     "(N | MATCHER…) --for 2h --comment TEXT | list | expire ID | during MATCHER… -- COMMAND",
     "tells nobody, also about future alerts",
     "  silence N                     the alerts of incident N, until resolved unless --for\n"
     "  silence MATCHER… --for 2h     name=value, name!=value, name=~regex, name!~regex\n"
     "  silence list [MATCHER…]       [--state active|pending|expired|all] [--limit 1000]\n"
     "                                those that mute or will, unless --state says otherwise\n"
     "                                those that mute or will, unless --state says otherwise\n"
     "  silence expire ID…            ends it now\n"
     "  silence during MATCHER… -- COMMAND   holds one while the command runs\n"
     "  --dry-run       only tells what it would mute\n"
     "  --until TIME, --start TIME    RFC 3339\n"
     "  --wide N        confirms a wide one with the count that the preview told\n"
     "  --any-priority  also holds a rise in priority\n"
     "  --id ID         changes one; --yes: asks nothing on a terminal\n",
     command_silence},
    {"route", "LABEL=VALUE… [--priority P1] [--at TIME]", "who would be told, and when", NULL,
     command_route},
    {"receiver", "[list] | test NAME", "receivers; sends a real test message", NULL,
     command_receiver},
    {"oncall", "[SCHEDULE | ROTATION] [--at TIME] [--config F]", "who is on call, and who is next",
     "From the configuration alone; needs no server.\n"
     "  --at TIME       20:15, \"2026-11-09 08:00\" or RFC 3339\n"
     "  --zone Z        of \"2026-11-09 08:00\": Europe/Paris; default: this machine's\n",
     command_oncall},
    {"calendar", "NAME [--at TIME] [--config F]", "whether a calendar holds, and until when",
     "From the configuration alone; needs no server. --at and --zone as of oncall.\n",
     command_calendar},
    {"deliveries", "[list [--all] [--limit 1000] | show N LANE | retry N LANE | drop N LANE]",
     "messages on their way, failed, dead", NULL, command_deliveries},
    {"history", "[RULE | N] [label=value…] [--limit 30]", "what changed, newest first", NULL,
     command_history},
    {"status", "", "how the program is", NULL, command_status},
    {"reload", "[--dry-run]", "loads configuration and rules again",
     "  --dry-run       only tells what would change\n", command_reload},
    {"send", "metric NAME VALUE [label=value…] | event field=value… | … -",
     "metrics and events by hand",
     "  send metric queue_length 12 queue=mail [--type gauge|counter|delta] [--time T]\n"
     "  send event level=ERROR service=shop message='no stock'\n"
     "  … | send metric -             lines: NAME VALUE label=value…, or JSON\n"
     "  … | send event service=x -    lines: JSON, or text that becomes the message\n"
     "  --follow        sends each line as it comes\n",
     command_send},
    {"convert", "alertmanager FILE.yml [-o tocsin.lua]",
     "Alertmanager's configuration as tocsin.lua",
     "The text goes to standard output or to the file of -o; standard error tells of each element\n"
     "whether it is exact, what differs, or what is to be done by hand. Secrets are not copied:\n"
     "the text names files that you write. Exit 1 when something is to be done by hand.\n",
     command_convert},
    {"import", "oncall FILE… [-o oncall.lua] [--at TIME]",
     "schedules of who is on call, from other programs",
     "Reads answers of the REST interfaces of PagerDuty, Opsgenie and Grafana OnCall as they are, "
     "and\n"
     "iCalendar files; several files are one export. Writes people, rotations and schedules; "
     "standard\n"
     "error tells what differs, and shows the next four weeks there and here, lines that differ "
     "with !.\n"
     "  --at TIME       as if it were then\n"
     "Exit 1 when something is to be done by hand, or a line differs.\n",
     command_import},
    {"demo", "[--for 60s] [--healthy] [--deploy-after 10s]", "a small shop that breaks",
     "Sends the traffic of four services; after ten seconds a bad deploy makes requests fail.\n"
     "  --for D         ends after D; else Ctrl-C\n"
     "  --healthy       nothing breaks\n"
     "  --deploy-after D\n"
     "  --recover-after D   rolls the deploy back, D after it\n",
     command_demo},
    {0},
};
