"""`Renderer`: the two mail templates, compiled once."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import jinja2.nodes
import jinja2.sandbox

from orchestrator import errors
from orchestrator.rendering import content as contents
from orchestrator.rendering import plaintext, problems, samples
from orchestrator.rendering.folding import folded

HTML = "memo_delivery_email.html"
TEXT = "memo_delivery_email.txt"
TEMPLATES = (HTML, TEXT)
#: Senders whose compiled templates are kept.
MOST_SENDERS = 32


def shipped_dir() -> Path:
    """Return the folder of the templates that come with the package."""
    return Path(str(resources.files("orchestrator"))) / "templates"


@functools.lru_cache(maxsize=MOST_SENDERS)
def _shipped(branding: contents.Branding) -> dict[str, jinja2.Template]:
    """Return where a sender's compiled copies of the shipped templates are kept, for all renderers of the process."""
    del branding  # it is what the cache goes by
    return {}


class _Environment(jinja2.Environment):
    """Looks into dicts first: a record's field called ``items`` is a field. It is also almost twice as fast.

    Args:
        loader: Where templates come from.
        known: Fields of variables that are the same in every mail; they are written into the two mail templates.
    """

    def __init__(self, loader: jinja2.BaseLoader, known: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(
            loader=loader,
            autoescape=jinja2.select_autoescape(("html", "htm"), default=False),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
        )
        self._known = known

    def compile(
        self,
        source: Any,
        name: str | None = None,
        filename: str | None = None,
        raw: bool = False,
        defer_init: bool = False,
    ) -> Any:
        """Compile a template as Jinja does, with what is known written into it."""
        # What a template includes may be shown what that template has set, so only the outer ones are folded.
        if isinstance(source, str) and self._known and name in TEMPLATES:
            source = folded(self.parse(source, name, filename), self, self._known)
        return super().compile(source, name, filename, raw, defer_init)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict):
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        try:
            return getattr(obj, attribute)
        except AttributeError:
            return super().getattr(obj, attribute)


class _Guarded(_Environment, jinja2.sandbox.ImmutableSandboxedEnvironment):
    """For templates that somebody typed into a page: they reach what they are given, and change nothing."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict):
            return super().getattr(obj, attribute)
        return jinja2.sandbox.ImmutableSandboxedEnvironment.getattr(self, obj, attribute)


class Renderer:
    """Renders campaign mails; safe to share between threads.

    Args:
        template_dir: A folder whose files replace the shipped templates of the same name, file by file; what they
            include is looked for there first, too. None: the shipped templates.
        tried: A folder that goes before it, whose templates are not trusted: all are then run in Jinja's sandbox.
    """

    def __init__(self, template_dir: Path | None = None, *, tried: Path | None = None) -> None:
        self._own = Path(template_dir) if template_dir is not None else None
        self._folders = [folder for folder in (tried, self._own, shipped_dir()) if folder is not None]
        self._loader = jinja2.FileSystemLoader(self._folders)
        self._kind = _Environment if tried is None else _Guarded
        self._changeable = len(self._folders) > 1
        self._environment = self._kind(self._loader, {})
        self._templates: dict[contents.Branding, dict[str, jinja2.Template]] = {}
        #: The sender of the latest mail, who is nearly always that of the next.
        self._latest: tuple[contents.Branding | None, dict[str, jinja2.Template]] = (None, {})

    def render(self, content: contents.MailContent) -> contents.RenderedMail:
        """Write one mail.

        Raises:
            TemplateError: A template is missing or broken, or uses a variable this mail does not have; the message
                names file, line and variable.
        """
        variables = contents.variables(content)
        html = self._rendered(HTML, content.branding, variables)
        text = plaintext.wrapped(self._rendered(TEXT, content.branding, variables))
        return contents.RenderedMail(subject=variables["subject"], html=html, text=text)

    def check(self) -> list[problems.Problem]:
        """Return why the templates in use cannot be rendered: syntax, unknown variables, and what a trial mail meets.

        What a mail says and how it is built is `gate.check`'s to judge.
        """
        found = [] if self._folder_exists() else [self._missing_folder()]
        for name in TEMPLATES:
            found += self._static_problems(name) or self._trial_problems(name)
        return found

    def eject(self, directory: Path, force: bool = False) -> list[Path]:
        """Copy the shipped templates into `directory` for editing, and return their paths there.

        Args:
            directory: Made when missing.
            force: Replace files that exist.

        Raises:
            ConfigurationError: A file of that name exists and `force` is false; nothing was copied.
        """
        directory = Path(directory)
        targets = [directory / name for name in TEMPLATES]
        existing = [str(path) for path in targets if path.exists()]
        if existing and not force:
            raise errors.ConfigurationError(
                f"Already there: {', '.join(existing)}. Nothing was copied.",
                fix="Choose another folder, or replace them with --force.",
            )
        directory.mkdir(parents=True, exist_ok=True)
        for target in targets:
            shutil.copyfile(shipped_dir() / target.name, target)
        return targets

    def path_of(self, name: str) -> Path:
        """Return the file a template name stands for: the own one where it exists, else the shipped one."""
        return next((folder / name for folder in self._folders if (folder / name).is_file()), shipped_dir() / name)

    def _rendered(self, name: str, branding: contents.Branding, variables: dict[str, Any]) -> str:
        try:
            return self._template(name, branding).render(variables)
        except errors.TemplateError:
            raise
        except Exception as error:  # an expression in a template can raise anything; it is the template's fault
            raise problems.of_exception(error, str(self.path_of(name)), variables).as_error() from error

    def _template(self, name: str, branding: contents.Branding) -> jinja2.Template:
        latest, compiled = self._latest
        if branding is not latest:
            if len(self._templates) >= MOST_SENDERS:
                self._templates = {}
            compiled = self._templates.setdefault(branding, {} if self._changeable else _shipped(branding))
            self._latest = (branding, compiled)
        template = compiled.get(name)
        if template is None:
            if not self._folder_exists():
                raise self._missing_folder().as_error()
            environment = self._kind(self._loader, contents.sender_variables(branding))
            template = compiled[name] = environment.get_template(name)
        return template

    def _folder_exists(self) -> bool:
        return self._own is None or self._own.is_dir()

    def _missing_folder(self) -> problems.Problem:
        return problems.Problem(str(self._own), None, "is not a folder (OUTREACH_TEMPLATE_DIR or template_dir)")

    def _static_problems(self, name: str) -> list[problems.Problem]:
        path = str(self.path_of(name))
        known = contents.variables(samples.FULL).keys()
        try:
            tree = self._environment.parse(Path(path).read_text(encoding="utf-8"), name, path)
            used = jinja2.meta.find_undeclared_variables(tree)
        except (jinja2.TemplateError, OSError, UnicodeDecodeError) as error:
            return [problems.of_exception(error, path)]
        unknown = used - known - self._environment.globals.keys()
        lines = {node.name: node.lineno for node in reversed(list(tree.find_all(jinja2.nodes.Name)))}
        return [problems.unknown_variable(path, lines[each], each, known) for each in sorted(unknown)]

    def _trial_problems(self, name: str) -> list[problems.Problem]:
        path = str(self.path_of(name))
        variables = [contents.variables(content) for content in (samples.FULL, samples.BARE)]
        try:
            template = self._fresh(name)
            for each in variables:
                template.render(each)
        except Exception as error:  # as in _rendered
            return [problems.of_exception(error, path, variables[0])]
        return []

    def _fresh(self, name: str) -> jinja2.Template:
        """Compile a template past the cache, so that an edited file is checked as it is now."""
        return self._loader.load(self._environment, name, self._environment.make_globals(None))
