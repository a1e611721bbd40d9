"""Every setting as a flag: `--batch-size 500` for BATCH_SIZE (UX-60, UX-63), made from Settings when a command needs it."""

from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperOption

if TYPE_CHECKING:
    from aurora_logs.settings import Knob

EVERYWHERE = ("--config FILE", "--color WHEN", "--timezone ZONE", "--read-only", "--debug")
META = "aurora_logs.settings"  # place in the context where flags wait for load_settings


class SettingsCommand(TyperCommand):
    """A command that takes each setting as a flag, and lists them below its own options."""

    _made: list[Any] | None = None

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the command's own parameters and a flag for each setting that is none of them."""
        return [*super().get_params(ctx), *self._flags()]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the own options, then the settings apart: they are many, and the same for every such command."""
        flags, self._made = self._flags(), []
        super().format_options(ctx, formatter)
        self._made = flags
        with formatter.section("Settings, also as environment variable or key of the configuration file"):
            formatter.write_dl([record for flag in flags if (record := flag.get_help_record(ctx))])

    def _flags(self) -> list[Any]:
        """Return the flags, always the same objects: the parser and its result must agree on them."""
        if self._made is None:
            self._made = _made_flags({parameter.name for parameter in self.params})
        return self._made


def _made_flags(own: set[str | None]) -> list[Any]:
    from aurora_logs.settings import SECRET, knobs  # noqa: PLC0415 - settings cost msgspec

    return [TyperOption(
        param_decls=[f"--{knob.name.replace('_', '-')}", knob.name], type=str, default=None, expose_value=False, callback=_keep,
        metavar="VALUE", help=f"{knob.meaning}  [env var: {knob.name.upper()}; {_values(knob)}]")
        for knob in knobs() if knob.name not in own and knob.allowed != SECRET]  # SEC-04: never in argv


def _values(knob: "Knob") -> str:
    default = f"default: {knob.default}" if knob.default else "no default"
    return default if knob.allowed == "text" else f"{default}; {knob.allowed}"


def _keep(ctx: Any, param: Any, value: str | None) -> None:
    if value is not None:
        ctx.meta.setdefault(META, {})[param.name] = value
