import { appendFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { DatabaseWorld } from 'dure/data'
import type { Service, System } from 'dure/service'
import { systemOf } from '../system-file.ts'
import type { Tested } from './subject.ts'

/** Services of a later release, of which the schemas count. */
export type NextRelease = readonly Service[]

/** In the environment of tests: the system file of the release whose schemas they run on, and a file that is told which services did. */
export const SCHEMA_OF = 'DURE_SCHEMA_OF'
export const SCHEMA_USED = 'DURE_SCHEMA_USED'

/**
 * The release whose schemas services are tested on; undefined: their own.
 * @throws {TypeError} when it lacks what is tested
 */
export async function nextRelease(
  name: string,
  given: Tested | undefined,
  own: readonly Service[],
): Promise<NextRelease | undefined> {
  const stored = own.filter(({ database }) => database !== undefined).map(({ contract }) => contract.name)
  const { [SCHEMA_OF]: file, [SCHEMA_USED]: used } = process.env
  if (given === undefined && file === undefined) return undefined
  const next = servicesOf(given ?? (await systemOf({ url: pathToFileURL(file!).href, name: 'default' })))
  const known = stored.filter((service) =>
    next.some(({ contract, database }) => contract.name === service && database !== undefined),
  )
  const missing = stored.find((service) => !known.includes(service))
  if (given !== undefined && missing !== undefined)
    throw new TypeError(
      `Cannot test "${name}" on the schema of a later release: that has no service "${missing}" with a database; give "schemaOf" one that has`,
    )
  if (used !== undefined && known.length > 0) appendFileSync(used, known.map((service) => `${service}\n`).join(''))
  return next.filter(({ contract }) => known.includes(contract.name))
}

function servicesOf(tested: Tested): readonly Service[] {
  if ('services' in tested) return tested.services
  return 'contract' in tested ? [tested] : tested
}

/** Brings stores to the schemas of a later release, as its first copy does while those of this one run on. */
export async function migrateAhead(
  { database, stores }: Pick<System, 'database' | 'stores'>,
  next: NextRelease,
  world: DatabaseWorld,
): Promise<void> {
  for (const { contract, database: definition } of next) {
    const adapter = await (stores[contract.name] ?? database)(world)
    await (await adapter.open(contract.name, definition!)).stop()
  }
}
