import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { installPackage } from './packages.ts'
import { missingServer, serverPlaces, type ServerKind } from '@dure/testing/servers'

/** A way to bring one server's programs into a folder; says why not where it cannot. */
type Way = (folder: string, version: string) => string | undefined

/** Packages of the Debian that several servers share. */
const DEBIAN_PACKAGES = ['redis-server', 'valkey-server', 'rabbitmq-server']

const debian: Way = (folder) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs Linux and root, for a Debian in a folder of its own'
  if (!runs('debootstrap', ['--version'])) {
    const failure = installPackage('debootstrap')
    if (failure !== undefined) return failure
  }
  return (
    run(['debootstrap', '--variant=minbase', `--include=${DEBIAN_PACKAGES.join(',')}`, 'trixie', folder]) ??
    run(['chroot', folder, 'apt-get', 'clean'])
  )
}

/** Each from where its makers publish it: a module, artifacts, packages of a system. */
const ways: Readonly<Record<ServerKind, Way>> = {
  kafka: (folder, version) =>
    maven(folder, [
      `org.apache.kafka:kafka_2.13:${version}`,
      `org.apache.kafka:kafka-tools:${version}`,
      // What it logs by: its own distribution brings one.
      'org.apache.logging.log4j:log4j-slf4j-impl:2.25.5',
    ]),
  nats: (folder, version) => {
    if (!runs('go', ['version'])) return 'needs Go 1.25 or newer, which is not here'
    const env = { ...process.env, GOBIN: folder, GOFLAGS: '-trimpath' }
    return run(['go', 'install', `github.com/nats-io/nats-server/v2@v${version}`], env)
  },
  rabbitmq: debian,
  redis: debian,
  valkey: debian,
}

export const brokers: readonly {
  readonly name: string
  readonly there: () => boolean
  readonly install: () => Promise<string>
}[] = Object.entries(serverPlaces()).map(([kind, { folder, version }]) => ({
  name: kind,
  there: () => missingServer(kind as ServerKind) === false,
  install: async () => {
    // What was broken off is no server.
    const draft = `${folder}.${process.pid}`
    mkdirSync(dirname(folder), { recursive: true })
    mkdirSync(draft)
    try {
      const failure = ways[kind as ServerKind](draft, version)
      if (failure !== undefined) return failure
      rmSync(folder, { recursive: true, force: true })
      renameSync(draft, folder)
      return missingServer(kind as ServerKind) === false ? 'installed' : `"${folder}" was installed, and lacks its program`
    } finally {
      if (existsSync(draft)) rmSync(draft, { recursive: true, force: true })
    }
  },
}))

/** Brings artifacts, and all that they depend on. */
function maven(folder: string, artifacts: readonly string[]): string | undefined {
  if (!runs('java', ['-version'])) return 'needs Java 17 or newer, which is not here'
  if (!runs('mvn', ['--version'])) return 'needs Maven, which is not here'
  const dependencies = artifacts.map((artifact) => {
    const [group, name, version] = artifact.split(':')
    return `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`
  })
  const project = join(folder, 'pom.xml')
  writeFileSync(
    project,
    `<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>server</artifactId><version>1</version><dependencies>${dependencies.join('')}</dependencies></project>`,
  )
  return run(['mvn', '--quiet', '--batch-mode', '--file', project, COPY, `-DoutputDirectory=${folder}`, '-DincludeScope=runtime'])
}
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'

function runs(program: string, words: readonly string[]): boolean {
  return spawnSync(program, words, { stdio: 'ignore' }).status === 0
}

function run([program, ...words]: readonly string[], env: NodeJS.ProcessEnv = process.env): string | undefined {
  const { status } = spawnSync(program!, words, { stdio: ['ignore', 'ignore', 'inherit'], env })
  return status === 0 ? undefined : `could not be installed: "${[program, ...words].slice(0, 4).join(' ')}" failed`
}
