#!/usr/bin/env python3
"""Tests of the checks themselves: what they must find, and what they must leave alone."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import count  # noqa: E402
import tree  # noqa: E402

WRONG = [
    "co_await Send(Frame{1, 2});",
    "auto x = co_await Send({.size = 3});",
    "co_await Post([this] { Run(); });",
    "co_await Post([&] { Run(); });",
    "co_await Post(a, [x = 1](int y) { return y; });",
    "Use(Frame{1}, co_await Read());",
    "co_return Frame{co_await Read()};",
    "if (co_await Send(Frame{1})) { x(); }",
    "if (a) { b(); }\n  co_await Send(Frame{});",
    "co_await Send(\n    // a comment\n    Frame{1});",
]
RIGHT = [
    "co_await Send(frame);",
    "Frame frame{1, 2};\n  co_await Send(frame);",
    "if (co_await Send(frame)) { Frame f{1}; Use(f); }",
    "while (size_t n = co_await Read()) { auto f = [&] { Use(n); }; f(); }",
    "if (a) { b(Frame{1}); }\n  co_await Send(frame);",
    "for (auto& x : list) {\n co_await Send(x[1], table[i]);\n }",
    "co_await Send(\"{[this]}\");",
    "co_await Send(frame);  // Frame{1}",
    "auto [error, size] = co_await Read();",
    "co_await Post([] { Run(Frame{1}); });",
    "switch (x) { case 1: co_await Send(y); break; }",
    "else {\n co_await Send(y);\n }",
    "auto Run() -> awaitable<void> {\n co_await Send(y);\n }",
    "x = co_await Read();\n Frame f{x};",
    "CO_ASSERT(co_await Read() == std::array<int, 3>());",
]


class CoAwait(unittest.TestCase):
    def found(self, statement):
        with tempfile.TemporaryDirectory() as folder:
            root, tracked = tree.ROOT, tree.tracked
            try:
                tree.ROOT, tree.tracked = pathlib.Path(folder), lambda *_: ["x.cc"]
                (tree.ROOT / "x.cc").write_text("awaitable<void> F() {\n  " + statement + "\n}\n")
                return list(tree.check_coawait())
            finally:
                tree.ROOT, tree.tracked = root, tracked

    def test_wrong(self):
        for statement in WRONG:
            with self.subTest(statement):
                self.assertTrue(self.found(statement))

    def test_right(self):
        for statement in RIGHT:
            with self.subTest(statement):
                self.assertEqual(self.found(statement), [])


class Layers(unittest.TestCase):
    def test_transitive(self):
        layers = tree.load_layers()
        self.assertIn("dataplane/http", layers["dataplane/server"])
        self.assertNotIn("dataplane/server", layers["dataplane/http"])
        self.assertFalse(any(name.startswith("controller") for name in layers["dataplane"]))

    def test_deepest_folder_wins(self):
        layers = tree.load_layers()
        self.assertEqual(tree.layer_of("dataplane/route/deep/x.h", layers), "dataplane/route")
        self.assertEqual(tree.layer_of("dataplane/main.cc", layers), "dataplane")
        self.assertIsNone(tree.layer_of("x.h", layers))

    def test_globs(self):
        self.assertTrue(tree.in_globs("a/b.cc", ["*.cc"]))
        self.assertFalse(tree.in_globs("a/b.cc", ["*.cc", "!a/*"]))


class Count(unittest.TestCase):
    def test_catch2(self):
        self.assertEqual(count.catch_cases("x\nAll tests passed (12 assertions in 3 test cases)\n"), (3, 0, 0))
        self.assertEqual(count.catch_cases("test cases: 5 | 4 passed | 1 failed\nassertions: 9 | 8 passed"), (4, 1, 0))
        self.assertEqual(count.catch_cases("test cases: 2 | 1 passed | 1 failed as expected\n"), (1, 0, 1))
        self.assertIsNone(count.catch_cases("Segmentation fault"))

    def go(self, *events):
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.write("\n".join(events) + "\n")
            file.flush()
            return count.count_go(file.name)

    def test_go_counts_leaves(self):
        self.assertEqual(self.go(
            '{"Action":"run","Package":"p","Test":"A"}', '{"Action":"run","Package":"p","Test":"A/x"}',
            '{"Action":"pass","Package":"p","Test":"A/x"}', '{"Action":"skip","Package":"p","Test":"A/y"}',
            '{"Action":"pass","Package":"p","Test":"A"}', '{"Action":"pass","Package":"p"}'), [1, 0, 1])

    def test_go_killed_run_has_failed(self):
        self.assertEqual(self.go('{"Action":"run","Package":"p","Test":"A"}', '{"Action":"fail","Package":"p"}'), [0, 1, 0])

    def test_go_package_that_does_not_build(self):
        self.assertEqual(self.go('{"Action":"fail","Package":"p"}'), [0, 1, 0])


if __name__ == "__main__":
    unittest.main()
