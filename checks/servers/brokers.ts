import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { buildApiServer } from './kube-apiserver.ts'
import { installPackage } from './packages.ts'
import { missingServer, serverPlaces, type ServerKind } from '@dure/testing/servers'

/** A way to bring one server's programs into a folder; says why not where it cannot. */
type Way = (folder: string, version: string) => string | undefined

/** Packages of the Debian that several servers share. */
const DEBIAN_PACKAGES = ['redis-server', 'valkey-server', 'rabbitmq-server', 'etcd-server', 'etcd-client', 'memcached']

const debian =
  (release: string, packages = DEBIAN_PACKAGES): Way =>
  (folder) => {
    if (process.platform !== 'linux' || process.getuid?.() !== 0)
      return 'needs Linux and root, for a Debian in a folder of its own'
    if (!runs('debootstrap', ['--version'])) {
      const failure = installPackage('debootstrap')
      if (failure !== undefined) return failure
    }
    return (
      run(['debootstrap', '--variant=minbase', `--include=${packages.join(',')}`, release, folder]) ??
      run(['chroot', folder, 'apt-get', 'clean'])
    )
  }

/** Each from where its makers publish it: a module, artifacts, packages of a system. */
const ways: Readonly<Record<ServerKind, Way>> = {
  activemq: (folder, version) =>
    maven(folder, [
      ...['broker', 'kahadb-store', 'amqp', 'jaas'].map((name) => `org.apache.activemq:activemq-${name}:${version}`),
      LOGGER,
    ]) ?? compiled('ActiveMq', folder),
  apicurio: (folder, version) => {
    const archive = `apicurio-registry-app-${version}.Final-all.tar.gz`
    const artifact = `io.apicurio:apicurio-registry-app:${version}.Final:tar.gz:all`
    return (
      withoutJava() ??
      run([...mvn('copy'), `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`]) ??
      run(['tar', '-xzf', join(folder, archive), '-C', folder]) ??
      run(['rm', join(folder, archive)])
    )
  },
  artemis: (folder, version) =>
    maven(folder, [...['server', 'amqp-protocol'].map((name) => `org.apache.activemq:artemis-${name}:${version}`), LOGGER]) ??
    compiled('Artemis', folder),
  etcd: debian('trixie'),
  kafka: (folder, version) =>
    maven(folder, [
      `org.apache.kafka:kafka_2.13:${version}`,
      `org.apache.kafka:kafka-tools:${version}`,
      // What it logs by: its own distribution brings one.
      'org.apache.logging.log4j:log4j-slf4j-impl:2.25.5',
    ]),
  kubernetes: buildApiServer,
  memcached: debian('trixie'),
  nats: (folder, version) => {
    if (!runs('go', ['version'])) return 'needs Go 1.25 or newer, which is not here'
    const env = { ...process.env, GOBIN: folder, GOFLAGS: '-trimpath' }
    return run(['go', 'install', `github.com/nats-io/nats-server/v2@v${version}`], env)
  },
  rabbitmq: debian('trixie'),
  redis: debian('trixie'),
  valkey: debian('trixie'),
}

export const brokers: readonly {
  readonly name: string
  readonly there: () => boolean
  readonly install: () => Promise<string>
}[] = Object.entries(serverPlaces()).map(([kind, { folder, version }]) => ({
  name: kind,
  there: () => missingServer(kind as ServerKind) === false,
  install: async () => {
    const failure = bring(ways[kind as ServerKind], folder, version)
    if (failure !== undefined) return failure
    return missingServer(kind as ServerKind) === false ? 'installed' : `"${folder}" was installed, and lacks its program`
  },
}))

/** What was broken off is no server. */
function bring(way: Way, folder: string, version: string): string | undefined {
  const draft = `${folder}.${process.pid}`
  mkdirSync(draft, { recursive: true })
  try {
    const failure = way(draft, version)
    if (failure !== undefined) return failure
    rmSync(folder, { recursive: true, force: true })
    renameSync(draft, folder)
    return undefined
  } finally {
    if (existsSync(draft)) rmSync(draft, { recursive: true, force: true })
  }
}

/** Versions that are too old, and the oldest that are not. */
export const OLD_SERVERS: Readonly<
  Partial<Record<ServerKind, readonly { readonly version: string; readonly taken: boolean }[]>>
> = {
  nats: [
    { version: '2.10.29', taken: false },
    { version: '2.12.0', taken: true },
  ],
  // Those of Debian 11 and 12.
  redis: [
    { version: '6.0.16', taken: false },
    { version: '7.0.15', taken: true },
  ],
  kafka: [
    { version: '3.4.1', taken: false },
    { version: '3.5.2', taken: true },
  ],
}

/** Brings one of them; answers its folder. */
export function installOld(kind: string, version: string): string {
  const way =
    kind === 'redis' ? debian(version.startsWith('6') ? 'bullseye' : 'bookworm', ['redis-server']) : ways[kind as ServerKind]
  const folder = join(dirname(serverPlaces()[kind as ServerKind].folder), `${kind}-${version}`)
  const failure = existsSync(folder) ? undefined : bring(way, folder, version)
  if (failure !== undefined) throw new Error(`Cannot try ${kind} ${version}: it ${failure}.`)
  return folder
}

/** Brings artifacts, and all that they depend on. */
function maven(folder: string, artifacts: readonly string[]): string | undefined {
  const dependencies = artifacts.map((artifact) => {
    const [group, name, version] = artifact.split(':')
    return `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`
  })
  const project = join(folder, 'pom.xml')
  writeFileSync(
    project,
    `<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>server</artifactId><version>1</version><dependencies>${dependencies.join('')}</dependencies></project>`,
  )
  return (
    withoutJava() ??
    run([
      ...mvn('copy-dependencies'),
      '--file',
      project,
      `-DoutputDirectory=${folder}`,
      '-DincludeScope=runtime',
      '-DexcludeArtifactIds=slf4j-reload4j',
    ])
  )
}

/** What they log by: to the standard error. */
const LOGGER = 'org.slf4j:slf4j-simple:2.0.17'

const mvn = (goal: string): readonly string[] => [
  ...['mvn', '--quiet', '--batch-mode'],
  `org.apache.maven.plugins:maven-dependency-plugin:3.6.1:${goal}`,
]

function withoutJava(): string | undefined {
  if (!runs('javac', ['-version'])) {
    const failure = installPackage('openjdk-17-jdk-headless')
    if (failure !== undefined) return `needs a JDK 17 or newer: ${failure}`
  }
  return runs('mvn', ['--version']) ? undefined : installPackage('maven')
}

/** A program of ours that makes a server of what has been brought. */
function compiled(name: string, folder: string): string | undefined {
  return run(['javac', '-cp', join(folder, '*'), '-d', folder, join(import.meta.dirname, 'java', `${name}.java`)])
}

function runs(program: string, words: readonly string[]): boolean {
  return spawnSync(program, words, { stdio: 'ignore' }).status === 0
}

function run([program, ...words]: readonly string[], env: NodeJS.ProcessEnv = process.env): string | undefined {
  const { status } = spawnSync(program!, words, { stdio: ['ignore', 'ignore', 'inherit'], env })
  return status === 0 ? undefined : `could not be installed: "${[program, ...words].slice(0, 4).join(' ')}" failed`
}
