// URLs taken apart and redirects followed: what a request is made of, and what is refused.
#include "bench/programs/http/url.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace switchyard {
namespace {

struct parts {
  const char* text;
  bool tls;
  const char* host;
  const char* service;
  const char* authority;
  const char* target;
};

TEST(Url, ComesApart) {
  const parts all[] = {
      {"http://example.org", false, "example.org", "80", "example.org", "/"},
      {"HTTP://example.org/", false, "example.org", "80", "example.org", "/"},
      {"hTTps://Example.ORG/A", true, "Example.ORG", "443", "Example.ORG", "/A"},
      {"https://example.org:8443/a/b?c=d&e#f", true, "example.org", "8443", "example.org:8443",
       "/a/b?c=d&e"},
      {"http://example.org:00080/", false, "example.org", "00080", "example.org:00080", "/"},
      {"http://example.org:0008080/", false, "example.org", "0008080", "example.org:0008080", "/"},
      {"http://example.org:/a", false, "example.org", "80", "example.org:", "/a"},
      {"http://example.org?q", false, "example.org", "80", "example.org", "/?q"},
      {"http://example.org/?", false, "example.org", "80", "example.org", "/?"},
      {"http://example.org#part", false, "example.org", "80", "example.org", "/"},
      {"http://127.0.0.1:8080/%20%41;b", false, "127.0.0.1", "8080", "127.0.0.1:8080", "/%20%41;b"},
      {"http://[::1]:8080/x", false, "::1", "8080", "[::1]:8080", "/x"},
      {"https://[fd00::1:2]", true, "fd00::1:2", "443", "[fd00::1:2]", "/"},
      {"http://ex%61mple.org/", false, "example.org", "80", "ex%61mple.org", "/"},
      {"http://a//b/../c", false, "a", "80", "a", "//b/../c"},
      // What may not stand in a URL, as people write it all the same.
      {"http://a/b?list[0]={x|y}", false, "a", "80", "a", "/b?list%5B0%5D=%7Bx%7Cy%7D"},
      {"http://[::1]:80/[b]", false, "::1", "80", "[::1]:80", "/%5Bb%5D"},
      {"http://a/50%/%zz/%4/%41", false, "a", "80", "a", "/50%25/%25zz/%254/%41"},
      {"http://a/\xc3\xbc/\xfc?\xff", false, "a", "80", "a", "/%C3%BC/%FC?%FF"},
      {"http://a/\"<^`>\\#a|#b", false, "a", "80", "a", "/%22%3C%5E%60%3E%5C"},
      {"http://a|b/", false, "a|b", "80", "a%7Cb", "/"},
      {"https://B\xc3\x9c"
       "cher.example:8443/",
       true, "xn--bcher-kva.example", "8443", "xn--bcher-kva.example:8443", "/"},
      {"http://b%C3%BCcher.example/", false, "xn--bcher-kva.example", "80", "xn--bcher-kva.example",
       "/"},
  };
  for (const parts& expected : all) {
    SCOPED_TRACE(expected.text);
    const fetch_url url = parse_url(expected.text);
    EXPECT_EQ(url.tls, expected.tls);
    EXPECT_EQ(url.host, expected.host);
    EXPECT_EQ(url.service, expected.service);
    EXPECT_EQ(url.authority, expected.authority);
    EXPECT_EQ(url.target, expected.target);
  }
}

TEST(Url, IsRefusedWithAReason) {
  const std::vector<std::string> all{
      "",
      "example.org",
      "/path",
      "//example.org/",
      "http",
      "http:",
      "http:example.org",
      "http:/example.org",
      "http://",
      "http:///path",
      "http://:80/",
      "ftp://example.org/",
      "file:///etc/passwd",
      "javascript:alert(1)",
      "http://example.org:0/",
      "http://example.org:65536/",
      "http://example.org:99999999999999999999999/",
      "http://example.org:-1/",
      "http://example.org:http/",
      "http://user@example.org/",
      "http://user:secret@example.org/",
      "http://exa mple.org/",
      "http://example.org/a b",
      " http://example.org/",
      "http://example.org/\r\nHost: another",
      std::string("http://example.org/\0x", 21),
      "http://exampl%00e.org/",
      "http://%0d%0aexample.org/",
      "http://%20/",
      "http://\xff.example/",
      "http://[::1|]/",
      "http://[::1/",
      "http://[::1]x/",
      "http://[1:2]/",
      "http://[]/",
      std::string(1'000'000, ':'),
  };
  for (const std::string& text : all) {
    SCOPED_TRACE(text.substr(0, 100));
    try {
      parse_url(text);
      ADD_FAILURE() << "taken for a URL";
    } catch (const fetch_error& why) {
      EXPECT_STRNE(why.what(), "");
    }
  }
}

TEST(Url, MayBeLong) {
  const std::string path = "/" + std::string(1'000'000, 'a');
  EXPECT_EQ(parse_url("http://example.org" + path).target, path);
  const std::string odd(1'000'000, '%');
  EXPECT_EQ(parse_url("http://example.org/" + odd).target.size(), 1 + 3 * odd.size());
}

TEST(Redirect, LeadsWhereItSays) {
  struct redirect {
    const char* from;
    const char* location;
    const char* to;
  };
  const redirect all[] = {
      {"http://a:8080/b/c?d#e", "x", "http://a:8080/b/x"},
      {"http://a:8080/b/c?d#e", "/x?y", "http://a:8080/x?y"},
      {"http://a:8080/b/c?d#e", "../x", "http://a:8080/x"},
      {"http://a:8080/b/c?d#e", "../../../x", "http://a:8080/x"},
      {"http://a:8080/b/c?d#e", "x/./y/../z", "http://a:8080/b/x/z"},
      {"http://a:8080/b/c?d#e", "?q", "http://a:8080/b/c?q"},
      {"http://a:8080/b/c?d#e", "#f", "http://a:8080/b/c?d"},
      {"http://a:8080/b/c?d#e", "//other/x", "http://other/x"},
      {"http://a:8080/b/c?d#e", "https://other", "https://other/"},
      {"http://a:8080/b/c?d#e", "HTTPS://[::1]:1?q#f", "https://[::1]:1/?q"},
      {"https://a", "//other/x", "https://other/x"},
      {"http://a", "x", "http://a/x"},
      {"http://a", "../x", "http://a/x"},
      {"http://a/b/", "../../..", "http://a/"},
      {"http://a/b", "..", "http://a/"},
      {"http://a/b", "../.", "http://a/"},
      {"http://a/b/", "/../..?x/../y", "http://a/?x/../y"},
      {"http://a?q", "?r", "http://a/?r"},
      {"http://a/b", "/c d?e f", "http://a/c%20d?e%20f"},
      {"http://a/b", "\xc3\xa9\xe9%", "http://a/%C3%A9%E9%25"},
      {"http://a/b", "?c[]=d|e", "http://a/b?c%5B%5D=d%7Ce"},
      {"http://a/b", "/c?to=//[d]", "http://a/c?to=//%5Bd%5D"},
      {"http://a/b", "//[::1]/[c]", "http://[::1]/%5Bc%5D"},
  };
  for (const redirect& expected : all) {
    SCOPED_TRACE(std::string(expected.from) + " -> " + expected.location);
    const fetch_url to = follow(parse_url(expected.from), expected.location);
    EXPECT_EQ((to.tls ? "https://" : "http://") + to.authority + to.target, expected.to);
  }
}

TEST(Redirect, IsRefusedWithWhereItLed) {
  const fetch_url from = parse_url("https://a/b");
  for (const char* location :
       {"ftp://c/d", "mailto:somebody", "http://[::1", "http://", "http:///", "/c\td",
        "http://c d/", "http://user@c/", "http://c:0/", "http://%00/"}) {
    SCOPED_TRACE(location);
    try {
      follow(from, location);
      ADD_FAILURE() << "followed";
    } catch (const fetch_error& why) {
      EXPECT_NE(std::string(why.what()).find(std::string("redirected to '") + location + "'"),
                std::string::npos)
          << why.what();
    }
  }
}

}  // namespace
}  // namespace switchyard
