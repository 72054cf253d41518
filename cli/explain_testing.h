// For tests of explain: folders of YAML in short, and what is explained from them.
#pragma once

#include <string>
#include <vector>

#include "cli/explain_command.h"
#include "cli/objects.h"

namespace portreeve::cli::testing {

// A folder that goes with it.
class YamlFolder {
 public:
  YamlFolder();
  explicit YamlFolder(const std::string& yaml) : YamlFolder() { Write("all.yaml", yaml); }
  ~YamlFolder();
  YamlFolder(const YamlFolder&) = delete;
  YamlFolder& operator=(const YamlFolder&) = delete;

  void Write(const std::string& file, const std::string& text) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Namespace demo: a class; Services one (127.0.0.1:9001), two (9002) and empty (no endpoint), each with port 80.
std::string Services();
// demo/NAME with these listeners, in YAML's flow style.
std::string Gateway(const std::string& name, const std::string& listeners);
// demo/edge with listeners http (8080), wild (8081, *.example.com), exact (8081, a.example.com), tls (8443,
// shop.example.com), tls-other (8443, *.example.com) and bare (8444, HTTPS without a certificate).
std::string Edge();
// demo/NAME; `spec` in flow style, attached to edge's listener http if it names no parent.
std::string Route(const std::string& name, const std::string& spec, const std::string& more_metadata = "");

// What the command would explain. Objects must be good YAML, and the request one.
Explanation ExplainYaml(const std::string& yaml, ExplainCommand command);
std::string TextOf(const Explanation& explanation);

}  // namespace portreeve::cli::testing
