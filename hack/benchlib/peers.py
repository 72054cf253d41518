"""The proxies that are compared: how each is configured to do the same.

Every one: one worker, keep-alive on both sides without a limit of requests, one route, HTTP/1.1 to the backend. Without
`edge`: no access log, no X-Forwarded headers, no request id. With it: one line of JSON for each request into a file, and
X-Forwarded-For, -Proto, -Host and X-Request-Id to the backend (ours adds Forwarded).
"""
import json
import re
import subprocess

from benchlib import processes

NEVER = 1000000000


class Peer:
    """One proxy. `scheme` is http or https; `http2`: clients speak HTTP/2."""
    name = ""
    program = ""

    def __init__(self, work, backend_port, edge=False, scheme="http", http2=False, certificate=None):
        self.work, self.backend_port, self.edge = work, backend_port, edge
        self.scheme, self.http2, self.certificate = scheme, http2, certificate
        self.port = processes.free_port()
        self.log = work.folder / f"{self.name}.access.log"
        self.process = None

    def start(self):
        command, stdout = self.command()
        self.process = self.work.start_listening(self.name, command, self.port, processes.PROXY_CORE, stdout)
        return self

    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}/"

    def version(self):
        return ""

    def command(self):
        raise NotImplementedError


def first_line(*command, pattern=r"[\d]+\.[\d.]+\d"):
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, result.stdout + result.stderr)
    return found[0] if found else "?"


def backend(work):
    """nginx that answers 200 and 1 KiB from memory, on the core of the client."""
    port = processes.free_port()
    config = work.write("backend.conf", f"""
daemon off; worker_processes 1; pid {work.folder}/backend.pid; error_log {work.folder}/backend.err;
events {{ worker_connections 16384; }}
http {{
  {nginx_folders(work, "backend")}
  access_log off; keepalive_requests {NEVER}; keepalive_timeout 1h;
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ default_type text/plain; return 200 "{"x" * 1024}"; }} }}
}}
""")
    work.start_listening("backend", [processes.need("nginx"), "-c", config, "-e", f"{work.folder}/backend.err"], port,
                         processes.OTHER_CORE)
    return port


def nginx_folders(work, name):
    return " ".join(f"{kind}_temp_path {work.folder}/{name}-{kind};"
                    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


class Nginx(Peer):
    name = program = "nginx"

    def version(self):
        return first_line(processes.need("nginx"), "-v")

    def command(self):
        log = "access_log off;"
        headers = ""
        if self.edge:
            log = ("log_format line escape=json '{\"time\":\"$time_iso8601\",\"client\":\"$remote_addr\",\"protocol\":\"$server_protocol\","
                   "\"method\":\"$request_method\",\"host\":\"$http_host\",\"path\":\"$uri\",\"query\":\"$args\",\"request_id\":\"$request_id\","
                   "\"status\":$status,\"endpoint\":\"$upstream_addr\",\"bytes_in\":$request_length,\"bytes_out\":$body_bytes_sent,"
                   "\"duration\":$request_time,\"upstream\":\"$upstream_response_time\"}'; "
                   f"access_log {self.log} line buffer=64k flush=1s;")
            headers = ("proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; "
                       "proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Request-Id $request_id;")
        tls = ""
        flags = "ssl" if self.scheme == "https" else ""
        if self.http2:
            flags += " http2"
        if self.scheme == "https":
            tls = f"ssl_certificate {self.certificate}; ssl_certificate_key {self.certificate}; ssl_protocols TLSv1.3;"
        config = self.work.write("nginx.conf", f"""
daemon off; worker_processes 1; pid {self.work.folder}/nginx.pid; error_log {self.work.folder}/nginx.err;
worker_rlimit_nofile 65536;
events {{ worker_connections 16384; }}
http {{
  {nginx_folders(self.work, "nginx")}
  {log}
  keepalive_requests {NEVER}; keepalive_timeout 1h; server_tokens off;
  upstream backend {{ server 127.0.0.1:{self.backend_port}; keepalive 1024; keepalive_requests {NEVER}; keepalive_timeout 1h; }}
  server {{
    listen 127.0.0.1:{self.port} {flags} backlog=4096; {tls}
    location / {{
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      {headers}
    }}
  }}
}}
""")
        return [processes.need("nginx"), "-c", config, "-e", f"{self.work.folder}/nginx.err"], None


class HAProxy(Peer):
    name = program = "haproxy"

    def version(self):
        return first_line(processes.need("haproxy"), "-v")

    def command(self):
        log = edge = ""
        if self.edge:
            log = "log stdout format raw local0"
            edge = ("unique-id-format %{+X}o%rt%pid%ts%ci%cp%rc\n  unique-id-header X-Request-Id\n  option forwardfor\n"
                    "  http-request set-header X-Forwarded-Proto http\n"
                    "  http-request set-header X-Forwarded-Host %[req.hdr(host)]\n"
                    "  log-format '{\"time\":\"%T\",\"client\":\"%ci\",\"protocol\":\"%HV\",\"method\":\"%HM\",\"path\":\"%HPO\","
                    "\"query\":\"%HQ\",\"request_id\":\"%ID\",\"status\":%ST,\"reason\":\"%tsc\",\"backend\":\"%b\",\"endpoint\":\"%s\",\"attempts\":%rc,"
                    "\"bytes_in\":%U,\"bytes_out\":%B,\"duration\":%Ta,\"connected\":%Tc,\"head_received\":%Tr}'\n  log global\n")
        bind = f"bind 127.0.0.1:{self.port} backlog 4096"
        if self.scheme == "https":
            bind += f" ssl crt {self.certificate} ssl-min-ver TLSv1.3" + (" alpn h2" if self.http2 else " alpn http/1.1")
        elif self.http2:
            bind += " proto h2"
        config = self.work.write("haproxy.cfg", f"""
global
  nbthread 1
  maxconn 4096
  {log}
defaults
  mode http
  timeout client 1h
  timeout server 1h
  timeout connect 5s
  http-reuse always
frontend front
  {bind}
  {edge}
  default_backend back
backend back
  server one 127.0.0.1:{self.backend_port} pool-purge-delay 1h
""")
        return [processes.need("haproxy"), "-db", "-f", config], self.log if self.edge else None


class Envoy(Peer):
    name = program = "envoy"

    def version(self):
        return first_line(processes.need("envoy"), "--version", pattern=r"\d+\.\d+\.\d+(?=/)")

    def command(self):
        manager = {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "front",
            "generate_request_id": self.edge,
            "use_remote_address": self.edge,
            "stream_idle_timeout": "0s",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                {"match": {"prefix": "/"}, "route": {"cluster": "back", "timeout": "0s"}}]}]},
            "http_filters": [{"name": "router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                "suppress_envoy_headers": True, "dynamic_stats": False}}],
        }
        if self.edge:
            manager["route_config"]["request_headers_to_add"] = [
                {"header": {"key": "x-forwarded-host", "value": "%REQ(:AUTHORITY)%"}}]
            manager["access_log"] = [{"name": "file", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": str(self.log),
                "log_format": {"json_format": {
                    "time": "%START_TIME%", "client": "%DOWNSTREAM_REMOTE_ADDRESS%", "protocol": "%PROTOCOL%",
                    "method": "%REQ(:METHOD)%", "host": "%REQ(:AUTHORITY)%", "path": "%REQ(:PATH)%",
                    "request_id": "%REQ(X-REQUEST-ID)%", "status": "%RESPONSE_CODE%", "reason": "%RESPONSE_FLAGS%",
                    "detail": "%RESPONSE_CODE_DETAILS%", "backend": "%UPSTREAM_CLUSTER%", "endpoint": "%UPSTREAM_HOST%",
                    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "bytes_in": "%BYTES_RECEIVED%",
                    "bytes_out": "%BYTES_SENT%", "duration": "%DURATION%"}}}}]
        else:
            # x-forwarded-proto stays: it can only be removed again, which would cost Envoy more than sending it.
            manager["skip_xff_append"] = True
        chain = {"filters": [{"name": "http", "typed_config": manager}]}
        if self.scheme == "https":
            pem = {"filename": str(self.certificate)}
            chain["transport_socket"] = {"name": "tls", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
                    "alpn_protocols": ["h2"] if self.http2 else ["http/1.1"],
                    "tls_certificates": [{"certificate_chain": pem, "private_key": pem}]}}}
        limits = {name: NEVER for name in ("max_connections", "max_pending_requests", "max_requests")}
        config = {"static_resources": {
            "listeners": [{"name": "front", "address": {"socket_address": {"address": "127.0.0.1", "port_value": self.port}},
                           "filter_chains": [chain]}],
            "clusters": [{"name": "back", "type": "STATIC", "connect_timeout": "5s",
                          "circuit_breakers": {"thresholds": [limits]},
                          "load_assignment": {"cluster_name": "back", "endpoints": [{"lb_endpoints": [{"endpoint": {
                              "address": {"socket_address": {"address": "127.0.0.1", "port_value": self.backend_port}}}}]}]}}]}}
        path = self.work.write("envoy.json", json.dumps(config))
        return [processes.need("envoy"), "-c", path, "--concurrency", "1", "--disable-hot-restart", "-l", "warning"], None


class Nghttpx(Peer):
    name = program = "nghttpx"

    def version(self):
        return first_line(processes.need("nghttpx"), "--version")

    def command(self):
        command = [processes.need("nghttpx"), "--workers=1", f"--backend=127.0.0.1,{self.backend_port}",
                   f"--frontend=127.0.0.1,{self.port}" + ("" if self.scheme == "https" else ";no-tls"),
                   "--errorlog-file=/dev/stderr", "--log-level=WARN", "--conf=/dev/null", "--no-via", "--no-server-rewrite",
                   "--backend-keep-alive-timeout=1h", "--single-process"]
        if self.edge:
            command += [f"--accesslog-file={self.log}", "--add-x-forwarded-for"]
        else:
            command += ["--accesslog-file=/dev/null", "--accesslog-format=", "--no-add-x-forwarded-proto"]
        if self.scheme == "https":
            command += [str(self.certificate), str(self.certificate)]
        return command, None


def gateway_yaml(port, scheme="http", extra=""):
    """GatewayClass, Namespace and a Gateway with one listener."""
    tls = "\n    tls: {certificateRefs: [{name: bench}]}" if scheme == "https" else ""
    return f"""apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: portreeve}}
spec: {{controllerName: portreeve.dev/controller}}
---
apiVersion: v1
kind: Namespace
metadata: {{name: bench}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{namespace: bench, name: edge}}
spec:
  gatewayClassName: portreeve
  listeners:
  - name: front
    protocol: {scheme.upper()}
    port: {port}{tls}
{extra}"""


def service_yaml(name, port):
    return f"""---
apiVersion: v1
kind: Service
metadata: {{namespace: bench, name: {name}}}
spec: {{ports: [{{name: http, port: 80, targetPort: {port}}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{namespace: bench, name: {name}-1, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: http, port: {port}}}]
endpoints: [{{addresses: ["127.0.0.1"], conditions: {{ready: true}}}}]
"""


def route_yaml(name, service, host=None, path="/"):
    hosts = f"\n  hostnames: [{host}]" if host else ""
    return f"""---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{namespace: bench, name: {name}}}
spec:
  parentRefs: [{{name: edge}}]{hosts}
  rules:
  - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]
    backendRefs: [{{name: {service}, port: 80}}]
"""


class Portreeve(Peer):
    name = program = "portreeve"

    def __init__(self, *words, **options):
        super().__init__(*words, **options)
        self.admin = processes.free_port()

    def version(self):
        return first_line(processes.need("portreeve"), "version")

    def command(self):
        text = gateway_yaml(self.port, self.scheme) + service_yaml("back", self.backend_port) + route_yaml("all", "back")
        if self.scheme == "https":
            pem = self.certificate.read_bytes()
            import base64
            half = base64.b64encode(pem).decode()
            text += (f"---\napiVersion: v1\nkind: Secret\nmetadata: {{namespace: bench, name: bench}}\ntype: kubernetes.io/tls\n"
                     f"data: {{tls.crt: {half}, tls.key: {half}}}\n")
        self.work.write("portreeve/all.yaml", text)
        limits = [f"--limit={name}={NEVER}" for name in ("max_requests_per_connection", "max_connection_age_ms")]
        log = ["--access-log", self.log] if self.edge else ["--access-log", "off", "--no-forwarded-headers"]
        return [processes.need("portreeve"), "run", "--workers", "1", "--admin", f"127.0.0.1:{self.admin}", *limits, *log,
                self.work.folder / "portreeve"], None


PEERS = {peer.name: peer for peer in (Portreeve, Nginx, HAProxy, Envoy, Nghttpx)}
