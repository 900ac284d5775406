/* The command line: what main() calls. Returns the exit code: 0 yes, 1 no, 2 usage, 3 the server was
 * not reached. */
#ifndef TOCSIN_CLI_H
#define TOCSIN_CLI_H

int cli_main(int argc, char **argv);

#endif
