// A Translation as YAML, for people to read and for golden files. Secrets are shown by length and hash.
#pragma once

#include <string>

#include "controller/translate/translator.h"

namespace portreeve::translate {

std::string ToYaml(const Translation& translation);

}  // namespace portreeve::translate
