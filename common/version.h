// The version of this build.
#pragma once

namespace portreeve {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace portreeve
