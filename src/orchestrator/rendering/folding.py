"""Templates with what is the same in every mail of a sender written into them when they are compiled.

A third of what a template looks up and escapes is the sender's own: colours, names, the logo. Nothing of it differs
between two mails, so the compiler writes it down once, and leaves out what is shown under no condition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from jinja2 import Environment, nodes
from jinja2.visitor import NodeTransformer

#: Statements that do nothing but show: where no other stands, what is never shown can be left out.
_SHOWING = (nodes.Output, nodes.If, nodes.For)


def folded(tree: nodes.Template, environment: Environment, known: Mapping[str, Mapping[str, Any]]) -> nodes.Template:
    """Return `tree` with fields of `known` variables in place of their names.

    Args:
        tree: A parsed template that no other includes or extends; it is changed.
        environment: Whose template it is.
        known: Fields by the name of their variable. A variable that the template itself sets, and a field that does
            not exist, are left to be looked up.
    """
    if next(tree.find_all(nodes.Extends), None) is not None:
        return tree
    own = _names_set(tree)
    constants = {name: fields for name, fields in known.items() if name not in own}
    _Folding(environment, constants).visit(tree)
    _join(tree)
    return tree


def _join(node: nodes.Node) -> None:
    """Put what is shown one after the other into one statement, so that it is written in one piece."""
    for child in node.iter_child_nodes():
        _join(child)
    for _, value in node.iter_fields():
        if isinstance(value, list):
            joined: list[Any] = []
            for each in cast(list[Any], value):
                if isinstance(each, nodes.Output) and joined and isinstance(joined[-1], nodes.Output):
                    joined[-1].nodes.extend(each.nodes)
                else:
                    joined.append(each)
            value[:] = joined


def _names_set(tree: nodes.Template) -> set[str]:
    names = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    names |= {macro.name for macro in tree.find_all(nodes.Macro)}
    names |= {each.target for each in tree.find_all(nodes.Import)}
    imported = [one for each in tree.find_all(nodes.FromImport) for one in each.names]
    return names | {one if isinstance(one, str) else one[1] for one in imported}


class _Folding(NodeTransformer):
    def __init__(self, environment: Environment, constants: Mapping[str, Mapping[str, Any]]) -> None:
        self._context = nodes.EvalContext(environment)
        self._constants = constants

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:
        self.generic_visit(node)
        variable = node.node
        if isinstance(variable, nodes.Name):
            value = self._constants.get(variable.name, {}).get(node.attr)
            if type(value) in (str, int):
                return nodes.Const(value, lineno=node.lineno, environment=node.environment)
        return node

    def visit_If(self, node: nodes.If) -> nodes.Node | list[nodes.Node]:
        self.generic_visit(node)
        everything_shows = all(isinstance(one, _SHOWING) for one in node.find_all(nodes.Stmt))
        if node.elif_ or not everything_shows:
            return node
        try:
            shown = cast(nodes.Expr, node.test).as_const(self._context)
        except nodes.Impossible:
            return node
        return node.body if shown else node.else_
