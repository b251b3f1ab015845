#include "bench/programs/http/url.hpp"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <utility>

namespace switchyard {
namespace {

/// Percent signs can hide anything in a host, which then cuts or splits what it is printed into.
bool has_unprintable(std::string_view host) {
  return std::any_of(host.begin(), host.end(),
                     [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; });
}

fetch_url parts_of(boost::urls::url whole) {
  whole.normalize_scheme();
  if (whole.scheme() != "http" && whole.scheme() != "https") {
    throw fetch_error("only http:// and https:// can be fetched, not " +
                      std::string(whole.scheme()) + ":");
  }
  if (whole.encoded_host().empty()) throw fetch_error("the URL has no host");
  if (whole.has_userinfo()) throw fetch_error("user names in URLs are not supported");
  const auto port = whole.port();
  if (!port.empty() && (port.size() > 5 || std::stoul(port) == 0 || std::stoul(port) > 65'535)) {
    throw fetch_error("the port of a URL has to be 1 to 65535, not " + std::string(port));
  }
  fetch_url url;
  url.tls = whole.scheme() == "https";
  url.host =
      whole.host_type() == boost::urls::host_type::name ? whole.host() : whole.host_address();
  if (has_unprintable(url.host)) throw fetch_error("the host of the URL can't be a name");
  // Not the scheme's name: a small system may have no /etc/services.
  url.service = !port.empty() ? std::string(port) : url.tls ? "443" : "80";
  url.authority = std::string(whole.encoded_host_and_port());
  url.target = std::string(whole.encoded_path());
  if (url.target.empty()) url.target += '/';
  // Boost.URL 1.81 takes the letters of http://host:letters for a path.
  if (url.target.front() != '/') throw fetch_error("the port of a URL has to be a number");
  if (whole.has_query()) url.target.append("?").append(std::string(whole.encoded_query()));
  whole.remove_fragment();
  url.whole = std::string(whole.buffer());
  return url;
}

/// Boost.URL 1.81 leaves what is too much of "..", which leads no higher (RFC 3986, 5.4.2).
void stay_below_root(boost::urls::url& url) {
  std::string path(url.encoded_path());
  while (path.starts_with("/../")) path.erase(0, 3);
  if (path == "/..") path = "/";
  if (path.size() != url.encoded_path().size()) url.set_encoded_path(path);
}

}  // namespace

fetch_url parse_url(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) {
    throw fetch_error("no URL (http://host/path expected): " + parsed.error().message());
  }
  return parts_of(*parsed);
}

fetch_url follow(const fetch_url& from, std::string_view location) {
  const auto reference = boost::urls::parse_uri_reference(location);
  const std::string redirected = "redirected to '" + std::string(location.substr(0, 100)) + "'";
  boost::urls::url to;
  if (!reference || !boost::urls::resolve(*boost::urls::parse_uri(from.whole), *reference, to)) {
    throw fetch_error(redirected + ", which is no URL");
  }
  stay_below_root(to);
  try {
    return parts_of(std::move(to));
  } catch (const fetch_error& useless) {
    throw fetch_error(redirected + ": " + useless.what());
  }
}

}  // namespace switchyard
