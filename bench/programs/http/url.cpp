#include "bench/programs/http/url.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/pchars.hpp>
#include <boost/url/url.hpp>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <utility>

namespace switchyard {
namespace {

/// Blanks and control characters cut or split what they are printed into; percent signs can hide
/// them in a host.
bool has_unprintable(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; });
}

/// Whether `text`, which begins with a percent sign, begins with a byte in hexadecimal.
bool is_encoded_byte(std::string_view text) {
  return text.size() >= 3 && std::isxdigit(static_cast<unsigned char>(text[1])) != 0 &&
         std::isxdigit(static_cast<unsigned char>(text[2])) != 0;
}

/// A URL or a reference without its fragment, which is never sent, and with percent signs for the
/// bytes that may not stand in one (RFC 3986), as browsers send them. Not for control characters:
/// nobody means them. Brackets are left alone around an address.
std::string with_odd_bytes_encoded(std::string_view text) {
  constexpr auto plain = boost::urls::pchars + '/' + '?';
  text = text.substr(0, text.find('#'));
  std::size_t path = text.find_first_of("/?");
  const bool has_host = path < text.size() && text.substr(path).starts_with("//") &&
                        (path == 0 || text[path - 1] == ':');
  path = has_host ? std::min(text.find_first_of("/?", path + 2), text.size()) : 0;
  std::string encoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const bool is_bracket = at < path && (c == '[' || c == ']');
    const bool is_control = c != ' ' && has_unprintable({&c, 1});
    if (plain(static_cast<unsigned char>(c)) || is_bracket || is_control ||
        (c == '%' && is_encoded_byte(text.substr(at)))) {
      encoded += c;
    } else {
      constexpr std::string_view digits = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      encoded.append({'%', digits[byte / 16], digits[byte % 16]});
    }
  }
  return encoded;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

/// What the name servers call a host of letters beyond ASCII (IDNA). Like the C library's resolver,
/// which would not tell what it asked for, we load the library for it only where it is needed.
std::string ascii_name(const std::string& host) {
  constexpr int nontransitional = 8;  // IDN2_NONTRANSITIONAL: as browsers and curl
  static void* const library = ::dlopen("libidn2.so.0", RTLD_NOW);
  using converter = int (*)(const char*, char**, int);
  const auto to_ascii = library == nullptr
                            ? nullptr
                            : reinterpret_cast<converter>(::dlsym(library, "idn2_to_ascii_8z"));
  if (to_ascii == nullptr) {
    throw fetch_error("the host of the URL has letters beyond ASCII, which takes libidn2");
  }
  char* found = nullptr;
  const int error = to_ascii(host.c_str(), &found, nontransitional);
  const std::unique_ptr<char, decltype(&std::free)> owner(found, &std::free);
  // Letters may stand for signs that would end a host.
  if (error != 0 ||
      std::string_view(found).find_first_of(" /?#@:[]\\%") != std::string_view::npos) {
    throw fetch_error("the host of the URL can't be a name");
  }
  return found;
}

fetch_url parts_of(boost::urls::url whole) {
  whole.normalize_scheme();
  if (whole.scheme() != "http" && whole.scheme() != "https") {
    throw fetch_error("only http:// and https:// can be fetched, not " +
                      std::string(whole.scheme()) + ":");
  }
  if (whole.encoded_host().empty()) throw fetch_error("the URL has no host");
  if (whole.has_userinfo()) throw fetch_error("user names in URLs are not supported");
  const std::string port(whole.port());
  const std::string number = port.substr(std::min(port.find_first_not_of('0'), port.size()));
  const bool is_port = !number.empty() && number.size() <= 5 && std::stoul(number) <= 65'535;
  if (!port.empty() && !is_port) {
    throw fetch_error("the port of a URL has to be 1 to 65535, not " + port);
  }
  fetch_url url;
  url.tls = whole.scheme() == "https";
  url.host =
      whole.host_type() == boost::urls::host_type::name ? whole.host() : whole.host_address();
  if (has_unprintable(url.host)) throw fetch_error("the host of the URL can't be a name");
  if (!is_ascii(url.host)) whole.set_host(url.host = ascii_name(url.host));
  // Not the scheme's name: a small system may have no /etc/services.
  url.service = !port.empty() ? port : url.tls ? "443" : "80";
  url.authority = std::string(whole.encoded_host_and_port());
  url.target = std::string(whole.encoded_path());
  if (url.target.empty()) url.target += '/';
  // Boost.URL 1.81 takes the letters of http://host:letters for a path.
  if (url.target.front() != '/') throw fetch_error("the port of a URL has to be a number");
  if (whole.has_query()) url.target.append("?").append(std::string(whole.encoded_query()));
  url.whole = std::string(whole.buffer());
  return url;
}

/// Boost.URL 1.81 leaves what is too much of "..", which leads no higher (RFC 3986, 5.4.2).
void stay_below_root(boost::urls::url& url) {
  std::string path(url.encoded_path());
  while (path.starts_with("/../")) path.erase(0, 3);
  if (path == "/" || path == "/..") path.clear();  // it would make "/./" of "/"
  if (path.size() != url.encoded_path().size()) url.set_encoded_path(path);
}

}  // namespace

fetch_url parse_url(std::string_view text) {
  const std::string expected = "no URL (http://host/path expected)";
  if (has_unprintable(text)) {
    throw fetch_error(expected + ": it holds a blank or a control character");
  }
  const std::string encoded = with_odd_bytes_encoded(text);
  const auto parsed = boost::urls::parse_uri(encoded);
  if (!parsed) throw fetch_error(expected);
  return parts_of(*parsed);
}

fetch_url follow(const fetch_url& from, std::string_view location) {
  const std::string encoded = with_odd_bytes_encoded(location);
  const auto reference = boost::urls::parse_uri_reference(encoded);
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
