/**
 * `npm run peers -- openapi`: what foreign programs make of Dure, one line a check; exits with 1 when one fails.
 * `npm run peers -- reply`: a worker in Python answers a queue of requests, by the documents that the system publishes.
 * `npm run peers -- emmett`: Emmett's command handler and decider, and its own store beside ours, on the event store.
 * `npm run peers -- 2pc`: psql reads what a killed coordinator of a two-phase commit leaves, and what the next one makes of it.
 * `npm run peers -- nats`: a program with nats-py reads our events, sends us work, answers a request, and reads the same lag.
 * `npm run peers -- schemas`: clients of Confluent's schema registry use ours, and our client uses Apicurio's.
 * `npm run peers -- eureka`: an application of Spring's on our registry, called by contract and calling ours; our client on Spring's Eureka server.
 * `npm run peers -- spring-config`: Spring Cloud Config's client on our server, our client on Spring's, and both servers on one repository.
 * `npm run peers -- gateway-import`: Spring Cloud Gateway and ours, with its configuration imported, answer the same requests alike.
 * `npm run peers -- etcd`: etcd's own program reads what a split system writes there, deletes some of it, and etcd is killed under calls.
 * `npm run peers -- kubernetes`: kubectl writes EndpointSlices and a ConfigMap to a real kube-apiserver, which is built the first time; callers move, settings arrive.
 * `npm run peers -- gateway [PART…] [CASE…]`: behind the gateway: Spring by Eureka and Python (services); Autobahn (autobahn; `12.*` for others of its cases); requests that servers read in different ways, as Node, h11 and Go read them (smuggling); REDbot (redbot); 2 GB and 10,000 connections (weights); copies killed and frozen (copies); 40,000 spoilt requests (parser); Ingress documents in a kube-apiserver (ingress, only when it is named).
 * `npm run peers -- balance`: nginx, from its package, picks by the same weights and moves keys, beside ours.
 * `npm run peers -- threads`: autocannon calls a system in threads while one is blocked for 6 s, and /proc says who does what.
 * `npm run peers -- gateway-h2`: h2spec (go), curl and openssl on a gateway over TLS, with HTTP/2 and names.
 * `npm run peers -- h2spec`: h2spec (go), curl and h2load on our server of HTTP/2, in the clear and over TLS.
 * `npm run peers -- hystrix`: Netflix' Hystrix dashboard, in a browser, watches the marketplace while a breaker opens and closes.
 * `npm run peers -- login`: somebody logs in at the marketplace behind two gateways with a browser, orders, and logs out in one tab.
 * `npm run peers -- operated`: the marketplace in one process and in eleven, asked by its console, by dure and by the tools of MCP alike.
 * `npm run peers -- console`: the payment provider is frozen, an order is slow, a message is poison: the cause is found in the console alone.
 * `npm run peers -- soap`: clients that zeep, JAX-WS (wsimport) and gSOAP make of our WSDL call a door; libxml2 judges what is written.
 * `npm run peers -- hosts`: a system whose services are on hosts of their own (network namespaces; root), one cut off, one killed.
 * `npm run peers -- mtls`: certificates of four processes are replaced every five seconds under load for a minute; openssl and Python take their chain.
 * `npm run peers -- grpc`: grpcio and grpc-go call a door of ours from what protoc makes of the drawn document: values, errors, streams, health, reflection; grpc_health_probe; connect-web by gRPC-Web; the cases of grpc-go's interop client.
 * `npm run peers -- graphql`: Apollo's composition makes a supergraph of the marketplace's subgraphs, and Apollo's gateway asks them together.
 * `npm run peers -- buf`: buf judges the .proto files that are drawn, and what changes in them, beside `dure compat`.
 * `npm run peers -- replaced [ROUNDS]`: the doors' process is replaced, and killed, under calls and streams over gRPC and WebSocket.
 * `npm run peers -- redis`: a program with redis-py does the same, and redis-cli reads our events and the same lag.
 * `npm run peers -- kafka`: Kafka's own programs, and an application with Spring Kafka, read what we send, send us some, and tell the same lag.
 * `npm run peers -- activemq`: programs with JMS and with Qpid Proton for Python do the same on Classic and on Artemis.
 * `npm run peers -- rabbitmq`: programs with pika and with Spring AMQP take our work and send us some, and rabbitmqctl tells the same lag of queues.
 * `npm run peers -- session`: programs with redis-py and pymemcache read how long sessions have, and end some.
 * `npm run peers -- audit`: Go's transparency log, and an auditor's script in Python, check the checkpoints and proofs of an audit log, also once a person is erased.
 * `npm run peers -- keyed`: Porcupine judges what callers of keyed counters saw while copies were killed, frozen and scaled (go).
 * `npm run peers -- old-servers`: which older versions of NATS, Redis and Kafka are refused, with what to do, and which are taken.
 * `npm run peers -- kafka-cluster`: three brokers of Kafka, each killed in turn under load; nothing is lost, and keys keep their order.
 * `npm run peers -- tokens`: tokens of jwcrypto and of a real Keycloak are taken as they are, through a gateway too, while its key is rotated.
 * `npm run peers -- telemetry`: services in Python, Node and Java (by OpenTelemetry's SDK, its agent and Sentry's SDKs) and rsyslog tell the collector of one trace; Debian's Prometheus and Zipkin's pages read it.
 * `npm run peers -- apis`: curl and Python subscribe to an API and call two gateways; the service that manages it and both gateways are killed; webhooks in Python.
 * `npm run peers -- oidc`: openid-client on our authorization server: the code flow, refresh, reuse, revocation, keys rotated under load, a kill.
 * `npm run peers -- thrift`: clients that Thrift's compiler makes of our IDL, in Python and Go, call our door; it compiles for eight more languages.
 * `npm run peers -- interop`: the marketplace with every door at once; clients of others ask each protocol the same, pass or fail per case.
 * `npm run peers -- mail`: swaks and Python's clients at an SMTP door, envelopes of SOAP among their mails; Dovecot between a shop that is killed, and mailboxes that are read while it restarts.
 * `npm run peers -- pact`: pact-js and Pact JVM verify a provider of ours by our pacts, ours by theirs, and all refuse one that breaks a consumer (java, mvn).
 * `npm run peers -- socket [CASE…]`: Python's websockets and datagrams, netcat, and Autobahn on a socket door (`12.* 13.*`: compression).
 * `npm run peers -- streams`: Kafka Streams' TopologyTestDriver and ours run the same random records through the same joins and windows.
 * `npm run peers -- image`: skopeo, umoci, crane and Go's registry on our images; podman runs two of them, one is stopped under load and killed.
 * `npm run peers -- vm`: a release in virtual machines of Debian's packages under QEMU, by systemd: killed, hung, shut down under load, rolled back (root, minutes).
 * `npm run peers -- systemd`: the suite of targets with units of Debian's systemd, the first process of a container of podman (root).
 * `npm run peers -- marketplace-vm`: the marketplace in such a machine, the workload from outside, and its invariants (root, minutes).
 * `npm run peers -- lambda`: a service as a function behind AWS's emulator, under podman: batches, frozen, killed, two at once; its outbox is empty behind each call (root, go).
 * `npm run peers -- component`: three services of the marketplace pass their component tests in their images, by podman: on embedded parts and on real servers.
 * `npm run peers -- marketplace-images [podman|kube|supervisor]`: the marketplace from one image: a container for each service, the documents of a release by `podman kube play`, a supervisor; the workload on each, something is killed under it, and all invariants hold.
 * `npm run peers -- deploy`: releases of a shop on PostgreSQL under load: bad ones go back by themselves, the deployer is killed after each line it writes, no order is lost.
 * `npm run peers -- install [NODE…]`: the tarballs in an empty project, on each version of Node or those that begin so.
 * `npm run peers -- tutorial [en|ko]`: the tutorial, as a reader follows it, in an empty folder from tarballs.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tryTarballs } from './install/install.ts'
import { NODES } from './install/toolbox.ts'
import {
  buf as bufJudge,
  connect,
  crane,
  emmett as emmettJudge,
  eureka as eurekaJudge,
  federation,
  gateway as gatewayJudges,
  grpcGo,
  grpcio,
  h2spec,
  hystrix as hystrixJudge,
  jwcrypto,
  kafkaStreams,
  keycloak,
  lambdaRie,
  missing,
  natsPy,
  pact as pactJudges,
  pika,
  proton,
  qpidJms,
  redisPy,
  schemas as schemaJudges,
  sessionClients,
  soap as soapJudges,
  sockets,
  springConfig,
  springGateway,
  springKafka,
  springRabbit,
  rsyslog,
  telemetry as telemetryJudges,
  telemetryJava,
  threads as autocannon,
  type Judges,
} from './judges/installed.ts'
import { judges, withSubject } from './judges/judges.ts'
import { brokers, installOld, OLD_SERVERS } from './servers/brokers.ts'
import { installPackage } from './servers/packages.ts'
import { run } from './shell.ts'
import { PAGES } from './tutorial/page.ts'
import { playTutorial } from './tutorial/play.ts'

const PYTHON = 'venv/bin/python'
const EUREKA_JAR = 'target/eureka-1.jar'
const THRIFT = ['thrift-compiler', 'python3-thrift']
const proofs: Readonly<Record<string, (words: readonly string[]) => Promise<boolean>>> = {
  openapi,
  reply,
  emmett: () => judged('dure/src/eventsourcing/emmett.test-support.ts', [emmettJudge, '']),
  install,
  tutorial,
  '2pc': () => ourProgram('databases/postgres/src/two-phase/psql.test-support.ts', []),
  nats: () => withClients('brokers/nats', [natsPy, PYTHON]),
  grpc: () => withClients('protocols/grpc', [grpcio, PYTHON], [grpcGo, ''], [connect, '']),
  graphql: () => judged('../examples/marketplace/interop/federated.ts', [federation, '']),
  buf: () => judged('protocols/grpc/src/buf.test-support.ts', [bufJudge, 'node_modules/.bin/buf']),
  replaced: (words) => ourProgram('../examples/marketplace/interop/replaced.ts', words),
  redis: () => withClients('brokers/redis', [redisPy, PYTHON]),
  kafka: () => withClients('brokers/kafka', [springKafka, 'lib']),
  activemq: () => withClients('brokers/activemq', [qpidJms, 'lib'], [proton, PYTHON]),
  rabbitmq: () => withClients('brokers/rabbitmq', [pika, PYTHON], [springRabbit, 'lib']),
  session: () => withClients('sessions/memcached', [sessionClients, PYTHON]),
  schemas,
  socket: (cases) => withClients('protocols/socket', [sockets, ''], [gatewayJudges.autobahn, ''], ...cases),
  eureka: () => judged('platform/registry/src/peers.test-support.ts', [eurekaJudge, EUREKA_JAR]),
  'spring-config': () => judged('platform/config/src/peers.test-support.ts', [springConfig, 'target/config-1.jar']),
  'gateway-import': () => judged('platform/gateway/src/import/peers.test-support.ts', [springGateway, 'target/gateway-1.jar']),
  gateway,
  etcd: () => ourProgram('registries/etcd/src/foreign.test-support.ts', []),
  kubernetes,
  balance,
  'gateway-h2': () => withH2spec('platform/gateway/src/peers.test-support.ts'),
  h2spec: () => withH2spec('protocols/http2/src/peers.test-support.ts'),
  hystrix: () => judged('../examples/marketplace/hystrix.test-support.ts', [hystrixJudge, 'lib']),
  login: () => ourProgram('../examples/marketplace/login.test-support.ts', []),
  console: () => ourProgram('../examples/marketplace/console.test-support.ts', []),
  operated: () => ourProgram('../examples/marketplace/operated.test-support.ts', []),
  keyed: () => goJudge('keyed', 'databases/postgres/src/keyed.peers.test-support.ts'),
  audit,
  threads: () => judged('tools/cli/src/threads.system.test-support.ts', [autocannon, '']),
  tokens,
  telemetry: () =>
    judged('platform/collector/src/peers/peers.test-support.ts', [telemetryJudges, ''], [telemetryJava, ''], [rsyslog, '']),
  apis: () => {
    need('curl', ['curl'])
    return ourProgram('platform/apis/src/peers/peers.test-support.ts', [])
  },
  oidc: () => ourProgram('platform/auth/src/peers.test-support.ts', []),
  soap: soapClients,
  hosts: () => ourProgram('../examples/hosts/proof.ts', []),
  mtls: (words) => ourProgram('dure/src/identity/foreign.test-support.ts', words),
  'old-servers': oldServers,
  'kafka-cluster': kafkaCluster,
  thrift,
  interop,
  mail,
  image: () => withCrane('tools/deploy/src/peers.test-support.ts'),
  'marketplace-images': (ways) => withCrane('tools/deploy/src/marketplace.peers.test-support.ts', ways),
  lambda,
  vm: () => machine('vm'),
  'marketplace-vm': () => machine('marketplace'),
  systemd: systemdInContainer,
  component,
  pact: () => judged('tools/testing/src/contracts/peers.test-support.ts', [pactJudges.js, ''], [pactJudges.jvm, '']),
  streams: () => judged('tools/testing/src/streams/peers.test-support.ts', [kafkaStreams, '']),
  deploy: () => ourProgram('tools/deploy/src/rollouts.test-support.ts', []),
}

async function openapi(): Promise<boolean> {
  let well = true
  for (const name of ['nasty', 'marketplace'] as const)
    await withSubject(name, async (subject) => {
      for (const { name: judge, needs, judge: ask } of judges) {
        const why = missing(needs)
        const said = why === false ? await ask(subject).catch((error: unknown) => error as Error) : new Error(`not run: ${why}`)
        console.log(`${said instanceof Error ? '✖' : '✔'} ${name}, ${judge}: ${said instanceof Error ? said.message : said}`)
        well &&= !(said instanceof Error)
      }
    })
  return well
}

async function reply(): Promise<boolean> {
  return withSubject('tasks', async ({ url }) => {
    const { code, output } = await run('python3', [join(import.meta.dirname, 'reply/worker.py'), url])
    console.log(`${code === 0 ? '✔' : '✖'} ${output.trim()}`)
    return code === 0
  })
}

/** A client that is installed and told of by this place in its folder, or a word that is passed on. */
type Asked = readonly [client: Judges, place: string] | string

/** What a package's program of proofs says of clients of others. */
const withClients = (home: string, ...asked: readonly Asked[]): Promise<boolean> =>
  judged(`${home}/src/foreign.test-support.ts`, ...asked)

/** Why one cannot be asked; undefined once it is there. */
function lacking(judge: Judges): string | undefined {
  const said = judge.there() ? 'installed' : judge.install()
  return said === 'installed' ? undefined : said
}

function needJudges(all: readonly Judges[]): void {
  for (const judge of all) {
    const why = lacking(judge)
    if (why !== undefined) throw new Error(`Cannot ask ${judge.name}: it ${why}.`)
  }
}

/** Those that are not there are said, and the others are asked. */
function sayMissing(all: readonly Judges[]): void {
  for (const judge of all) {
    const why = lacking(judge)
    if (why !== undefined) console.log(`✖ ${judge.name}: ${why}`)
  }
}

/** A program of ours that has programs of others judge it. */
async function judged(program: string, ...asked: readonly Asked[]): Promise<boolean> {
  needJudges(asked.flatMap((one) => (typeof one === 'string' ? [] : [one[0]])))
  return ourProgram(
    program,
    asked.map((one) => (typeof one === 'string' ? one : join(one[0].folder, one[1]))),
  )
}

async function schemas(): Promise<boolean> {
  const { kafkajs, python, apicurio } = schemaJudges
  sayMissing([kafkajs, python, apicurio])
  const serializers = join(import.meta.dirname, 'judges/schemas/serializers.py')
  return ourProgram('platform/registry-schemas/src/peers.test-support.ts', [
    ...[kafkajs.folder, join(python.folder, PYTHON), serializers, apicurio.folder],
  ])
}

/** What the parts of the proof need to be installed, those first that are done first. */
const GATEWAY_PARTS: Readonly<Record<string, readonly Judges[]>> = {
  parser: [],
  smuggling: [gatewayJudges.readers],
  redbot: [gatewayJudges.redbot],
  copies: [],
  weights: [],
  services: [eurekaJudge],
  ingress: [],
  autobahn: [gatewayJudges.websocket, gatewayJudges.autobahn],
}

/** @param words parts of it, or cases of Autobahn; without any, all parts, and of Autobahn what takes minutes */
async function gateway(words: readonly string[]): Promise<boolean> {
  const cases = words.filter((word) => /^\d/.test(word))
  const named = words.filter((word) => !cases.includes(word))
  const unknown = named.find((word) => !Object.hasOwn(GATEWAY_PARTS, word))
  if (unknown !== undefined)
    throw new Error(`Cannot prove "${unknown}" of the gateway: its parts are ${Object.keys(GATEWAY_PARTS).join(', ')}`)
  // A kube-apiserver is built for half an hour the first time: only for who names it.
  const all = Object.keys(GATEWAY_PARTS).filter((part) => part !== 'ingress')
  const parts = named.length > 0 ? named : cases.length > 0 ? ['autobahn'] : all
  if (parts.includes('ingress')) await withApiserver()
  needJudges(parts.flatMap((part) => GATEWAY_PARTS[part]!))
  const { readers, websocket, autobahn, redbot } = gatewayJudges
  const folders = [readers, websocket, autobahn, redbot].map(({ folder }) => folder)
  return ourProgram('platform/gateway/src/peers/peers.test-support.ts', [
    ...[parts.join(','), join(eurekaJudge.folder, EUREKA_JAR), ...folders],
    ...[parts.includes('redbot') ? nginx() : '', ...cases],
  ])
}

async function withApiserver(): Promise<void> {
  const apiServer = brokers.find(({ name }) => name === 'kubernetes')!
  const answer = apiServer.there() ? 'installed' : await apiServer.install()
  if (answer !== 'installed') throw new Error(`Cannot ask Kubernetes: it ${answer}.`)
}

async function kubernetes(): Promise<boolean> {
  await withApiserver()
  return ourProgram('registries/kubernetes/src/foreign.test-support.ts', [])
}

/** It belongs to the system, so it is not installed from here. */
function nginx(): string {
  const found = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/bin/nginx'].find((path) => existsSync(path))
  if (found === undefined) throw new Error('Cannot ask nginx: it is not installed; on Debian: apt-get install nginx-light')
  return found
}

async function balance(): Promise<boolean> {
  return ourProgram('dure/src/resilience/balance/nginx.test-support.ts', [nginx()])
}

async function withH2spec(program: string): Promise<boolean> {
  need('curl and h2load', ['curl', 'nghttp2-client'])
  return judged(program, [h2spec, 'h2spec'])
}

async function tokens(): Promise<boolean> {
  sayMissing([jwcrypto, keycloak])
  const python = join(jwcrypto.folder, PYTHON)
  return ourProgram('platform/gateway/src/filters/peers.test-support.ts', [
    ...[python, join(import.meta.dirname, 'judges/tokens.py')],
    join(keycloak.folder, 'keycloak-26.5.6'),
  ])
}

async function audit(): Promise<boolean> {
  // It brings the cryptography that the script needs.
  needJudges([jwcrypto])
  const script = join(import.meta.dirname, 'judges/audit.py')
  return goJudge('audit', 'dure/src/audit/foreign.test-support.ts', [join(jwcrypto.folder, PYTHON), script])
}

/** Packages of Debian that a program of proofs needs. */
function need(whom: string, packages: readonly string[]): void {
  for (const name of packages) {
    const why = existsSync(`/usr/share/doc/${name}`) ? undefined : installPackage(name)
    if (why !== undefined) throw new Error(`Cannot ask ${whom}: ${why}`)
  }
}

async function interop(): Promise<boolean> {
  need('Thrift', THRIFT)
  const all = [grpcio, grpcGo, soapJudges.zeep, sockets]
  return judged('../examples/marketplace/interop/main.ts', ...all.map((judge) => [judge, ''] as const))
}

async function thrift(): Promise<boolean> {
  need('Thrift', THRIFT)
  return ourProgram('protocols/thrift/src/peers.test-support.ts', [])
}

async function mail(): Promise<boolean> {
  need('Dovecot and swaks', ['dovecot-imapd', 'dovecot-pop3d', 'dovecot-lmtpd', 'swaks', 'libnet-ssleay-perl'])
  return ourProgram('protocols/mail/src/foreign.test-support.ts', [])
}

const CONTAINERS = ['podman', 'runc', 'conmon', 'catatonit', 'netavark', 'aardvark-dns', 'skopeo', 'umoci']

/** A program of ours that needs containers, and crane, which is a registry as well. */
async function withCrane(program: string, words: readonly string[] = []): Promise<boolean> {
  need('podman, skopeo and umoci', CONTAINERS)
  return judged(program, [crane, 'crane'], ...words)
}

async function machine(which: 'vm' | 'marketplace'): Promise<boolean> {
  need('QEMU', ['qemu-system-x86', 'debootstrap', 'e2fsprogs'])
  return ourProgram(`tools/deploy/src/vm/${which}.peers.test-support.ts`, [])
}

async function systemdInContainer(): Promise<boolean> {
  need('podman and debootstrap', [...CONTAINERS, 'debootstrap'])
  return ourProgram('tools/deploy/src/vm/systemd.peers.test-support.ts', [])
}

async function lambda(): Promise<boolean> {
  need('podman', CONTAINERS)
  return judged('tools/deploy/src/lambda.test-support.ts', [lambdaRie, 'bin/aws-lambda-rie'])
}

async function component(): Promise<boolean> {
  need('podman', CONTAINERS)
  return ourProgram('tools/deploy/src/components.peers.test-support.ts', [])
}

async function oldServers(): Promise<boolean> {
  let well = true
  for (const [kind, versions] of Object.entries(OLD_SERVERS)) {
    const words = versions.flatMap(({ version, taken }) => [version, installOld(kind, version), taken ? 'taken' : 'refused'])
    well = (await ourProgram(`brokers/${kind}/src/versions.test-support.ts`, words)) && well
  }
  return well
}

async function soapClients(): Promise<boolean> {
  const { zeep, jaxws, gsoap } = soapJudges
  sayMissing([zeep, jaxws, gsoap])
  return ourProgram(
    'protocols/soap/src/foreign.test-support.ts',
    [zeep, jaxws, gsoap].map(({ folder }) => folder),
  )
}

/** A program in Go, built from what is pinned beside it, judges what one of ours does. */
async function goJudge(name: string, ours: string, words: readonly string[] = []): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-judge-'))
  try {
    const judge = join(folder, name)
    const built = await run('go', ['build', '-C', join(import.meta.dirname, 'judges', name), '-o', judge, '.'])
    if (built.code !== 0) throw new Error(`Cannot build the judge "${name}", which needs Go 1.24 or newer: ${built.output}`)
    return await ourProgram(ours, [judge, ...words])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function kafkaCluster(): Promise<boolean> {
  return ourProgram('brokers/kafka/src/cluster.test-support.ts', [])
}

async function ourProgram(path: string, words: readonly string[]): Promise<boolean> {
  const program = join(import.meta.dirname, '../packages', path)
  // It works for minutes, and says as it goes how far it is.
  const child = spawn(process.execPath, ['--conditions=dure-source', program, ...words], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return code === 0
}

async function install(words: readonly string[]): Promise<boolean> {
  const nodes = NODES.map(({ node }) => node).filter((node) => words.length === 0 || words.some((word) => node.startsWith(word)))
  if (nodes.length === 0)
    throw new Error(`Cannot try Node ${words.join(', ')}: tried are ${NODES.map(({ node }) => node).join(', ')}.`)
  return tryTarballs(
    ({ what, wrong }) => console.log(`${wrong === undefined ? '✔' : '✖'} ${what}${wrong === undefined ? '' : `: ${wrong}`}`),
    nodes,
  )
}

async function tutorial(words: readonly string[]): Promise<boolean> {
  const langs = (Object.keys(PAGES) as (keyof typeof PAGES)[]).filter((lang) => words.length === 0 || words.includes(lang))
  if (langs.length === 0)
    throw new Error(`Cannot play the tutorial in "${words.join(' ')}": there is ${Object.keys(PAGES).join(', ')}`)
  let well = true
  for (const lang of langs) {
    let sum = 0
    well &&= await playTutorial(lang, ({ what, seconds, wrong }) => {
      sum += seconds
      console.log(
        `${wrong === undefined ? '✔' : '✖'} ${what} (${seconds.toFixed(1)} s)${wrong === undefined ? '' : `\n${wrong}`}`,
      )
    })
    console.log(`${well ? '✔' : '✖'} ${PAGES[lang]}: ${sum.toFixed(0)} seconds`)
  }
  return well
}

const [name = '', ...words] = process.argv.slice(2)
const proof = Object.hasOwn(proofs, name) ? proofs[name] : undefined
if (proof === undefined) console.error(`Cannot prove "${name}": the peers are ${Object.keys(proofs).join(', ')}`)
if (proof === undefined || !(await proof(words))) process.exitCode = 1
