"""Which instances are to be collected, by the rules of the settings."""

from aurora_logs.records.fleet import Instance
from aurora_logs.scope import Selection, rules_of
from aurora_logs.settings import Settings
from aurora_logs.stages.discover.naming import bare


def selection_of(settings: Settings) -> Selection:
    """Read INSTANCES_INCLUDE and INSTANCES_EXCLUDE."""
    return Selection(include=rules_of(settings.instances_include), exclude=rules_of(settings.instances_exclude))


def is_wanted(instance: Instance, selection: Selection) -> bool:
    """Tell whether a listed instance is to be collected."""
    return selection.wants(name=bare(instance.instance_id), cluster=bare(instance.cluster_id), engine=instance.engine,
                           tags=instance.tags)
