#include "bench/programs/http/origin_answer.hpp"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <charconv>
#include <stdexcept>

namespace switchyard {
namespace {

struct parameter {
  const std::string& key;
  const std::string& value;
};

[[noreturn]] void refuse(const parameter& p, const std::string& wanted) {
  throw std::invalid_argument(p.key + "=" + p.value + ": must be " + wanted);
}

std::uint64_t number(const parameter& p, std::uint64_t lowest, std::uint64_t highest) {
  std::uint64_t n = 0;
  const char* end = p.value.data() + p.value.size();
  const auto [stopped, error] = std::from_chars(p.value.data(), end, n);
  if (error != std::errc{} || stopped != end || n < lowest || n > highest) {
    refuse(p, "a number from " + std::to_string(lowest) + " to " + std::to_string(highest));
  }
  return n;
}

bool flag(const parameter& p) { return number(p, 0, 1) == 1; }

/// It becomes a header, which a line break in it would end.
std::string header_text(const parameter& p) {
  const auto printable = [](char c) { return c > ' ' && c < 0x7f; };
  if (!std::ranges::all_of(p.value, printable)) {
    throw std::invalid_argument(p.key + ": must be printable ASCII without spaces");
  }
  return p.value;
}

void apply(const parameter& p, origin_answer& answer) {
  if (p.key == "bytes") {
    answer.bytes = number(p, 0, most_body_bytes);
  } else if (p.key == "latency_ms") {
    constexpr auto most = static_cast<std::uint64_t>(most_latency.count());
    answer.latency = std::chrono::milliseconds(number(p, 0, most));
  } else if (p.key == "chunked") {
    answer.chunked = flag(p);
  } else if (p.key == "close") {
    answer.close = flag(p);
  } else if (p.key == "status") {
    answer.status = static_cast<unsigned>(number(p, 200, 599));
  } else if (p.key == "location") {
    answer.location = header_text(p);
  } else {
    throw std::invalid_argument("unknown parameter '" + p.key +
                                "'; there are bytes, latency_ms, chunked, status, location, close");
  }
}

}  // namespace

origin_answer answer_to(std::string_view target, const origin_answer& defaults) {
  const boost::core::string_view text(target.data(), target.size());
  const auto url = target.starts_with('/') ? boost::urls::parse_origin_form(text)
                                           : boost::urls::parse_absolute_uri(text);
  if (!url) throw std::invalid_argument("the request target is not a URL");
  origin_answer answer = defaults;
  for (const auto& given : url->params()) apply({given.key, given.value}, answer);
  return answer;
}

}  // namespace switchyard
