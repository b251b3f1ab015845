// What is parsed once for all tests: nobody includes this file.
#pragma once

#include <gtest/gtest.h>

#include "bench/harness/precompiled.hpp"
