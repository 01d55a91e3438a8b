#pragma once

/// Included before all else where Clang compiles torch 1.13's headers as C++20: they use vectors of a class
/// that is not complete yet, and Clang instantiates constexpr members of std::vector at once. So the members
/// of this one class are not constexpr here. (The helper renamed is declared constexpr before it.)
#include <string>
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR
#define __fill_a1 __fill_a1_of_bits
#include <vector>
#undef __fill_a1
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR constexpr
