import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { createHash } from 'node:crypto'

/**
 * The programs of others that judge the documents, each set in a folder of the cache that is named after what is pinned: another
 * pin is another folder, and a folder without its mark is installed anew.
 */
const cache: string = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'dure', 'judges')

const UNPACK = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:unpack-dependencies'
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'

export type Judges = {
  /** As a test names what it needs. */
  readonly name: string
  readonly folder: string
  /** Whether the language they are written in is here: without it nothing can be installed. */
  readonly possible: () => boolean
  readonly there: () => boolean
  readonly install: () => string
}

/** schemathesis and openapi-python-client. */
export const python: Judges = judges('openapi-python', 'requirements.txt', {
  possible: () => runs('python3', ['-c', 'import venv, ensurepip']),
  steps: (folder) => [
    ['python3', '-m', 'venv', join(folder, 'venv')],
    [join(folder, 'venv', 'bin', 'pip'), 'install', '--quiet', '--requirement', join(folder, 'requirements.txt')],
  ],
})

/** Clients of brokers that are not ours. */
export const natsPy: Judges = pythonClient('nats-py', 'nats.txt')
/** gRPC's own client in Python, and its compiler. */
export const grpcio: Judges = pythonClient('grpcio', 'grpc.txt')
export const redisPy: Judges = pythonClient('redis-py', 'redis.txt')
/** Two clients of stores of sessions. */
export const sessionClients: Judges = pythonClient('pymemcache', 'sessions.txt')
export const pika: Judges = pythonClient('pika', 'pika.txt')
export const proton: Judges = pythonClient('python-qpid-proton', 'proton.txt')

/** Python's websockets; and netcat, as Debian has it, unpacked and not installed. */
export const sockets: Judges = judges('sockets', 'sockets.txt', {
  possible: () => runs('python3', ['-c', 'import venv, ensurepip']) && runs('dpkg-deb', ['--version']),
  steps: (folder) => [
    ['python3', '-m', 'venv', join(folder, 'venv')],
    [join(folder, 'venv', 'bin', 'pip'), 'install', '--quiet', '--requirement', join(folder, 'sockets.txt')],
    [
      'sh',
      '-c',
      'cd "$1" && apt-get download -q netcat-traditional && dpkg-deb -x netcat-traditional_*.deb netcat',
      'sh',
      folder,
    ],
  ],
})

/** What signs tokens: jwcrypto, and Keycloak. */
export const jwcrypto: Judges = pythonClient('jwcrypto', 'jwcrypto.txt')
export const keycloak: Judges = judges('keycloak', 'keycloak/pom.xml', {
  possible: () => runs('java', ['-version']) && runs('mvn', ['--version']),
  steps: (folder) => [
    ['mvn', '--quiet', '--batch-mode', '--file', join(folder, 'pom.xml'), UNPACK, `-DoutputDirectory=${folder}`],
  ],
})

/** Clients that are made of a WSDL: in Python, in Java, and in C++, as Debian has it, unpacked and not installed. */
export const soap: Readonly<Record<'zeep' | 'jaxws' | 'gsoap', Judges>> = {
  zeep: pythonClient('zeep', 'soap/zeep.txt'),
  jaxws: javaLibraries('jaxws', 'soap/pom.xml'),
  gsoap: judges('gsoap', 'soap/gsoap.txt', {
    possible: () => runs('g++', ['--version']) && runs('dpkg-deb', ['--version']),
    steps: (folder) => [
      [
        'sh',
        '-c',
        'cd "$1" && apt-get download -q $(cat gsoap.txt) && for one in *.deb; do dpkg-deb -x "$one" .; done',
        'sh',
        folder,
      ],
    ],
  }),
}

/** What tells of itself: OpenTelemetry's SDK for Python, and Sentry's; and Prometheus, as Debian has it, unpacked and not installed. */
export const telemetry: Judges = judges('telemetry', 'telemetry.txt', {
  sources: ['telemetry.py'],
  possible: () => runs('python3', ['-c', 'import venv, ensurepip']) && runs('dpkg-deb', ['--version']),
  steps: (folder) => [
    ['python3', '-m', 'venv', join(folder, 'venv')],
    [join(folder, 'venv', 'bin', 'pip'), 'install', '--quiet', '--requirement', join(folder, 'telemetry.txt')],
    ['sh', '-c', 'cd "$1" && apt-get download -q prometheus && dpkg-deb -x prometheus_*.deb prometheus', 'sh', folder],
  ],
})

/** A service in Java with OpenTelemetry's agent beside it, and Zipkin's pages. */
export const telemetryJava: Judges = judges('telemetry-java', 'telemetry/pom.xml', {
  sources: ['telemetry/Warehouse.java'],
  possible: () => runs('javac', ['-version']) && runs('mvn', ['--version']),
  steps: (folder) => [
    ['mvn', '--quiet', '--batch-mode', '--file', join(folder, 'pom.xml'), COPY, `-DoutputDirectory=${join(folder, 'lib')}`],
    ['javac', '-d', join(folder, 'classes'), join(folder, 'Warehouse.java')],
    ['sh', '-c', 'cd "$0" && jar xf lib/zipkin-lens-*.jar zipkin-lens', folder],
  ],
})

/** rsyslog with its output to Elasticsearch, as Debian has them, unpacked and not installed. */
export const rsyslog: Judges = judges('rsyslog', 'telemetry/rsyslog.conf', {
  possible: () => runs('dpkg-deb', ['--version']),
  steps: (folder) => [
    [
      ...['sh', '-c', 'cd "$0" && apt-get download -q "$@" && for each in *.deb; do dpkg-deb -x "$each" root; done', folder],
      ...['rsyslog', 'rsyslog-elasticsearch', 'libestr0', 'libfastjson4'],
    ],
  ],
})

function pythonClient(name: string, pins: string): Judges {
  return judges(name, pins, {
    possible: () => runs('python3', ['-c', 'import venv, ensurepip']),
    steps: (folder) => [
      ['python3', '-m', 'venv', join(folder, 'venv')],
      [join(folder, 'venv', 'bin', 'pip'), 'install', '--quiet', '--requirement', join(folder, basename(pins))],
    ],
  })
}

/** openapi-generator for Java, and what its clients need. */
export const java: Judges = javaLibraries('openapi-java', 'pom.xml')

/** Listeners and templates of Spring, as most services in Java have them. */
export const springKafka: Judges = javaLibraries('spring-kafka', 'spring-kafka/pom.xml')
export const springRabbit: Judges = javaLibraries('spring-rabbit', 'spring-rabbit/pom.xml')

/** JMS over AMQP 1.0. */
export const qpidJms: Judges = javaLibraries('qpid-jms', 'qpid-jms/pom.xml')

function npmPackages(name: string, pins: string): Judges {
  return judges(name, pins, {
    possible: () => true,
    steps: (folder) => [
      ['npm', 'install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    ],
  })
}

/** Libraries for programs in Java, which run from their source with `lib/*` as their class path; or one program, compiled into `classes`. */
function javaLibraries(name: string, pins: string, program?: string): Judges {
  return judges(name, pins, {
    sources: program === undefined ? [] : [program],
    possible: () => runs('javac', ['-version']) && runs('mvn', ['--version']),
    steps: (folder) => {
      const [lib, classes] = [join(folder, 'lib'), join(folder, 'classes')]
      const copy = ['mvn', '--quiet', '--batch-mode', '--file', join(folder, 'pom.xml'), COPY, `-DoutputDirectory=${lib}`]
      if (program === undefined) return [copy]
      return [copy, ['javac', '-cp', join(lib, '*'), '-d', classes, join(folder, basename(program))]]
    },
  })
}

/** Kafka Streams' driver for tests of topologies, which needs no broker. */
export const kafkaStreams: Judges = javaLibraries('kafka-streams', 'kafka-streams/pom.xml', 'kafka-streams/KafkaStreams.java')

/** spectral and redocly. */
export const linters: Judges = npmPackages('openapi-linters', 'package.json')

/** Emmett, whose command handler and decider judge the event store. */
export const emmett: Judges = npmPackages('emmett', 'emmett/package.json')

/** What judges drawn .proto files, and what has changed in them. */
export const buf: Judges = npmPackages('buf', 'buf/package.json')

/** What makes one graph of subgraphs, and asks them together. */
export const federation: Judges = npmPackages('federation', 'federation/package.json')

/** A client of gRPC-Web, as pages in a browser have it. */
export const connect: Judges = npmPackages('connect', 'connect/package.json')

/** What writes and verifies pacts besides us: pact-js, with its native core, and Pact JVM. */
export const pact: Readonly<Record<'js' | 'jvm', Judges>> = {
  js: judges('pact-js', 'pact/js/package.json', {
    sources: ['pact/js/pact.js'],
    possible: () => true,
    steps: (folder) => [
      ['npm', 'install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    ],
  }),
  jvm: judges('pact-jvm', 'pact/java/pom.xml', {
    sources: ['pact/java/Pacts.java'],
    possible: () => runs('javac', ['-version']) && runs('mvn', ['--version']),
    steps: (folder) => [
      [
        ...[
          'mvn',
          '--quiet',
          '--batch-mode',
          '--file',
          join(folder, 'pom.xml'),
          COPY,
          `-DoutputDirectory=${join(folder, 'lib')}`,
        ],
        // Two of them are files of one name.
        '-Dmdep.prependGroupId=true',
      ],
      ['javac', '-cp', join(folder, 'lib', '*'), '-d', join(folder, 'classes'), join(folder, 'Pacts.java')],
    ],
  }),
}

/** What calls a system in threads from outside. */
export const threads: Judges = npmPackages('autocannon', 'threads/package.json')

/** What speaks to schema registries: KafkaJS' client, Confluent's own for Python, and another registry. */
export const schemas: Readonly<Record<'kafkajs' | 'python' | 'apicurio', Judges>> = {
  kafkajs: npmPackages('schemas-kafkajs', 'schemas/package.json'),
  python: judges('schemas-python', 'schemas/requirements.txt', {
    possible: () => runs('python3', ['-c', 'import venv, ensurepip']),
    steps: (folder) => [
      ['python3', '-m', 'venv', join(folder, 'venv')],
      [join(folder, 'venv', 'bin', 'pip'), 'install', '--quiet', '--requirement', join(folder, 'requirements.txt')],
    ],
  }),
  apicurio: judges('schemas-apicurio', 'schemas/pom.xml', {
    possible: () => runs('java', ['-version']) && runs('mvn', ['--version']),
    steps: (folder) => [
      ['mvn', '--quiet', '--batch-mode', '--file', join(folder, 'pom.xml'), UNPACK, `-DoutputDirectory=${folder}`],
    ],
  }),
}

/** Spring's Eureka server, and an application that knows nothing but Eureka. */
export const eureka: Judges = springProgram('eureka', 'Peer.java')

/** Spring Cloud Gateway, with what it needs to run by a file of settings. */
export const springGateway: Judges = springProgram('spring-gateway', 'Gateway.java')

/** Spring Cloud Config: its server, and an application that gets its settings from one. */
export const springConfig: Judges = springProgram('spring-config', 'Config.java')

/** One source and what it needs, as one archive. */
function springProgram(name: string, source: string): Judges {
  return judges(name, `${name}/pom.xml`, {
    sources: [`${name}/${source}`],
    possible: () => runs('javac', ['-version']) && runs('mvn', ['--version']),
    steps: (folder) => [
      ['mkdir', '-p', join(folder, 'src/main/java/judge')],
      ['mv', join(folder, source), join(folder, 'src/main/java/judge')],
      ['mvn', '--quiet', '--batch-mode', '--file', join(folder, 'pom.xml'), '-DskipTests', 'package'],
    ],
  })
}

/** What asks a server of HTTP/2 for all that RFC 9113 and RFC 7541 say of one. */
export const h2spec: Judges = goProgram('h2spec')
/** What reads and writes registries of images, and is one. */
export const crane: Judges = goProgram('crane')

/** What makes clients of grpc-go, and grpc_health_probe; and a program that asks our door with such a client, once it is made. */
export const grpcGo: Judges = judges('grpc-go', 'grpc/go.mod', {
  sources: ['grpc/go.sum', 'grpc/main.go'],
  possible: () => runs('go', ['version']),
  steps: (folder) => [['env', `GOBIN=${join(folder, 'bin')}`, 'go', 'install', '-C', folder, 'tool']],
})

/** AWS's emulator of Lambda's Runtime API. */
export const lambdaRie: Judges = judges('lambda-rie', 'rie/go.mod', {
  sources: ['rie/go.sum'],
  possible: () => runs('go', ['version']),
  // It runs in images without libraries of its own.
  steps: (folder) => [['env', 'CGO_ENABLED=0', `GOBIN=${join(folder, 'bin')}`, 'go', 'install', '-C', folder, 'tool']],
})

/** Netflix' Hystrix dashboard, and Jetty to run it. */
export const hystrix: Judges = judges('hystrix', 'hystrix/pom.xml', {
  possible: () => runs('java', ['-version']) && runs('mvn', ['--version']),
  steps: (folder) => [
    ['mvn', '--quiet', '--batch-mode', '--file', join(folder, 'pom.xml'), COPY, `-DoutputDirectory=${join(folder, 'lib')}`],
  ],
})

/** What reads HTTP beside the gateway, with requests that others have collected; a WebSocket server; Autobahn's fuzzing client; and REDbot. */
export const gateway: Readonly<Record<'readers' | 'websocket' | 'autobahn' | 'redbot', Judges>> = {
  readers: judges('gateway-readers', 'gateway/requirements.txt', {
    sources: ['gateway/corpus.txt', 'gateway/read.py', 'gateway/main.go', 'gateway/go.mod'],
    possible: () => runs('python3', ['-c', 'import venv, ensurepip']) && runs('go', ['version']),
    steps: (folder) => [
      ['python3', '-m', 'venv', join(folder, 'venv')],
      [join(folder, 'venv/bin/pip'), 'install', '--quiet', '--requirement', join(folder, 'requirements.txt')],
      // Its tests are in its source alone.
      [
        ...[join(folder, 'venv/bin/pip'), 'download', '--quiet', '--no-deps', '--no-binary', ':all:'],
        ...['--requirement', join(folder, 'corpus.txt'), '--dest', folder],
      ],
      ['sh', '-c', 'tar -xzf "$0"/gunicorn-*.tar.gz -C "$0" --strip-components 1', folder],
      ['go', 'build', '-C', folder, '-o', join(folder, 'read'), '.'],
    ],
  }),
  websocket: npmPackages('gateway-websocket', 'gateway/package.json'),
  redbot: pythonClient('redbot', 'gateway/redbot.txt'),
  // It was never moved to Python 3: what calls itself newer does not start.
  autobahn: judges('autobahn', 'gateway/autobahn.txt', {
    possible: () => runs('env', ['PYENV_VERSION=2.7', 'python2.7', '-m', 'pip', '--version']),
    steps: (folder) => [
      [
        ...['env', 'PYENV_VERSION=2.7', `PYTHONUSERBASE=${folder}`, 'python2.7', '-m', 'pip', 'install', '--quiet', '--user'],
        ...['--requirement', join(folder, 'autobahn.txt')],
      ],
    ],
  }),
}

/** False, or why a test of these must be skipped. */
export function missing({ name, possible, there }: Judges): string | false {
  if (there()) return false
  return possible() ? `needs server: ${name}` : `${name}: the language it is written in is not here`
}

function judges(
  name: string,
  pins: string,
  how: {
    /** What is built of it, beside what is pinned. */
    readonly sources?: readonly string[]
    readonly possible: () => boolean
    readonly steps: (folder: string) => readonly (readonly string[])[]
  },
): Judges {
  const files = [pins, ...(how.sources ?? [])].map((file) => join(import.meta.dirname, file))
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(file))
  const pinned = hash.digest('hex').slice(0, 12)
  const folder = join(cache, `${name}-${pinned}`)
  const mark = join(folder, 'installed')
  return {
    name,
    folder,
    possible: how.possible,
    there: () => existsSync(mark),
    install: () => {
      if (!how.possible()) return 'cannot be installed: the language it is written in is not here'
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder, { recursive: true })
      for (const file of files) copyFileSync(file, join(folder, basename(file)))
      for (const [program, ...words] of how.steps(folder)) {
        const { status } = spawnSync(program!, words, { stdio: ['ignore', 'ignore', 'inherit'] })
        if (status !== 0) return `could not be installed: "${program} ${words.slice(0, 3).join(' ')} …" failed`
      }
      writeFileSync(mark, '')
      return 'installed'
    },
  }
}

function goProgram(name: string): Judges {
  return judges(name, `${name}.txt`, {
    possible: () => runs('go', ['version']),
    steps: (folder) => [['env', `GOBIN=${folder}`, 'go', 'install', readFileSync(join(folder, `${name}.txt`), 'utf8').trim()]],
  })
}

function runs(program: string, words: readonly string[]): boolean {
  return spawnSync(program, words, { stdio: 'ignore' }).status === 0
}

/** The class path of everything that was installed for Java, and the generator's own file. */
export function jars(): { readonly all: string; readonly generator: string } {
  const lib = join(java.folder, 'lib')
  const generator = readdirSync(lib).find((file) => file.startsWith('openapi-generator-cli'))!
  return { all: join(lib, '*'), generator: join(lib, generator) }
}
