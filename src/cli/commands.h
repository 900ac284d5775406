/* The functions behind the rows of commands.c. */
#ifndef TOCSIN_CLI_COMMANDS_H
#define TOCSIN_CLI_COMMANDS_H

int command_serve(int argc, char **argv);
int command_check(int argc, char **argv);
int command_test(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_alerts(int argc, char **argv);
int command_incidents(int argc, char **argv);
int command_ack(int argc, char **argv);
int command_release(int argc, char **argv);
int command_silence(int argc, char **argv);
int command_route(int argc, char **argv);
int command_calendar(int argc, char **argv);
int command_oncall(int argc, char **argv);
int command_receiver(int argc, char **argv);
int command_deliveries(int argc, char **argv);
int command_history(int argc, char **argv);
int command_status(int argc, char **argv);
int command_reload(int argc, char **argv);
int command_send(int argc, char **argv);
int command_convert(int argc, char **argv);
int command_import(int argc, char **argv);
int command_demo(int argc, char **argv);

#endif
