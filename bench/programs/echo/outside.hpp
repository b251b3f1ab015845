// Echo servers that are not ours: those in outside/, and any program that --server names. Each is
// started by keep_server, which binds it, finds out where it listens, and ends it with all of its
// processes; so it need know nothing of this suite.
//
// A machine may lack what one of the suite's needs: that is a limit. What --server names has to be
// there: that is asked for when the option is read, before anything is measured.
#pragma once

#include <string>
#include <vector>

#include "bench/programs/echo/servers.hpp"

namespace switchyard::echo {

/// Those of the suite, in the order of the tables.
std::vector<server> outside_servers();

/// The one that "NAME=COMMAND" asks for, which stays until the end. std::invalid_argument that
/// names what is wrong: with the name, with the command, or that its program is not there.
const server& given_server(const std::string& asked);

/// The program of an outside server and its arguments; limit_error when it is not there.
std::vector<std::string> command_of(const server& by);

}  // namespace switchyard::echo
