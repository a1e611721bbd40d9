"""Apache Kafka's jars: fetched once with Maven, with class-data archives that halve the start, and its own tools on PATH."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.servers.cache import ToolMissing, cache_dir, folder_for, program

VERSION = "4.3.1"
LEAST_JAVA = 17
JAVA_PACKAGE = "default-jre-headless"
# The topic and group tools need nothing of Connect. The clients use slf4j 1.7, hence log4j-slf4j-impl.
LEFT_OUT = ("connect-runtime", "connect-api", "connect-json", "connect-transforms")
ARTIFACTS = (("org.apache.kafka", "kafka_2.13", VERSION), ("org.apache.kafka", "kafka-tools", VERSION),
             ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4"), ("org.apache.logging.log4j", "log4j-core", "2.25.4"))
TOOLS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-console-producer.sh": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
}
JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true")
QUIET_ARCHIVE = ("-Xlog:cds=off", "-Xlog:cds+dynamic=off", "-Xlog:class+path=off")
# Warnings go to standard error; the one logger that says "started" goes to standard output.
LOG4J = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR" shutdownHook="disable">
  <Appenders>
    <Console name="err" target="SYSTEM_ERR"><PatternLayout pattern="%d{ISO8601} %p %c{1} %m%n"/></Console>
    <Console name="out" target="SYSTEM_OUT"><PatternLayout pattern="%m%n"/></Console>
  </Appenders>
  <Loggers>
    <Logger name="kafka.server.KafkaRaftServer" level="INFO" additivity="false"><AppenderRef ref="out"/></Logger>
    <Root level="${sys:aurora.level:-WARN}"><AppenderRef ref="err"/></Root>
  </Loggers>
</Configuration>
"""


def folder() -> Path:
    """Return where jars, archives and tools lie."""
    return folder_for("kafka", VERSION, [ARTIFACTS, LEFT_OUT, TOOLS, JVM, LOG4J])


def tools_folder() -> Path:
    """Return the folder that goes on PATH for kafka-topics.sh and its sisters."""
    return folder() / "bin"


def present() -> bool:
    """Tell whether a broker can be run on this machine."""
    return (folder() / "complete").exists() and find_java() is not None


def find_java() -> str | None:
    """Return the first Java that is new enough; a machine may have several, and JAVA_HOME may name an old one."""
    for home in (os.environ.get("JAVA_HOME"), "", *sorted(map(str, Path("/usr/lib/jvm").glob("*")))):
        java = f"{home}/bin/java" if home else shutil.which("java")
        if java and Path(java).exists() and _java_version(java) >= LEAST_JAVA:
            return java
    return None


def java_command(role: str, *more: str) -> list[str]:
    """Return how to call Java with Kafka's jars; role (`broker`, `tool`): whose class-data archive to use when it fits."""
    java = find_java()
    assert java is not None, "present() was asked first"
    archive = _archive(role)
    shared = [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", *QUIET_ARCHIVE] if archive.exists() else []
    # one fixed order: an archive fits the very same class path only
    jars = ":".join(str(jar) for jar in sorted((folder() / "jars").glob("*.jar")))
    return [java, *JVM, *shared, *more, f"-Dlog4j2.configurationFile={folder() / 'log4j2.xml'}", "-cp", jars]


def install(*, fresh: bool) -> str:
    """Fetch and prepare; return `fresh` or `cached` with the version. Raises: ToolMissing, CalledProcessError."""
    if present() and not fresh:
        return f"cached   {VERSION}"
    if find_java() is None:
        program("java", JAVA_PACKAGE)
        if find_java() is None:
            raise ToolMissing(f"needs Java {LEAST_JAVA} or newer: sudo apt-get install {JAVA_PACKAGE}")
    maven = program("mvn", "maven")
    folder().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kafka-", dir=cache_dir()) as name:
        made = Path(name) / "made"
        (made / "bin").mkdir(parents=True)
        (made / "log4j2.xml").write_text(LOG4J, encoding="utf-8")
        (made / "pom.xml").write_text(_pom(), encoding="utf-8")
        fetched = subprocess.run([maven, "-q", "-B", "-f", made / "pom.xml", "dependency:copy-dependencies",
                                  "-DincludeScope=runtime", f"-DoutputDirectory={made / 'jars'}"], check=False,
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if fetched.returncode != 0:
            raise ToolMissing(f"Maven could not fetch it: {(fetched.stdout.strip().splitlines() or ['no reason given'])[0]}")
        shutil.rmtree(folder(), ignore_errors=True)
        made.rename(folder())
    _learn_classes()
    _write_tools()
    (folder() / "complete").touch()
    return f"fresh    {VERSION}"


def _learn_classes() -> None:
    """Run a broker and a tool once each, so that Java writes down the classes that they load."""
    from tools.servers.kafka import running  # noqa: PLC0415  # it needs this module

    with running(jvm=(f"-XX:ArchiveClassesAtExit={_archive('broker')}", *QUIET_ARCHIVE)) as broker:
        learn = (f"-XX:ArchiveClassesAtExit={_archive('tool')}", *QUIET_ARCHIVE)
        command = [*java_command("none", "-Xmx128m", *learn), TOOLS["kafka-topics.sh"], "--bootstrap-server", broker.address]
        subprocess.run([*command, "--create", "--topic", "t"], check=True, capture_output=True, text=True)


def _write_tools() -> None:
    for name, main_class in TOOLS.items():
        command = " ".join(f"'{word}'" for word in [*java_command("tool", "-Xmx128m"), main_class])
        script = tools_folder() / name
        script.write_text(f'#!/bin/sh\n# What {name} of Apache Kafka {VERSION} runs.\nexec {command} "$@"\n', encoding="utf-8")
        script.chmod(0o755)


def _archive(role: str) -> Path:
    java = find_java()
    return folder() / f"{role}-java-{_java_version(java) if java else 0}.jsa"


def _java_version(java: str) -> int:
    """Return the major version; the JDK's `release` file answers without starting a JVM."""
    release = Path(java).resolve().parents[1] / "release"
    text = release.read_text(encoding="utf-8", errors="replace") if release.exists() else subprocess.run(
        [java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'(?:JAVA_VERSION=|version )"(\d+)', text)
    return int(found[1]) if found else 0


def _pom() -> str:
    left_out = "".join(f"<exclusion><groupId>org.apache.kafka</groupId><artifactId>{name}</artifactId></exclusion>"
                       for name in LEFT_OUT)
    wanted = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>"
        f"<exclusions>{left_out}</exclusions></dependency>\n" for group, name, version in ARTIFACTS)
    return (f"<project><modelVersion>4.0.0</modelVersion><groupId>tests</groupId><artifactId>kafka-jars</artifactId>"
            f"<version>1</version><packaging>pom</packaging>\n<dependencies>\n{wanted}</dependencies>\n"
            "<build><plugins><plugin><groupId>org.apache.maven.plugins</groupId>"
            "<artifactId>maven-dependency-plugin</artifactId><version>3.8.1</version></plugin></plugins></build></project>\n")
