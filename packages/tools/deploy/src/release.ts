import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { releaseOf, type Release as ServiceRelease } from '@dure/testing/contracts'
import type { JsonSchema } from 'dure/contract'
import { shown } from 'dure/contract/internal'
import { groupsOf, type System } from 'dure/service'
import { DeployError } from './errors.ts'

/** What is deployed: a value that never changes, and that is known by its digest. */
export type Release = {
  /** Version of this form. */
  readonly dure: 1
  /** SHA-256 of all that follows: as JSON without spaces, keys in order. */
  readonly digest: string
  readonly system: string
  readonly version: string
  /** Of the manifest, and where it can be pulled from if that is known. */
  readonly image: { readonly digest: string; readonly reference?: string }
  /** What each service promises, needs and hears, and its migrations. */
  readonly services: readonly ServiceRelease[]
  /** What settings each service must be given, by its name, as JSON Schema. */
  readonly configuration: Readonly<Record<string, JsonSchema>>
  /** Services of which there is one copy in one release at a time, and why; not there when there is none. */
  readonly alone?: Readonly<Record<string, string>>
}

const DIGEST = /^sha256:[0-9a-f]{64}$/

/**
 * What a system is at a version: its image, and what its services promise and need.
 * @throws {DeployError} `RELEASE` for an image that is not named by a digest
 *
 * @example
 * ```ts
 * import { describeRelease } from '@dure/deploy'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clocks = system('clocks', { services: [service(Clock, { handlers: { now: () => new Date() } })] })
 * const release = describeRelease(clocks, { version: '1.0.0', image: { digest: `sha256:${'0'.repeat(64)}` } })
 * console.log(release.services[0]!.contract.name, release.digest.length) // → clock 71
 * ```
 */
export function describeRelease(system: System, options: Pick<Release, 'version' | 'image'>): Release {
  const { version, image } = options
  if (!DIGEST.test(image.digest))
    throw new DeployError(
      'RELEASE',
      `Cannot make a release of the image "${image.digest}": name it by its digest, as in sha256:…`,
    )
  const services = system.services.map(releaseOf).sort((a, b) => (a.service < b.service ? -1 : 1))
  const configured = system.services.flatMap(({ contract, config }) =>
    config === undefined ? [] : [[contract.name, shown(config, 'input')] as const],
  )
  const alone = groupsOf({ ...system, placement: 'each' }).flatMap(({ members: [name = ''], onlyOne }) =>
    onlyOne === undefined || !services.some(({ service }) => service === name) ? [] : [[name, onlyOne] as const],
  )
  const content = {
    dure: 1 as const,
    system: system.name,
    version,
    image,
    services,
    configuration: Object.fromEntries(configured),
    ...(alone.length > 0 && { alone: Object.fromEntries(alone) }),
  }
  // As it will be read: what JSON does not know is no part of it.
  const plain = JSON.parse(JSON.stringify(content)) as typeof content
  return { ...plain, digest: digestOf(plain) }
}

/**
 * Writes a release as a file. The same release may be written again.
 * @throws {DeployError} `RELEASE` when another one is there: what was released does not change
 *
 * @example
 * ```ts
 * import { writeRelease } from '@dure/deploy'
 *
 * console.log(writeRelease.length) // → 2
 * ```
 */
export function writeRelease(file: string, release: Release): void {
  if (existsSync(file) && readRelease(file).digest !== release.digest)
    throw new DeployError(
      'RELEASE',
      `Cannot write the release "${file}": another one is there, and a release does not change; choose another file`,
    )
  const temporary = `${file}.${process.pid}`
  writeFileSync(temporary, `${JSON.stringify(release, undefined, 2)}\n`)
  renameSync(temporary, file)
}

/**
 * Reads a release, and sees that it is what was written.
 * @throws {DeployError} `RELEASE` when there is none, or it was changed
 *
 * @example
 * ```ts
 * import { DeployError, readRelease } from '@dure/deploy'
 *
 * try {
 *   readRelease('/nowhere/release.json')
 * } catch (error) {
 *   console.log(error instanceof DeployError && error.code) // → RELEASE
 * }
 * ```
 */
export function readRelease(file: string): Release {
  let value: Partial<Release> | null
  try {
    value = JSON.parse(readFileSync(file, 'utf8')) as Partial<Release> | null
  } catch (cause) {
    throw new DeployError('RELEASE', `Cannot read the release "${file}": ${(cause as Error).message}`, { cause })
  }
  if (value?.dure !== 1 || !Array.isArray(value.services) || !DIGEST.test(String(value.image?.digest)))
    throw new DeployError('RELEASE', `Cannot read the release "${file}": it is none; make one with: dure release write`)
  const { digest, ...content } = value as Release
  const found = digestOf(content)
  if (found === digest) return value as Release
  throw new DeployError(
    'RELEASE',
    `Cannot read the release "${file}": it says ${digest}, and its content is ${found}; take the one that was written`,
  )
}

function digestOf(content: Omit<Release, 'digest'>): string {
  return `sha256:${createHash('sha256')
    .update(JSON.stringify(ordered(content)))
    .digest('hex')}`
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered)
  if (typeof value !== 'object' || value === null) return value
  // With no prototype: a key may be called `__proto__`.
  return Object.assign(
    Object.create(null) as object,
    Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, one]) => [key, ordered(one)]),
    ),
  )
}
