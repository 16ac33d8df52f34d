"""
OpenStack's APIs: for each login one session, one token and one list per kind of resource, for the life of the worker.

``login`` says who asks, and where. The service user: ``options``, those of octavia.conf's [service_auth]; ``region``
and ``interface``, by which services are found in Keystone's catalogue. Somebody else: ``cloud``, the name of an entry
of clouds.yaml, or such an entry as a mapping.

Addresses come from the catalogue alone, and versions of APIs are those of ``kinds.SERVICES``: nothing is discovered. A
question is repeated where the answer is lost or says "later"; what makes something new is not, before a look at what
is there.
"""

import contextlib
import json
import re
import time
from urllib.parse import parse_qsl, urlencode, urlsplit

from keystoneauth1 import exceptions, loading
from keystoneauth1.session import Session

kinds = load("kinds")  # noqa: F821 the worker gives its load() to what it loads

# Seconds for one answer, where nobody says another number.
TIMEOUT = 20
# Seconds before each repetition; an answer that did not come in time is waited for once more only.
PAUSES = (0.5, 1, 2, 4)
# Seconds that a server may ask us to wait (Retry-After).
LONGEST = 10
LATER = (429, 500, 502, 503, 504)
# Letters of an API's own words that a line may hold.
WORDS = 300

_clouds = {}


class CloudError(Exception):
    """What keeps an API from answering, as one line without a secret."""

    status = None


class Lost(CloudError):
    """Something was to be made, and whether it was is not known; slow: it may yet be."""

    slow = False


_ID = re.compile("[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# --- what the worker is asked for


def resources(login, kind, **scope):
    """
    Return all resources of a kind, as the API has them.

    scope
        Fields and their values: those alone.
    """
    return _cloud(login).resources(_kind(kind), kind, scope)


def find(login, kind, name, project=None, domain=None, scope=None):
    """
    Return the one resource of an id or a name, None where there is none.

    project
        Id or name of the project that it belongs to; of any by default.

    domain
        Id or name of the domain of a project or a user, or of the project that owns what is sought.

    scope
        Other fields by which the API may be asked, and their values.

    Raises CloudError when there are several.
    """
    return _cloud(login).find(kind, name, project, domain, scope or {})


def get(login, kind, id):
    """Return a resource by its id, None where there is none; asked for anew only if no list has it."""
    return _cloud(login).get(_kind(kind), kind, id)


def create(login, kind, body, project=None, domain=None):
    """
    Make a resource and return it. An answer that is lost makes no second one.

    project, domain
        As for ``find``: whose it will be.
    """
    cloud, of = _cloud(login), _kind(kind)
    body = dict(body)
    if of.owner and project:
        body[of.owner] = cloud.project(project, domain)
    if kind in ("project", "user") and domain:
        body.setdefault("domain_id", cloud.domain(domain))
    return cloud.create(of, kind, body)


def update(login, kind, id, body):
    """Change fields of a resource and return it."""
    return _cloud(login).update(_kind(kind), kind, id, body)


def delete(login, kind, id):
    """Take a resource away; one that is not there is no error."""
    _cloud(login).delete(_kind(kind), kind, id)


def request(login, service, method, path, body=None, microversion=None):
    """Return the answer of an API to one request, None for an empty one. A POST is sent once."""
    cloud = _cloud(login)
    answer = cloud.json(service, method, path, body, microversion)
    if method != "GET":
        # nobody knows what it has changed
        cloud.forget(*kinds.of(service))
    return answer


def upload(login, service, path, file, content_type="application/octet-stream"):
    """Send a file as it is, by PUT; it is read while it is sent."""
    cloud = _cloud(login)
    with open(file, "rb") as stream:
        cloud.send(service, "PUT", path, data=stream, headers={"Content-Type": content_type})
    cloud.forget(*kinds.of(service))


def authenticates(login, user, password):
    """Tell whether a password is that of a user, by id: one request for a token, of which nothing is kept."""
    cloud = Cloud(login)
    options = {"auth_url": cloud.auth_url, "user_id": user, "password": password}
    cloud.open("v3password", options, cloud.session.verify, cloud.session.cert)
    try:
        cloud.token()
    except CloudError as exc:
        if exc.status == 401:
            return False
        raise
    return True


def project(login, name, domain=None):
    """Return the id of a project that is said by id or name, None where there is none."""
    return _cloud(login).project(name, domain, missing=None)


def identity(login):
    """Return who asks, from the token: ``user_id``, ``project_id``, ``project_name``."""
    return _cloud(login).identity()


def amphorae(login):
    """Return all amphorae, as a list of dicts; times are ISO 8601 in UTC."""
    names = ("id", "status", "role", "lb_network_ip", "loadbalancer_id", "cert_expiration", "cert_busy", "created_at")
    return [{name: each.get(name) for name in names} for each in resources(login, "amphora")]


def configure_amphora(login, amphora):
    """Have the agent of an amphora, an id, configured anew by a worker."""
    request(login, "load-balancer", "PUT", f"/octavia/amphorae/{amphora}/config")


# --- one login


def _cloud(login):
    key = json.dumps(login, sort_keys=True)
    if key not in _clouds:
        cloud = Cloud(login)
        cloud.token()
        _clouds[key] = cloud
    return _clouds[key]


def _kind(name):
    try:
        return kinds.KINDS[name]
    except KeyError:
        raise CloudError(f"{name} is no kind of resource; known: {', '.join(sorted(kinds.KINDS))}") from None


class Cloud:
    """A session, and what was read by it."""

    def __init__(self, login):
        self.login = login
        self.lists = {}
        self.urls = {}
        self.region_config = None
        if "cloud" in login:
            self._by_entry(login["cloud"])
        else:
            self.region, self.interface = login["region"], login["interface"]
            options = dict(login["options"])
            self.timeout = float(options.get("timeout") or TIMEOUT)
            self.open(
                options.get("auth_type") or "password",
                options,
                verify=not _is_true(options.get("insecure")) and (options.get("cafile") or True),
                cert=(options["certfile"], options["keyfile"]) if options.get("keyfile") else options.get("certfile"),
            )

    def _by_entry(self, entry):
        # here alone: the import takes longer than all requests of a run
        from openstack import exceptions as sdk
        from openstack.config import OpenStackConfig

        named = entry if isinstance(entry, str) else None
        try:
            if named:
                found = OpenStackConfig().get_one(cloud=named)
            else:
                found = OpenStackConfig(load_yaml_config=False, load_envvars=False).get_one(**entry)
        except sdk.ConfigException as exc:
            what = f"clouds.yaml has no usable entry {named}" if named else "This is no usable entry of clouds.yaml"
            raise CloudError(f"{what}: {self._clean(exc, entry)}: see pillar octavia:resources:cloud") from None
        except (exceptions.ClientException, OSError, ValueError, TypeError, AttributeError) as exc:
            what = f"Entry {named} of clouds.yaml" if named else "The entry"
            raise CloudError(
                f"{what} cannot be used ({type(exc).__name__}): see pillar octavia:resources:cloud"
            ) from None
        self.region_config = found
        self.region, self.interface = found.region_name or None, found.config.get("interface") or "public"
        self.timeout = float(found.config.get("api_timeout") or TIMEOUT)
        verify, cert = found.get_requests_verify_args()
        self.open(found.config.get("auth_type") or "password", found.config.get("auth") or {}, verify, cert)

    def open(self, kind, options, verify, cert):
        options = {name: value for name, value in options.items() if value is not None}
        self.auth_url, self.user = options.get("auth_url"), options.get("username") or options.get("user_id")
        self.options = options
        # the plain plugins ask an address that ends in /v3 which versions it has
        plain = not {"default_domain_id", "default_domain_name"} & options.keys()
        if plain and kind in ("password", "token") and str(self.auth_url).rstrip("/").endswith("/v3"):
            kind = f"v3{kind}"
        try:
            plugin = loading.get_plugin_loader(kind)
            # [service_auth] holds options of the session too
            known = {option.dest for option in plugin.get_options()}
            auth = plugin.load_from_options(**{name: value for name, value in options.items() if name in known})
        except exceptions.ClientException as exc:
            # its words name options, never values
            raise CloudError(f"Nobody can log in so: {self._clean(exc)}: see pillar {self._key('user')}") from None
        except TypeError:
            needs = ", ".join(option.dest for option in plugin.get_options() if option.required or option.secret)
            raise CloudError(f"To log in by {kind} needs {needs}: see pillar {self._key('user')}") from None
        self.session = Session(auth=auth, verify=verify, cert=cert, timeout=self.timeout)

    def _key(self, of):
        """The pillar key to look at."""
        if "cloud" in self.login:
            return "octavia:resources:cloud"
        return {
            "user": "octavia:identity:user and octavia:identity:password",
            "keystone": "octavia:identity:host",
            "catalogue": "octavia:identity:region and octavia:identity:endpoint_type",
            "service": "octavia:identity:endpoint_type, which chooses it",
            "tls": "octavia:identity:ca",
        }[of]

    def token(self):
        """Have a token; repeated like a question."""
        self._repeated(lambda: self.session.get_token(), "Keystone", self.auth_url, "keystone", "user")

    def identity(self):
        access = self.session.auth.get_access(self.session)
        return {
            "user_id": access.user_id, "project_id": access.project_id, "project_name": access.project_name,
            "project_domain_id": access.project_domain_id, "project_domain_name": access.project_domain_name,
        }  # fmt: skip

    # -- addresses

    def url(self, service):
        """Where a service is, its version included."""
        if service not in self.urls:
            found, region, interface = None, self.region, self.interface
            if self.region_config:
                found = self.region_config.get_endpoint(service)
                interface = self.region_config.get_interface(service) or interface
            # some versions of keystoneauth raise, others return None
            with contextlib.suppress(exceptions.CatalogException):
                found = found or self.session.get_endpoint(
                    service_type=service, region_name=region, interface=interface
                )
            if not found:
                raise CloudError(
                    f"Keystone's catalogue has no {interface} endpoint of type {service} in region {region}: "
                    f"see pillar {self._key('catalogue')}"
                )
            self.urls[service] = found.rstrip("/")
        return self.urls[service]

    def _address(self, service):
        url, version = self.url(service), kinds.SERVICES.get(service, (None, None))[1]
        if not version:
            return url
        # a project's id may follow (Nova); it says nothing that the token does not
        return re.sub(r"/v[0-9][0-9.]*(/[^/]*)?$", "", url) + f"/{version}"

    # -- requests

    def json(self, service, method, path, body=None, microversion=None):
        answer = self.send(service, method, path, body, microversion=microversion)
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            raise CloudError(
                f"{self._who(service)} answers something that is not JSON: see pillar {self._key('service')}"
            ) from None

    def send(self, service, method, path, body=None, microversion=None, headers=None, data=None):
        """
        Return the answer to a request, which is a good one.

        Raises Lost where a POST may have been done; what else keeps it from being answered is a CloudError.
        """
        headers = {"Accept": "application/json", **(headers or {})}
        if microversion:
            headers["OpenStack-API-Version"] = f"{service} {microversion}"
        kwargs = {"headers": headers, "raise_exc": False, "connect_retries": 0, "redirect": True}
        if body is not None:
            kwargs["json"] = body
        url = self._address(service) + path
        what = f"{method} {path.partition('?')[0]}"

        def once():
            if data is not None:
                data.seek(0)
                kwargs["data"] = data
            return self.session.request(url, method, **kwargs)

        answer = self._repeated(once, self._who(service, url=False), self.url(service), "service", "user",
                                unsafe=method == "POST", what=what)  # fmt: skip
        if answer.status_code >= 400:
            raise self._refusal(service, what, answer, body)
        return answer

    def _who(self, service, url=True):
        name = kinds.SERVICES.get(service, (f"The {service} API",))[0]
        return f"{name} at {self.url(service)}" if url else name

    def _repeated(self, once, who, url, silent, rights, unsafe=False, what=None):
        """Do it until there is an answer that is not "later"; `unsafe`: never again once it may have been done."""
        where = f"{who} at {url}"
        slow = 0
        for pause in (*PAUSES, None):
            wait, status, maybe_done = pause, None, True
            try:
                answer = once()
            except exceptions.ConnectTimeout:
                slow += 1
                line = f"{where} does not answer within {self.timeout:g} s: see pillar {self._key(silent)}"
                if slow > 1:
                    pause = None
            except exceptions.SSLError:
                raise CloudError(
                    f"{where} has a certificate that is not trusted, or wants one: see pillar {self._key('tls')}"
                ) from None
            except (exceptions.ConnectionError, exceptions.DiscoveryFailure, exceptions.RetriableConnectionFailure):
                line = f"{where} does not answer: see pillar {self._key(silent)}"
            except exceptions.HttpError as exc:
                # Keystone, of a token: what was asked for is not done
                where = f"Keystone at {self.auth_url}"
                status, maybe_done = exc.http_status, False
                if status not in LATER:
                    raise self._token_refused(where, status) from None
                line = f"{where} answers with an error ({status}): see pillar {self._key('keystone')}"
            except exceptions.ClientException as exc:
                raise CloudError(
                    f"{where} cannot be asked ({type(exc).__name__}): see pillar {self._key(silent)}"
                ) from None
            else:
                status = getattr(answer, "status_code", 200)
                if status not in LATER:
                    return answer
                maybe_done = status != 429
                said = ": ".join(text for text in (str(status), self._clean(_words(answer))) if text)
                line = f"{where} answers with an error ({said}): see pillar {self._key(silent)}"
                wait = _retry_after(answer, pause)
            if unsafe and maybe_done:
                lost = Lost(line)
                lost.slow = slow > 0 or status == 504
                raise lost
            if pause is None:
                break
            time.sleep(wait)
        raise CloudError(line)

    def _token_refused(self, where, status):
        if status in (401, 403):
            error = CloudError(f"{where} refuses the user {self.user} ({status}): see pillar {self._key('user')}")
        else:
            error = CloudError(f"{where} answers with an error ({status}): see pillar {self._key('keystone')}")
        error.status = status
        return error

    def _refusal(self, service, what, answer, body=None):
        """The line for an answer that says no, with the API's own words."""
        status, where = answer.status_code, self._who(service)
        words = self._clean(_words(answer), body)
        if status in (401, 403) and not re.search("quota", words, re.IGNORECASE):
            key = self._key("user") if "cloud" in self.login or service != "load-balancer" else "octavia:policy"
            if "cloud" not in self.login and service != "load-balancer":
                key = "octavia:resources:cloud, or the roles of this user"
            line = f"{where} refuses the user {self.user} ({status}): see pillar {key}"
        elif "quota" in words.lower():
            line = f"{where} refuses {what} ({status}): a quota of the project is used up: {words}"
        else:
            line = f"{where} refuses {what} ({status}): {words or 'without a word'}"
        error = CloudError(line)
        error.status = status
        return error

    def _clean(self, words, body=None):
        """Words of others in one line: nothing that was sent as a secret, nothing that is one of the login."""
        text = " ".join(str(words).split())
        for secret in sorted({*_secrets(self.options if hasattr(self, "options") else {}), *_secrets(body)}, key=len):
            text = text.replace(secret, "(hidden)")
        return text if len(text) <= WORDS else text[: WORDS - 1] + "…"

    # -- resources

    def resources(self, kind, name, scope):
        scope = {field: value for field, value in scope.items() if value is not None}
        key = (name, json.dumps(scope, sort_keys=True))
        if key not in self.lists:
            whole = self.lists.get((name, "{}"))
            if whole is not None and not kind.single:
                return [each for each in whole if all(each.get(field) == value for field, value in scope.items())]
            self.lists[key] = self._read(kind, scope)
        return self.lists[key]

    def _read(self, kind, scope):
        if kind.single:
            path = f"{kind.path}/{scope['id']}"
            return [{"id": scope["id"], **self.json(kind.service, "GET", path, None, kind.microversion)[kind.one]}]
        query = {**kind.query, **{kind.asked.get(field, field): value for field, value in scope.items()}}
        found, seen = [], set()
        while True:
            path = kind.listed + (f"?{urlencode(query, doseq=True)}" if query else "")
            answer = self.json(kind.service, "GET", path, None, kind.microversion)
            page = answer[kind.many]
            found += [{**scope, **kind.plain(each)} for each in page]
            following = kind.following(answer)
            # the address in a link may be one that only the service itself knows: its question is what counts
            marker = following and dict(parse_qsl(urlsplit(following).query)).get("marker")
            if not page or not marker or marker in seen:
                return found
            seen.add(marker)
            query = {**query, **dict(parse_qsl(urlsplit(following).query))}

    def get(self, kind, name, id):
        for (of, _), found in self.lists.items():
            if of == name:
                for each in found:
                    if each.get("id") == id:
                        return each
        if kind.single:
            return self.resources(kind, name, {"id": id})[0]
        if (name, "{}") in self.lists:
            return None
        try:
            answer = self.json(kind.service, "GET", f"{kind.path}/{id}", None, kind.microversion)
        except CloudError as exc:
            if exc.status == 404:
                return None
            raise
        found = kind.plain(answer[kind.one] if kind.one else answer)
        self.lists[(name, json.dumps({"id": id}))] = [found]
        return found

    def find(self, kind_name, name, project, domain, scope):
        kind, text = _kind(kind_name), str(name)
        if _ID.fullmatch(text):
            found = self.get(kind, kind_name, text)
            if found:
                return found
        scope = dict(scope)
        if kind.owner and project:
            owner = self.project(project, domain, missing=None)
            if not owner:
                return None
            scope[kind.owner] = owner
        if kind_name in ("project", "user") and domain:
            scope["domain_id"] = self.domain(domain)
        if kind.narrow:
            scope["name"] = text
        found = [each for each in self.resources(kind, kind_name, scope) if each.get("name", each["id"]) == text]
        if len(found) > 1:
            where = f" in project {project}" if project else ""
            raise CloudError(
                f"{self._who(kind.service)} has {len(found)} of kind {kind_name} called {text}{where}: "
                f"{', '.join(sorted(each['id'] for each in found))}: say the id, or delete what is not used"
            )
        return found[0] if found else None

    def project(self, project, domain=None, missing=CloudError):
        """The id of a project that is said by id or name; one that is not there is an error, unless `missing`."""
        if _ID.fullmatch(project):
            return project
        own = self.identity()
        # who asks may have no right to look for projects
        if project == own["project_name"] and domain in (None, own["project_domain_id"], own["project_domain_name"]):
            return own["project_id"]
        found = self.find("project", project, None, domain, {})
        if not found and not missing:
            return None
        if not found:
            raise CloudError(f"{self._who('identity')} has no project {project}")
        return found["id"]

    def domain(self, domain):
        """The id of a domain that is said by id or name; `default` is the id of the one called Default."""
        if domain == "default" or _ID.fullmatch(domain):
            return domain
        own = self.identity()
        if domain == own["project_domain_name"]:
            return own["project_domain_id"]
        found = self.find("domain", domain, None, None, {})
        if not found:
            raise CloudError(f"{self._who('identity')} has no domain {domain}: see pillar octavia:identity:domain")
        return found["id"]

    def create(self, kind, name, body):
        body, apart = kind.apart(body)
        known = {each["id"] for (of, _), found in self.lists.items() if of == name for each in found}
        for pause in (*PAUSES, None):
            try:
                made = self._create(kind, name, body)
                break
            except Lost as exc:
                made = self._made_all_the_same(kind, name, body, known, exc.slow)
                if made:
                    break
                if exc.slow:
                    # a second one might be made beside one that is still being made
                    raise CloudError(f"{exc}; whether the {name} was made is not known: run this again") from None
                if pause is None:
                    raise
                time.sleep(pause)
        made = self._keep(name, made)
        return self.update(kind, name, made["id"], apart) if apart else made

    def _create(self, kind, name, body):
        if name == "role_assignment":
            path = f"/projects/{body['project_id']}/users/{body['user_id']}/roles/{body['role_id']}"
            self.send(kind.service, "PUT", path)
            return {**body, "id": kinds.assignment(body)}
        answer = self.json(kind.service, "POST", kind.path, {kind.one: body} if kind.one else body, kind.microversion)
        return {**kind.sent(body), **kind.plain(answer[kind.one] if kind.one else answer)}

    def _made_all_the_same(self, kind, name, body, known, slow):
        """What a POST has made whose answer was lost, if it has; slow: it is worth waiting for."""
        for pause in (0, *(PAUSES if slow else ())):
            time.sleep(pause)
            made = self._look_for(kind, name, body, known)
            if made:
                return made
        return None

    def _look_for(self, kind, name, body, known):
        scope = {}
        if "name" in kind.same and body.get("name") is not None and name != "keypair":
            scope["name"] = body["name"]
        elif name == "keypair" and body.get("user_id"):
            scope["user_id"] = body["user_id"]
        found = self._read(kind, scope)
        same = [field for field in kind.same if body.get(field) is not None]
        found = [each for each in found if all(each.get(field) == body[field] for field in same)]
        found = [each for each in found if each["id"] not in known]
        return found[0] if found else None

    def update(self, kind, name, id, body):
        body, apart = kind.apart(body)
        changed = {}
        if name == "role_assignment":
            raise CloudError("A role is assigned or not: there is nothing to change")
        if body:
            if kind.service == "image":
                headers = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
                steps = kinds.steps(body)
                answer = self.send(kind.service, "PATCH", f"{kind.path}/{id}", steps, headers=headers).json()
            else:
                path = f"{kind.path}/{id}"
                answer = self.json(kind.service, kind.update, path, {kind.one: body}, kind.microversion)[kind.one]
            changed = {"id": id, **kind.sent(body), **kind.plain(answer)}
        if "tags" in apart:
            self.send(kind.service, "PUT", f"{kind.path}/{id}/tags", {"tags": apart["tags"]})
            changed["tags"] = apart["tags"]
        if "extra_specs" in apart:
            changed["extra_specs"] = self._extra_specs(kind, id, apart["extra_specs"])
        return self._keep(name, {"id": id, **changed})

    def _extra_specs(self, kind, id, specs):
        """Set those of a flavor; None takes one away."""
        before = (self.get(kind, "flavor", id) or {}).get("extra_specs") or {}
        path, kept = f"{kind.path}/{id}/os-extra_specs", {k: v for k, v in specs.items() if v is not None}
        if kept:
            self.json(kind.service, "POST", path, {"extra_specs": kept}, kind.microversion)
        for gone in specs.keys() - kept.keys() & before.keys():
            self.send(kind.service, "DELETE", f"{path}/{gone}", microversion=kind.microversion)
        return {k: v for k, v in {**before, **specs}.items() if v is not None}

    def delete(self, kind, name, id):
        path = f"{kind.path}/{id}"
        if name == "role_assignment":
            project, user, role = id.split("/")
            path = f"/projects/{project}/users/{user}/roles/{role}"
        if name == "keypair":
            owner = next(
                (each.get("user_id") for (of, _), found in self.lists.items() if of == name for each in found
                 if each["id"] == id), None,
            )  # fmt: skip
            path += f"?user_id={owner}" if owner else ""
        try:
            self.send(kind.service, "DELETE", path, microversion=kind.microversion)
        except CloudError as exc:
            if exc.status != 404:
                raise
        if name == "security_group_rule":
            self.forget("security_group")
        for (of, _), found in self.lists.items():
            if of == name:
                found[:] = [each for each in found if each["id"] != id]

    def _keep(self, name, made):
        """Note what was written, in each list that would hold it."""
        if name == "security_group_rule":
            # it is embedded in its group
            self.forget("security_group")
        kept = None
        for (of, scope), found in self.lists.items():
            if of != name:
                continue
            for each in found:
                if each["id"] == made["id"]:
                    each.update(made)
                    kept = each
                    break
            else:
                if all(made.get(field) == value for field, value in json.loads(scope).items()):
                    found.append(dict(made))
        return kept or made

    def forget(self, *names):
        for key in [key for key in self.lists if key[0] in names]:
            del self.lists[key]


# --- answers and their words


def _words(answer):
    """What an API says of its refusal."""
    try:
        said = answer.json()
    except ValueError:
        said = re.sub(r"<[^>]*>", " ", answer.text or "")
        return said if len(said) < 2 * WORDS else ""
    if isinstance(said, dict):
        for inner in (said, *[value for value in said.values() if isinstance(value, dict)]):
            for name in ("message", "faultstring", "detail"):
                if isinstance(inner.get(name), str):
                    return inner[name]
        errors = said.get("errors")
        if isinstance(errors, list) and errors and isinstance(errors[0], dict):
            return str(errors[0].get("detail") or errors[0].get("title") or "")
        if isinstance(said.get("NeutronError"), str):
            return said["NeutronError"]
    return ""


def _secrets(tree):
    """Texts in a body or in options that nobody may read."""
    found = set()
    for name, value in tree.items() if isinstance(tree, dict) else ():
        if isinstance(value, dict):
            found |= _secrets(value)
        elif isinstance(value, str) and len(value) > 2 and re.search("pass|secret|token|private|passcode", str(name)):
            found.add(value)
    return found


def _retry_after(answer, pause):
    try:
        return max(pause or 0, min(float(answer.headers.get("Retry-After", 0)), LONGEST))
    except ValueError:
        return pause


def _is_true(value):
    return str(value).lower() in ("true", "1", "yes", "on")
