"""`docker compose up` is right the first time: Compose takes the file, and its names, images and bounds are sound."""

import re

import pytest

from service import __version__
from service.settings import Settings
from tests.ops.composed import (
    PROFILES,
    ROOT,
    SECRET,
    Service,
    compose,
    composed,
    in_repository,
    lines_of_example,
    mounts,
    services,
    variables_of,
)

SETTINGS = {f"GRADER_{name.upper()}" for name in Settings.model_fields}
ALWAYS = {"grader", "redis", "prometheus", "pushgateway", "grafana"}
OPTIONAL = {"model": {"model"}, "traces": {"collector"}}

# https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and …/protocol/exporter/
OTEL = {
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
}
# Sections and keys of Grafana's conf/defaults.ini. A variable is GF_ + section + _ + key, dots and dashes as _.
GRAFANA = {
    "auth": {"disable_login_form"},
    "auth.anonymous": {"enabled", "org_role"},
    "auth.basic": {"enabled"},
    "security": {"admin_password", "disable_gravatar", "disable_initial_admin_creation"},
    "dashboards": {"default_home_dashboard_path"},
    "log": {"mode"},
    "log.console": {"format"},
    "plugins": {
        "plugin_admin_enabled",
        "preinstall_auto_update",
        "preinstall_disabled",
        "public_key_retrieval_disabled",
    },
    "analytics": {
        "check_for_plugin_updates",
        "check_for_updates",
        "feedback_links_enabled",
        "reporting_enabled",
    },
    "news": {"news_feed_enabled"},
    "snapshots": {"external_enabled"},
}
GF = {f"GF_{section}_{key}".replace(".", "_").upper() for section, keys in GRAFANA.items() for key in keys}
PROVIDERS = {f"{name}_API_KEY" for name in ("OPENAI", "ANTHROPIC", "GEMINI", "MISTRAL", "OPENROUTER")}
OTHERS = {"LLAMA_CACHE", "GOMEMLIMIT", "TRACES_BACKEND", "TRACES_TOKEN"}

EXACT = re.compile(r"v?\d+\.\d+\.\d+(-bookworm)?|server-b\d+")
SECRET_LIKE = re.compile(r"SECRET|PASSWORD|TOKEN|_KEY$|HEADERS")

each_service = pytest.mark.parametrize("name", sorted(services()))


@pytest.mark.parametrize("profiles", [(), *((each,) for each in PROFILES), PROFILES])
def test_compose_has_nothing_to_say_against_it(profiles: tuple[str, ...]) -> None:
    options = [part for profile in profiles for part in ("--profile", profile)]
    said = compose(*options, "config", "--quiet", GRADER_SECRET=SECRET)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    wanted = ALWAYS.union(*(OPTIONAL[profile] for profile in profiles))
    assert set(compose(*options, "config", "--services", GRADER_SECRET=SECRET).stdout.split()) == wanted


@pytest.mark.parametrize("variables", [{}, {"GRADER_SECRET": ""}])
def test_without_a_secret_it_refuses_and_says_how_to_make_one(variables: dict[str, str]) -> None:
    said = compose("config", "--quiet", **variables)
    assert said.returncode != 0
    assert "GRADER_SECRET" in said.stderr
    assert "openssl rand -hex 32" in said.stderr


@pytest.mark.parametrize("file", ["docker-compose.yml", ".env.example", "README.md", "ops/Dockerfile"])
def test_every_grader_variable_is_a_setting(file: str) -> None:
    named = set(re.findall(r"\bGRADER_[A-Z0-9_]*[A-Z0-9]\b", (ROOT / file).read_text("utf-8")))
    assert named
    assert named <= SETTINGS, f"{sorted(named - SETTINGS)} in {file} are no fields of service.settings.Settings"


def test_every_setting_reaches_the_container() -> None:
    given = {name for name in variables_of(services()["grader"]) if name.startswith("GRADER_")}
    wanted = SETTINGS - {"GRADER_PUSHGATEWAY_URL"}  # the container serves, and measures nothing
    assert given == wanted, "docker-compose.yml, services.grader.environment: name each setting, with a value or none"


@each_service
def test_every_other_variable_is_spelled_as_its_reader_spells_it(name: str) -> None:
    known = SETTINGS | OTEL | GF | PROVIDERS | OTHERS
    assert set(variables_of(services()[name])) <= known


def test_all_that_the_example_names_is_read_by_compose() -> None:
    table = compose("--profile", "*", "config", "--variables", GRADER_SECRET=SECRET).stdout.splitlines()[1:]
    filled_in = {line.split()[0] for line in table}
    passed = {name for each in services().values() for name, value in variables_of(each).items() if value is None}
    assert set(lines_of_example()) <= filled_in | passed | {"COMPOSE_PROFILES"}
    assert filled_in <= set(lines_of_example()) | {"OTEL_EXPORTER_OTLP_ENDPOINT", "GF_AUTH_BASIC_ENABLED"}


def test_what_the_operator_sets_reaches_the_container() -> None:
    said = compose("config", GRADER_SECRET=SECRET, GRADER_MODEL="openai/local", OPENAI_API_KEY="k", GRADER_PORT="8123")
    assert "GRADER_MODEL: openai/local" in said.stdout
    assert "OPENAI_API_KEY: k" in said.stdout
    assert 'published: "8123"' in said.stdout


def test_the_example_opens_profiles_that_exist() -> None:
    opened = {part for value in lines_of_example()["COMPOSE_PROFILES"] for part in value.split(",")}
    assert opened == set(PROFILES)


@each_service
def test_no_secret_stands_in_the_file(name: str) -> None:
    raw = composed("--no-interpolate")["services"][name]
    for variable, value in variables_of(raw).items():
        if SECRET_LIKE.search(variable):
            assert value is None or re.fullmatch(r"\$\{\w+(:\?[^}]*)?\}", value), f"{variable} has a value of its own"


def test_no_secret_stands_in_the_example() -> None:
    assert [name for name, values in lines_of_example().items() if SECRET_LIKE.search(name) and any(values)] == []


@each_service
def test_every_image_has_one_exact_version(name: str) -> None:
    repository, _, tag = services()[name]["image"].rpartition(":")
    assert repository
    assert EXACT.fullmatch(tag), f"{tag!r} may be another image tomorrow"


def test_our_own_image_bears_our_version_and_is_never_pulled() -> None:
    assert services()["grader"]["image"] == f"answer-grader:{__version__}"
    assert services()["grader"]["pull_policy"] == "build"


@each_service
def test_nothing_runs_as_root_or_may_write_where_it_should_not(name: str) -> None:
    service = services()[name]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0, "in numbers, and not root"
    assert group.isdecimal()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(mount.get("read_only") for mount in mounts(service, "bind")), "our files are theirs to read"


@each_service
def test_everything_has_its_bounds_and_comes_back(name: str) -> None:
    service = services()[name]
    assert 0 < int(service["mem_limit"]) <= 4 << 30
    assert service["restart"] == "unless-stopped"
    assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}
    assert service["stop_grace_period"]
    assert all("size=" in tmpfs for tmpfs in service.get("tmpfs", ()))


@each_service
def test_every_port_is_open_on_this_machine_alone(name: str) -> None:
    assert [port for port in services()[name].get("ports", ()) if port.get("host_ip") != "127.0.0.1"] == []


def test_no_two_services_want_one_port() -> None:
    published = [port["published"] for each in services().values() for port in each.get("ports", ())]
    assert sorted(published) == sorted(set(published))


@each_service
def test_what_is_mounted_is_in_the_repository(name: str) -> None:
    for mount in mounts(services()[name], "bind"):
        assert in_repository(services()[name], mount["target"]).exists(), f"{mount['source']} is not there"
        assert in_repository(services()[name], mount["target"]).is_relative_to(ROOT)


def test_every_volume_is_used_and_declared() -> None:
    used = {mount["source"] for each in services().values() for mount in mounts(each, "volume")}
    assert used == set(composed()["volumes"])


def _checked(name: str) -> bool:
    """Whether Compose can wait for it to be healthy; the grader's check stands in its Dockerfile."""
    return "healthcheck" in services()[name] or name == "grader"


def test_all_but_the_image_without_a_shell_have_a_health_check() -> None:
    assert {name for name in services() if not _checked(name)} == {"collector"}


@each_service
def test_waiting_ends(name: str) -> None:
    service: Service = services()[name]
    for other, wait in service.get("depends_on", {}).items():
        assert wait["condition"] in {"service_healthy", "service_started"}
        assert wait["condition"] == "service_started" or _checked(other)
        assert wait["required"] is (other in ALWAYS), "what a profile brings may be absent"
    if check := service.get("healthcheck"):
        assert check["test"][0] == "CMD", "a check needs no shell"


def test_the_order_of_the_start() -> None:
    waits = {
        (name, other)
        for name, each in services().items()
        for other, wait in each.get("depends_on", {}).items()
        if wait["condition"] == "service_healthy"
    }
    assert waits == {
        ("grader", "redis"),
        ("grader", "model"),
        ("prometheus", "pushgateway"),
        ("grafana", "prometheus"),
    }
