// Greenlets: control goes where it is sent, comes back to the main flow in the end, and nothing is
// left behind. The article's own program: article_test.cpp.
#include "runtimes/greenlet.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

namespace switchyard {
namespace {

TEST(greenlet, RunsOnlyWhenSwitchedToAndEndsInTheMainFlow) {
  std::string order;
  greenlet g([&] { order += "greenlet "; });
  order += "main ";
  EXPECT_FALSE(g.finished());
  g.switch_to();
  order += "main";
  EXPECT_TRUE(g.finished());
  EXPECT_EQ(order, "main greenlet main");
}

TEST(greenlet, GoesOnWhereItStood) {
  std::optional<greenlet> a;
  std::optional<greenlet> b;
  std::string order;
  a.emplace([&] {
    for (int i = 0; i < 3; ++i) {
      order += 'a' + std::to_string(i) + ' ';
      b->switch_to();
    }
  });
  b.emplace([&] {
    for (int i = 0; i < 3; ++i) {
      order += 'b' + std::to_string(i) + ' ';
      a->switch_to();
    }
  });
  a->switch_to();
  EXPECT_EQ(order, "a0 b0 a1 b1 a2 b2 ");
  EXPECT_TRUE(a->finished());
  EXPECT_FALSE(b->finished()) << "it stands in its last switch";
}

// From three levels deep, to a third one, and back to the middle: no caller and callee among them.
TEST(greenlet, AnyMaySwitchToAny) {
  std::optional<greenlet> a;
  std::optional<greenlet> b;
  std::optional<greenlet> c;
  std::string order;
  a.emplace([&] {
    order += "a1 ";
    c->switch_to();
    order += "a2 ";
    b->switch_to();
  });
  b.emplace([&] {
    order += "b1 ";
    a->switch_to();
    order += "b2 ";
    c->switch_to();
  });
  c.emplace([&] {
    order += "c1 ";
    b->switch_to();
    order += "c2 ";
  });
  a->switch_to();
  EXPECT_EQ(order, "a1 c1 b1 a2 b2 c2 ");
}

TEST(greenlet, AFailureIsThrownInTheMainFlow) {
  std::optional<greenlet> outer;
  greenlet fails([] { throw std::domain_error("no"); });
  bool outer_went_on = false;
  outer.emplace([&] {
    fails.switch_to();
    outer_went_on = true;
  });
  EXPECT_THROW(outer->switch_to(), std::domain_error);
  EXPECT_FALSE(outer_went_on) << "the main flow is the parent, not whoever switched last";
  EXPECT_TRUE(fails.finished());
  outer->switch_to();
  EXPECT_TRUE(outer_went_on);
}

TEST(greenlet, AnUnfinishedOneIsUnwound) {
  const auto held = std::make_shared<int>(1);
  {
    std::optional<greenlet> other;
    greenlet unfinished([&, held] {
      const auto on_its_stack = held;
      EXPECT_EQ(on_its_stack.use_count(), 3);
      other->switch_to();
      ADD_FAILURE() << "nobody has switched back";
    });
    other.emplace([] {});
    unfinished.switch_to();
    EXPECT_EQ(held.use_count(), 3) << "its stack is kept";
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(greenlet, OneThatSwallowsItsUnwindingEndsAllTheSame) {
  std::string order;
  {
    std::optional<greenlet> other;
    greenlet stubborn([&] {
      for (int i = 0; i < 3; ++i) {
        try {
          other->switch_to();
        } catch (const std::exception&) {
          ADD_FAILURE() << "no error has happened";
        } catch (...) {
          order += "no ";
        }
      }
    });
    other.emplace([] {});
    stubborn.switch_to();
    order += "destroy: ";
  }
  EXPECT_EQ(order, "destroy: no no no ");
}

TEST(greenlet, OneThatNeverRanIsDestroyedWithItsFunction) {
  const auto held = std::make_shared<int>(1);
  {
    const greenlet never([held] { ADD_FAILURE(); });
  }
  EXPECT_EQ(held.use_count(), 1);
}

// It must touch nothing of the one whose switch_to() it comes out of.
TEST(greenlet, OneGoesOnOrIsUnwoundWhenTheOneThatItNamedIsNoMore) {
  for (const bool is_unwound : {false, true}) {
    auto named = std::make_unique<greenlet>([] {});
    std::optional<greenlet> g;
    bool went_on = false;
    g.emplace([&] {
      named->switch_to();
      went_on = true;
    });
    g->switch_to();
    named.reset();
    if (!is_unwound) g->switch_to();
    g.reset();
    EXPECT_EQ(went_on, !is_unwound);
  }
}

TEST(greenlet, AnotherOneMayDestroyIt) {
  const auto held = std::make_shared<int>(1);
  std::optional<greenlet> victim;
  std::optional<greenlet> other;
  std::string order;
  victim.emplace([&, held] {
    order += "victim ";
    other->switch_to();
  });
  other.emplace([&] {
    victim.reset();
    order += "other ";
  });
  victim->switch_to();
  EXPECT_EQ(order, "victim other ");
  EXPECT_EQ(held.use_count(), 1);
}

TEST(greenlet, WhatCanNotBeSwitchedToIsAnError) {
  std::optional<greenlet> own;
  int runs = 0;
  own.emplace([&] {
    own->switch_to();  // returns at once
    ++runs;
  });
  own->switch_to();
  EXPECT_EQ(runs, 1);
  EXPECT_THROW(own->switch_to(), std::logic_error) << "it has finished";

  greenlet of_this_thread([] {});
  std::thread([&] { EXPECT_THROW(of_this_thread.switch_to(), std::logic_error); }).join();
  of_this_thread.switch_to();
  EXPECT_TRUE(of_this_thread.finished());
}

}  // namespace
}  // namespace switchyard
