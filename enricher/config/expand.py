"""`${env:VAR}`, `${env:VAR:-default}` and `$$` in values, with the Collector's meaning.

An expanded value stays text; the models turn it into the number, boolean or duration that the key asks for, so that a
token of digits keeps its leading zeros.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from enricher.config.document import Node
from enricher.errors import Problem

_MARK = re.compile(r"\$(?:\$|\{([^{}]*)(\})?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def expand(root: Node, environ: Mapping[str, str]) -> tuple[Node, list[Problem]]:
    """The tree with the environment's values filled in, and a fault for each variable that is not there."""
    expander = _Expander(environ)
    return expander.node(root, ""), expander.problems


class _Expander:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[Problem] = []
        self._done: dict[int, Node] = {}

    def node(self, node: Node, path: str) -> Node:
        done = self._done.get(id(node))
        if done is None:
            done = self._done[id(node)] = self._expanded(node, path)
        return done

    def _expanded(self, node: Node, path: str) -> Node:
        if isinstance(node.value, dict):
            value = {key: self.node(child, f"{path}.{key}" if path else key) for key, child in node.value.items()}
            return Node(node.place, value, keys=node.keys, size=node.size, height=node.height)
        if isinstance(node.value, list):
            items = [self.node(child, f"{path}[{index}]") for index, child in enumerate(node.value)]
            return Node(node.place, items, size=node.size, height=node.height)
        if not isinstance(node.value, str) or "$" not in node.value:
            return node

        def replace(found: re.Match[str]) -> str:
            return "$" if found[0] == "$$" else self._lookup(found, node, path)

        text = _MARK.sub(replace, node.value)
        return Node(node.place, text, text, quoted=True)

    def _lookup(self, found: re.Match[str], node: Node, path: str) -> str:
        inner, closed = found[1], found[2]
        scheme, colon, rest = inner.partition(":")
        if not colon:
            scheme, rest = "env", inner
        name, _, default = rest.partition(":-")
        if not closed:
            self._fault("bad-expansion", node, path, f"`{found[0]}` is not closed", "write ${env:NAME}, or $$ for a $")
        elif scheme != "env":
            self._fault("bad-expansion", node, path, f"`${{{scheme}:…}}` is not supported", "write ${env:NAME}")
        elif not _NAME.fullmatch(name):
            self._fault(
                "bad-expansion", node, path, f"{name!r} is not the name of a variable", "write $$ for a plain $"
            )
        elif name in self.environ:
            return self.environ[name]
        elif ":-" in rest:
            return default
        else:
            hint = f"set {name}, or write ${{env:{name}:-default}}"
            self._fault("unset-variable", node, path, f"the environment has no variable {name}", hint)
        return ""

    def _fault(self, code: str, node: Node, path: str, message: str, hint: str) -> None:
        place = node.place
        self.problems.append(Problem(code, path, message, hint, place.file, place.line, place.column))
