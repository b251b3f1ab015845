// CMake wants a source to compile precompiled.hpp for.
