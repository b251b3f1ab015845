// The parts of a URL that a fetch needs. Boost.URL parses (RFC 3986), in url.cpp alone.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace switchyard {

/// Why a fetch failed, in words for its user.
struct fetch_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct fetch_url {
  std::string whole;  // without its fragment
  bool tls = false;
  std::string host;       // a name, or an address without brackets
  std::string service;    // the port, as digits
  std::string authority;  // for the Host field: with brackets and port, where there are any
  std::string target;     // path and query
};

/// Bytes that may not stand in a URL are percent-encoded, a host of letters beyond ASCII gets the
/// name that it has in ASCII. Throws fetch_error that names the culprit.
fetch_url parse_url(std::string_view text);

/// Where the Location field of an answer to `from` leads; it may be relative,
/// and blanks in it are meant.
fetch_url follow(const fetch_url& from, std::string_view location);

}  // namespace switchyard
