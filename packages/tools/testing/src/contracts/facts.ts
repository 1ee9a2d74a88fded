/** What is known of versions, in a folder: what they promise and need, whose pacts they keep, and where they run. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describeContract, type AnyContract, type ContractDescription, type EventDescription } from 'dure/contract'
import { describeMigration, type MigrationDescription } from 'dure/data/internal'
import { realRuntime } from 'dure/runtime'
import type { Service } from 'dure/service'
import { PactError } from '../pact/pact.ts'
import { readPacts, type PactFile } from './files.ts'
import type { Verification } from './verify.ts'

/** A version of a service, as plain JSON. */
export type Release = {
  /** Version of this form. */
  readonly dure: 1
  readonly service: string
  readonly version: string
  readonly contract: ContractDescription
  /** The contracts that it calls, as it was built with them, by the names of their services. */
  readonly needs: Readonly<Record<string, ContractDescription>>
  /** The events that it reacts to, as it reads them. */
  readonly hears: Readonly<Record<string, EventDescription>>
  /** Its steps of the schema, in their order. */
  readonly migrations: Readonly<Record<string, MigrationDescription>>
}

export type Facts = {
  /** Where they are kept, as messages say it. */
  readonly folder: string
  /** Versions by service, by environment. */
  readonly deployed: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** By `orders@1.4.0`. */
  readonly releases: ReadonlyMap<string, Release>
  /** By the version of their consumer. */
  readonly pacts: ReadonlyMap<string, readonly PactFile[]>
  readonly verified: readonly Verification[]
}

/** `orders@1.4.0`, of names that can be those of files. */
export function releaseName(service: string, version: string): string {
  for (const part of [service, version])
    if (!/^[A-Za-z0-9][\w.+-]*$/.test(part))
      throw new TypeError(`Cannot keep facts of "${service}" "${version}": "${part}" is no name of a file`)
  return `${service}@${version}`
}

/**
 * Reads the facts in a folder: `deployed.json`, `releases/`, `pacts/`, `verified/`. What is not there is not known.
 * @throws {PactError} for a file that cannot be read, with its name
 *
 * @example
 * ```ts
 * import { canIDeploy, keepDeployment, readFacts } from '@dure/testing/contracts'
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 *
 * const folder = mkdtempSync(join(tmpdir(), 'facts-'))
 * keepDeployment(folder, { service: 'web', version: '2.0.0', to: 'production' })
 * console.log(canIDeploy(readFacts(folder), { service: 'orders', version: '1.4.0', to: 'production' }).answer) // → unknown
 * ```
 */
export function readFacts(folder: string): Facts {
  if (!existsSync(folder)) throw new PactError(`Cannot read the facts in "${folder}": there is no such folder`)
  const releases = filesIn(join(folder, 'releases')).map((file) => {
    const release = readJson(file) as Partial<Release> | undefined
    if (
      release?.dure !== 1 ||
      typeof release.service !== 'string' ||
      release.contract?.dure !== 1 ||
      typeof release.version !== 'string'
    )
      throw new PactError(`Cannot read the release "${file}": it is none that \`keepRelease\` wrote`)
    return [`${release.service}@${release.version}`, release as Release] as const
  })
  const consumers = foldersIn(join(folder, 'pacts'))
  const verified = filesIn(join(folder, 'verified')).map(readVerification)
  return {
    ...{ folder, verified, releases: new Map(releases) },
    deployed: readDeployed(folder),
    pacts: new Map(consumers.map((path) => [basename(path), readPacts([path])])),
  }
}

/**
 * Reads what came of a verification, as JSON has it.
 * @throws {PactError} when it is none
 *
 * @example
 * ```ts
 * import { readVerification } from '@dure/testing/contracts'
 * import { mkdtempSync, writeFileSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 *
 * const file = join(mkdtempSync(join(tmpdir(), 'facts-')), 'report.json')
 * writeFileSync(file, JSON.stringify({ provider: 'orders', version: '1.4.0', ok: true, interactions: [], pacts: [] }))
 * console.log(readVerification(file).provider) // → orders
 * ```
 */
export function readVerification(file: string): Verification {
  if (!existsSync(file)) throw new PactError(`Cannot read the verification "${file}": there is no such file`)
  const one = readJson(file) as Partial<Verification> | undefined
  const { provider, version, ok, pacts, interactions } = one ?? {}
  const isWhole =
    [provider, version].every((text) => typeof text === 'string') &&
    typeof ok === 'boolean' &&
    Array.isArray(pacts) &&
    pacts.every(
      ({ consumer, sha256, ok: own }) => typeof consumer === 'string' && typeof sha256 === 'string' && typeof own === 'boolean',
    ) &&
    Array.isArray(interactions) &&
    interactions.every(({ consumer, failures }) => typeof consumer === 'string' && Array.isArray(failures))
  if (isWhole) return one as Verification
  throw new PactError(`Cannot read the verification "${file}": it is none that \`verifyContracts\` answered`)
}

/**
 * What a service is at this version.
 *
 * @example
 * ```ts
 * import { releaseOf } from '@dure/testing/contracts'
 * import { contract, query } from 'dure/contract'
 * import { service } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const { service: name, version } = releaseOf(service(Clock, { handlers: { now: () => new Date() } }))
 * console.log(name, version) // → clock 1.0.0
 * ```
 */
export function releaseOf(service: Service): Release {
  const { contract, needs, reactions, database } = service
  const heard = reactions.filter(({ kind }) => kind === 'topic').map(({ event }) => event)
  const { events: hears } = describeContract({ ...contract, operations: {}, requests: [], events: heard } as AnyContract)
  return {
    ...{ dure: 1, service: contract.name, version: contract.version, contract: describeContract(contract), hears },
    needs: Object.fromEntries(Object.values(needs).map((need) => [need.name, describeContract(need)])),
    migrations: Object.fromEntries(
      Object.entries(database?.migrations ?? {}).map(([name, migration]) => [name, describeMigration(migration)]),
    ),
  }
}

/**
 * Keeps what a service is at the version of its contract, and the pacts of its tests. Of a release that is deployed, what it says of the service is enough.
 * @throws {PactError} when another one of that version runs somewhere: what was released does not change
 *
 * @example
 * ```ts
 * import { keepRelease, readFacts } from '@dure/testing/contracts'
 * import { contract, query } from 'dure/contract'
 * import { service } from 'dure/service'
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const folder = mkdtempSync(join(tmpdir(), 'facts-'))
 * keepRelease(folder, service(Clock, { handlers: { now: () => new Date() } }))
 * console.log([...readFacts(folder).releases.keys()]) // → [ 'clock@1.0.0' ]
 * ```
 */
export function keepRelease(folder: string, of: Service | Release, options: { readonly pacts?: string } = {}): void {
  const release = 'dure' in of ? of : releaseOf(of)
  const name = releaseName(release.service, release.version)
  const file = join(folder, 'releases', `${name}.json`)
  const text = textOf(release)
  const somewhere = Object.entries(readDeployed(folder)).find(([, running]) => running[release.service] === release.version)
  if (somewhere !== undefined && existsSync(file) && readFileSync(file, 'utf8') !== text)
    throw new PactError(
      `Cannot keep ${name} in "${folder}": another one of this version runs in "${somewhere[0]}", and what was released does not change; give its contract a version of its own`,
    )
  keep(file, text)
  if (options.pacts !== undefined)
    keepPacts(folder, { consumer: release.service, version: release.version, pacts: options.pacts })
}

/**
 * Keeps the pacts of a consumer that is no service of Dure: their bytes as they are. Says how many.
 *
 * @example
 * ```ts
 * import { keepPacts, readFacts } from '@dure/testing/contracts'
 * import { mkdtempSync, writeFileSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 *
 * const folder = mkdtempSync(join(tmpdir(), 'facts-'))
 * const names = { consumer: { name: 'web' }, provider: { name: 'orders' } }
 * const pact = { ...names, interactions: [], metadata: { pactSpecification: { version: '4.0' } } }
 * writeFileSync(join(folder, 'web-orders.json'), JSON.stringify(pact))
 * keepPacts(folder, { consumer: 'web', version: '7', pacts: join(folder, 'web-orders.json') })
 * console.log([...readFacts(folder).pacts.keys()]) // → [ 'web@7' ]
 * ```
 */
export function keepPacts(
  folder: string,
  of: { readonly consumer: string; readonly version: string; readonly pacts: string },
): number {
  const into = join(folder, 'pacts', releaseName(of.consumer, of.version))
  const own = readPacts([of.pacts]).filter(({ pact }) => pact.consumer === of.consumer)
  if (own.length > 0) mkdirSync(into, { recursive: true })
  for (const { file } of own) writeFileSync(join(into, basename(file)), readFileSync(file))
  return own.length
}

/**
 * Keeps what came of verifying a provider.
 *
 * @example
 * ```ts
 * import { keepVerification, readFacts } from '@dure/testing/contracts'
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 *
 * const folder = mkdtempSync(join(tmpdir(), 'facts-'))
 * keepVerification(folder, { provider: 'orders', version: '1.4.0', ok: true, interactions: [], pacts: [] })
 * console.log(readFacts(folder).verified.length) // → 1
 * ```
 */
export function keepVerification(folder: string, verification: Verification): void {
  const { provider, version, pacts } = verification
  const about = pacts.map(({ consumer, sha256 }) => `${consumer}-${sha256.slice(0, 12)}`).join('--')
  // A name of many would be too long for a file.
  keep(join(folder, 'verified', `${releaseName(provider, version)}--${about.slice(0, 150)}.json`), textOf(verification))
}

/**
 * Says which version of a service runs in an environment from now on; undefined: none.
 *
 * @example
 * ```ts
 * import { keepDeployment, readFacts } from '@dure/testing/contracts'
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 *
 * const folder = mkdtempSync(join(tmpdir(), 'facts-'))
 * keepDeployment(folder, { service: 'orders', version: '1.4.0', to: 'production' })
 * console.log(readFacts(folder).deployed) // → { production: { orders: '1.4.0' } }
 * ```
 */
export function keepDeployment(
  folder: string,
  { service, version, to }: { readonly service: string; readonly version: string | undefined; readonly to: string },
): void {
  if (version !== undefined) releaseName(service, version)
  const all = readDeployed(folder)
  const { [service]: _, ...others } = all[to] ?? {}
  const running = { ...others, ...(version !== undefined && { [service]: version }) }
  // Two who write of different services change different lines.
  keep(join(folder, 'deployed.json'), textOf(sorted({ ...all, [to]: sorted(running) })))
}

function sorted<T>(all: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** @throws {PactError} for one that says something else than versions by service by environment */
function readDeployed(folder: string): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const file = join(folder, 'deployed.json')
  const all = readJson(file) ?? {}
  const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  if (
    isMap(all) &&
    Object.values(all).every((one) => isMap(one) && Object.values(one).every((version) => typeof version === 'string'))
  )
    return all as Readonly<Record<string, Readonly<Record<string, string>>>>
  throw new PactError(`Cannot read what is deployed in "${file}": it does not say versions by service by environment`)
}

const textOf = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`

/** Whoever reads it meanwhile finds the old or the new one. */
function keep(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  const next = `${file}.${realRuntime().ids.next()}`
  writeFileSync(next, text)
  renameSync(next, file)
}

/** Bytes of a file, at most. */
const MOST = 16 * 1024 * 1024

function readJson(file: string): unknown {
  if (!existsSync(file)) return undefined
  if (statSync(file).size > MOST)
    throw new PactError(`Cannot read the facts in "${file}": it is larger than ${MOST / 1024 / 1024} MiB`)
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as unknown
  } catch (error) {
    throw new PactError(`Cannot read the facts in "${file}": it is no JSON (${(error as Error).message.slice(0, 200)})`)
  }
}

function filesIn(folder: string): readonly string[] {
  return entriesOf(folder, (name) => name.endsWith('.json'))
}

function foldersIn(folder: string): readonly string[] {
  return entriesOf(folder, (name) => statSync(join(folder, name)).isDirectory())
}

function entriesOf(folder: string, such: (name: string) => boolean): readonly string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter(such)
    .sort()
    .map((name) => join(folder, name))
}
