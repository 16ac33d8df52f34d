"""
OpenStack's APIs, as Octavia's service user sees them: one session and one token for the life of the worker.

``login`` says who asks, and where: ``options``, those of octavia.conf's [service_auth]; ``region`` and ``interface``,
by which services are found in Keystone's catalogue.
"""

import contextlib
import json

import openstack
from keystoneauth1 import exceptions, loading
from keystoneauth1.session import Session

# Seconds for one answer, where octavia:identity:timeout says nothing.
TIMEOUT = 20

_connections = {}


class CloudError(Exception):
    """What keeps an API from answering, as one line without a secret."""


def amphorae(login):
    """Return all amphorae, as a list of dicts; times are ISO 8601 in UTC."""
    connection = _connected(login)
    with _said_of(login, "The load-balancing API", _endpoint(connection, login, "load-balancer"), "octavia:policy"):
        return [
            {
                "id": each.id,
                "status": each.status,
                "role": each.role,
                "lb_network_ip": each.lb_network_ip,
                "loadbalancer_id": each.loadbalancer_id,
                "cert_expiration": each.cert_expiration,
                "cert_busy": each.cert_busy,
                "created_at": each.created_at,
            }
            for each in connection.load_balancer.amphorae()
        ]


def configure_amphora(login, amphora):
    """Have the agent of an amphora, an id, configured anew by a worker."""
    connection = _connected(login)
    with _said_of(login, "The load-balancing API", _endpoint(connection, login, "load-balancer"), "octavia:policy"):
        # not the library's own call, whose address differs between its versions
        answer = connection.load_balancer.put(f"/octavia/amphorae/{amphora}/config")
        openstack.exceptions.raise_from_response(answer)


def _connected(login):
    """The connection for a login, with a token."""
    key = json.dumps(login, sort_keys=True)
    if key not in _connections:
        options = login["options"]
        plugin = loading.get_plugin_loader(options.get("auth_type") or "password")
        # [service_auth] holds options of the session too
        known = {option.dest for option in plugin.get_options()}
        url = options.get("auth_url")
        with _said_of(login, "Keystone", url, "octavia:identity:user and octavia:identity:password"):
            session = Session(
                auth=plugin.load_from_options(**{name: value for name, value in options.items() if name in known}),
                verify=not _is_true(options.get("insecure")) and (options.get("cafile") or True),
                cert=(options["certfile"], options["keyfile"]) if options.get("keyfile") else options.get("certfile"),
                timeout=_timeout(login),
            )
            session.get_token()
        _connections.clear()
        _connections[key] = openstack.connection.Connection(
            session=session, region_name=login["region"], interface=login["interface"]
        )
    return _connections[key]


def _endpoint(connection, login, service):
    """Where Keystone's catalogue has a service."""
    region, interface = login["region"], login["interface"]
    found = None
    # some versions of keystoneauth raise, others return None
    with contextlib.suppress(exceptions.CatalogException):
        found = connection.session.get_endpoint(service_type=service, region_name=region, interface=interface)
    if not found:
        raise CloudError(
            f"Keystone's catalogue has no {interface} endpoint of type {service} in region {region}: "
            "see pillar octavia:identity:region and octavia:identity:endpoint_type"
        )
    return found


@contextlib.contextmanager
def _said_of(login, who, url, rights):
    """
    Turn what the libraries raise into one line, without their own words: these may hold a request.

    rights
        The pillar keys to look at where an API answers, and refuses.
    """
    where = f"{who} at {url}"
    silent = "octavia:identity:host" if who == "Keystone" else "octavia:identity:endpoint_type, which chooses it"
    try:
        yield
    except exceptions.ConnectTimeout:
        line = f"{where} does not answer within {_timeout(login):g} s: see pillar {silent}"
    except exceptions.SSLError:
        line = f"{where} has a certificate that is not trusted, or wants one: see pillar octavia:identity:ca"
    except (exceptions.ConnectionError, exceptions.DiscoveryFailure):
        line = f"{where} does not answer: see pillar {silent}"
    except (exceptions.HttpError, openstack.exceptions.HttpException) as exc:
        status = getattr(exc, "http_status", None) or getattr(exc, "status_code", None)
        if status in (401, 403):
            line = f"{where} refuses the user {login['options'].get('username')} ({status}): see pillar {rights}"
        else:
            line = f"{where} answers with an error ({status}): see pillar {silent}"
    except (exceptions.ClientException, openstack.exceptions.SDKException) as exc:
        line = f"{where} cannot be asked ({type(exc).__name__}): see pillar {silent}"
    else:
        return
    raise CloudError(line)


def _timeout(login):
    return float(login["options"].get("timeout") or TIMEOUT)


def _is_true(value):
    return str(value).lower() in ("true", "1", "yes", "on")
