/** What speaks against a release before anything is started. */
import { changedMigrations, canIDeploy, readFacts } from '@dure/testing/contracts'
import type { Release } from '../release.ts'
import type { Target } from '../target/target.ts'

export type CheckOptions = {
  readonly release: Release
  readonly copies: number
  /** What has the calls now. */
  readonly before: Release | undefined
  readonly target: Target
  readonly environment: string
  readonly settings: Readonly<Record<string, string>>
  readonly secrets: Readonly<Record<string, string | undefined>>
  readonly facts?: string | undefined
  readonly prefix?: string | undefined
}

/** In words, each with what to do; none when it may go there. */
export async function troubles(options: CheckOptions): Promise<readonly string[]> {
  const { release, copies, before, target, secrets, settings } = options
  const given = Object.entries(secrets).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '')
  const { refused } = await target.plan({ release, copies, settings, secrets: Object.fromEntries(given) })
  return [
    ...refused,
    ...missingSecrets(options),
    ...missingSettings(options),
    ...alone(options),
    ...(before === undefined ? [] : migrations(before, release)),
    ...forbidden(options),
  ]
}

function missingSecrets({ secrets }: CheckOptions): readonly string[] {
  return Object.entries(secrets).flatMap(([name, value]) =>
    value === undefined || value === '' ? [`the secret "${name}" is not there; give it to the deployer`] : [],
  )
}

/** Of a system whose settings are variables with a prefix. What is optional or has a default is not missed. */
function missingSettings({ release, settings, secrets, prefix }: CheckOptions): readonly string[] {
  if (prefix === undefined) return []
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[_.-]/g, '')
  const there = new Set(
    [...Object.keys(settings), ...Object.keys(secrets)]
      .filter((name) => name.startsWith(prefix))
      .map((name) => plain(name.slice(prefix.length))),
  )
  return Object.entries(release.configuration).flatMap(([service, schema]) => {
    const required = Array.isArray(schema['required']) ? (schema['required'] as readonly string[]) : []
    return required
      .filter((key) => ![...there].some((name) => name.startsWith(plain(`${service}.${key}`))))
      .map(
        (key) =>
          `the setting "${key}" of "${service}" is not there; set ${prefix}${service.toUpperCase().replaceAll('-', '_')}__${key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
      )
  })
}

/** A store that one process has at a time cannot be had by two copies, nor by two releases. */
function alone({ release, copies, before }: CheckOptions): readonly string[] {
  const [first] = Object.entries(release.alone ?? {})
  if (first === undefined) return []
  const [service, why] = first
  const what =
    copies > 1
      ? `run ${copies} copies`
      : before === undefined || before.digest === release.digest
        ? undefined
        : `run beside ${before.version}`
  return what === undefined ? [] : [`it cannot ${what}, as ${why}; keep the data of "${service}" in PostgreSQL (@dure/postgres)`]
}

/** The old release goes on beside the new one's tables, and comes back to them. */
function migrations(before: Release, release: Release): readonly string[] {
  return release.services.flatMap((now) => {
    const old = before.services.find(({ service }) => service === now.service)
    return old === undefined ? [] : changedMigrations(old, now).map(({ because }) => `"${now.service}": ${because}`)
  })
}

function forbidden({ facts: folder, release, environment }: CheckOptions): readonly string[] {
  if (folder === undefined) return []
  const facts = readFacts(folder)
  const releases = new Map([...facts.releases, ...release.services.map((one) => [`${one.service}@${one.version}`, one] as const)])
  // What goes together is judged together: by what will run there.
  const there = Object.fromEntries(release.services.map(({ service, version }) => [service, version]))
  const deployed = {
    ...facts.deployed,
    ...(facts.deployed[environment] !== undefined && { [environment]: { ...facts.deployed[environment], ...there } }),
  }
  return release.services.flatMap(({ service, version }) => {
    const { answer, reasons } = canIDeploy({ ...facts, releases, deployed }, { service, version, to: environment })
    if (answer === 'yes') return []
    return reasons
      .filter((one) => one.answer === answer)
      .map(
        ({ about, because }) =>
          `${service}@${version}: ${answer === 'no' ? 'it breaks' : 'it is not known about'} ${about}: ${because}`,
      )
  })
}
