/** What others have for the same: each as it is installed, on its defaults but for one thread and kept connections. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@dure/testing/servers'
import { installOnce } from '../peers.ts'
import { MEASURED, theirs, type Program } from './processes.ts'

const HERE = import.meta.dirname
/** What npm does not bring; taken away with what it brings. */
const INSTALLED = join(HERE, 'node_modules', '.peers')

type Start = (folder: string, upstream: number, progress: (line: string) => void) => Promise<Program | undefined>

/** Those that can be started here; of the others it is said how they are installed. */
export const others: Readonly<Record<string, { readonly start: Start; readonly missing: string }>> = {
  nginx: { start: nginx, missing: 'Debian: apt-get install nginx-light' },
  haproxy: { start: haproxy, missing: 'Debian: apt-get install haproxy' },
  envoy: { start: envoy, missing: 'it comes from PyPI, by python3 with venv' },
  spring_cloud_gateway: { start: spring, missing: 'it takes a JDK 17 or newer, and Maven' },
}

/** A server behind the proxies: nginx, which costs less than one of Node's. It has 32 bytes for everybody, and 16 KiB at `/orders/large`. */
export function nginxServer(folder: string, port: number, core: number): Promise<Program | undefined> {
  const small = '01234567890123456789012345678901'
  const large = join(folder, 'large')
  writeFileSync(large, small.repeat(512))
  const file = nginxFile(
    folder,
    'server',
    `sendfile on; default_type text/plain; open_file_cache max=10;
     server { listen 127.0.0.1:${port} backlog=1024; keepalive_requests 1000000000;
       location / { return 200 "${small}"; } location = /orders/large { alias ${large}; } }`,
  )
  return theirs(['nginx', '-c', file, '-p', folder], { port, core })
}

function nginxFile(folder: string, name: string, http: string): string {
  const own = join(folder, name)
  mkdirSync(own)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path ${own}/${each};`).join(' ')
  const file = join(own, 'nginx.conf')
  writeFileSync(
    file,
    `daemon off; master_process off; worker_processes 1; pid ${own}/pid; error_log ${own}/error.log;
     events { worker_connections 1024; }
     http { access_log off; ${paths} ${http} }`,
  )
  return file
}

const PASSED =
  'location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }'
const upstreamAt = (port: number): string =>
  `upstream u { server 127.0.0.1:${port}; keepalive 128; keepalive_requests 1000000000; }`

async function nginx(folder: string, upstream: number): Promise<Program | undefined> {
  const port = await freePort()
  const server = `server { listen 127.0.0.1:${port}; keepalive_requests 1000000000; ${PASSED} }`
  const file = nginxFile(folder, 'nginx', `${upstreamAt(upstream)} ${server}`)
  return theirs(['nginx', '-c', file, '-p', folder], { port, core: MEASURED })
}

/** The same over TLS, with this certificate; by the plain port it is found out whether it is there. */
export async function nginxTls(
  folder: string,
  upstream: number,
  { certificateFile, keyFile }: { readonly certificateFile: string; readonly keyFile: string },
): Promise<Program | undefined> {
  const [plain, port] = [await freePort(), await freePort()]
  const listens = `listen 127.0.0.1:${plain}; listen 127.0.0.1:${port} ssl; ssl_certificate ${certificateFile}; ssl_certificate_key ${keyFile};`
  const server = `server { ${listens} keepalive_requests 1000000000; ${PASSED} }`
  const file = nginxFile(folder, 'nginx_tls', `${upstreamAt(upstream)} ${server}`)
  const program = await theirs(['nginx', '-c', file, '-p', folder], { port: plain, core: MEASURED })
  return program === undefined ? undefined : { ...program, port, secure: true }
}

async function haproxy(folder: string, upstream: number): Promise<Program | undefined> {
  const port = await freePort()
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(
    file,
    `global
  nbthread 1
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend in
  bind 127.0.0.1:${port}
  default_backend u
backend u
  server one 127.0.0.1:${upstream} pool-max-conn 128
`,
  )
  return theirs(['haproxy', '-db', '-f', file], { port, core: MEASURED })
}

async function envoy(folder: string, upstream: number, progress: (line: string) => void): Promise<Program | undefined> {
  const venv = join(INSTALLED, 'envoy')
  const installed = installOnce(venv, progress, () => [
    ['python3', '-m', 'venv', venv],
    [join(venv, 'bin', 'pip'), 'install', '--quiet', '--requirement', join(HERE, 'peers', 'envoy.txt')],
  ])
  if (!installed) return undefined
  const port = await freePort()
  const file = join(folder, 'envoy.json')
  const at = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } })
  const type = (name: string): object => ({ '@type': `type.googleapis.com/envoy.extensions.filters.${name}` })
  const manager = {
    ...type('network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'in',
    generate_request_id: false,
    route_config: {
      virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'u' } }] }],
    },
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: type('http.router.v3.Router') }],
  }
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: manager }
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: at(upstream) } }] }]
  const cluster = { name: 'u', type: 'STATIC', load_assignment: { cluster_name: 'u', endpoints } }
  const resources = { listeners: [{ address: at(port), filter_chains: [{ filters: [filter] }] }], clusters: [cluster] }
  writeFileSync(file, JSON.stringify({ static_resources: resources }))
  const base = String(process.pid % 100_000)
  const words = ['-c', file, '--concurrency', '1', '--base-id', base, '-l', 'off']
  return theirs([join(venv, 'bin', 'envoy'), ...words], { port, core: MEASURED })
}

async function spring(folder: string, upstream: number, progress: (line: string) => void): Promise<Program | undefined> {
  const project = join(INSTALLED, 'spring')
  const installed = installOnce(project, progress, () => {
    const sources = join(project, 'src/main/java/peer')
    mkdirSync(sources, { recursive: true })
    copyFileSync(join(HERE, 'peers/spring/pom.xml'), join(project, 'pom.xml'))
    copyFileSync(join(HERE, 'peers/spring/Main.java'), join(sources, 'Main.java'))
    return [['mvn', '--quiet', '--batch-mode', '--file', join(project, 'pom.xml'), '-DskipTests', 'package']]
  })
  if (!installed) return undefined
  const port = await freePort()
  const route = '--spring.cloud.gateway.server.webflux.routes[0]'
  const routes = [`${route}.id=a`, `${route}.uri=http://127.0.0.1:${upstream}`, `${route}.predicates[0]=Path=/**`]
  const server = [`--server.port=${port}`, '--server.address=127.0.0.1', '--logging.level.root=WARN']
  const java = [
    'java',
    '-Xmx384m',
    '-XX:+UseParallelGC',
    `-Djava.io.tmpdir=${folder}`,
    '-jar',
    join(project, 'target', 'peer-1.jar'),
  ]
  return theirs([...java, ...server, ...routes], { port, core: MEASURED })
}
