// sluice: the command line of the pool.
#include "tools/sluice/commands.h"

int main(int argc, char** argv) { return sluice::cli::run_command_line(argc, argv); }
