import { existsSync, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  compareContracts,
  describeContract,
  versionTrouble,
  type Change,
  type AsyncReader,
  type ContractDescription,
} from 'dure/contract'
import { loadContracts } from './load.ts'
import { CliError, EXIT, paint } from './shell.ts'
import { hang } from '@dure/simulation/text/internal'

/** What happened to one contract between two versions of a system. */
export type ContractChange = {
  readonly contract: string
  /** Versions before and after; undefined when the contract is new, or gone. */
  readonly before: string | undefined
  readonly after: string | undefined
  readonly changes: readonly Change[]
  /** Why the version number does not say what the changes do. */
  readonly trouble: string | undefined
  /** Services that react to events of it, by the event's name, as far as both sides say. */
  readonly readers?: Readonly<Record<string, readonly string[]>>
}

/** Contracts of a system, and who reacts to their events. */
export type Described = { readonly contracts: readonly ContractDescription[]; readonly readers: readonly AsyncReader[] }

/** Reads contract descriptions: a JSON file that `dure docs --format contract` wrote, or a module that exports contracts. */
export async function readContracts(file: string, cwd: string): Promise<Described> {
  const path = resolve(cwd, file)
  if (!existsSync(path) || !statSync(path).isFile()) {
    throw new CliError(`Cannot read "${file}": there is no such file`, { exitCode: EXIT.misuse })
  }
  if (!file.endsWith('.json')) {
    const { contracts, readers } = await loadContracts(file, cwd)
    return { contracts: contracts.map(describeContract), readers }
  }
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new CliError(`Cannot read "${file}" as JSON: ${(cause as Error).message}`, { exitCode: EXIT.misuse, cause })
  }
  const { contracts = [value], readers = [] } = (value ?? {}) as { contracts?: unknown; readers?: unknown }
  if (Array.isArray(contracts) && contracts.length > 0 && contracts.every(isDescription))
    return { contracts, readers: Array.isArray(readers) ? readers.filter(isReader) : [] }
  throw new CliError(`Cannot find contract descriptions in "${file}": make it with "dure docs --format contract --out ${file}"`, {
    exitCode: EXIT.misuse,
  })
}

/** Compares two sets of contracts by name. Contracts without a change are left out. */
export function compareAll(before: Described, after: Described): readonly ContractChange[] {
  const names = [...new Set([...before.contracts, ...after.contracts].map(({ name }) => name))].sort()
  const all = [...before.readers, ...after.readers]
  return names.flatMap((contract) => {
    const old = before.contracts.find(({ name }) => name === contract)
    const now = after.contracts.find(({ name }) => name === contract)
    if (old === undefined || now === undefined) return [comeOrGone(contract, old, now)]
    const changes = compareContracts(old, now)
    const trouble = versionTrouble(old, now, changes)
    if (changes.length === 0 && trouble === undefined) return []
    const readers = Object.fromEntries(
      Object.keys(old.events).flatMap((name) => {
        const services = new Set(all.filter(({ event }) => event === name).map(({ service }) => service))
        return services.size === 0 ? [] : [[name, [...services].sort()] as const]
      }),
    )
    return [{ contract, before: old.version, after: now.version, changes, trouble, readers }]
  })
}

/** Whether somebody breaks without a version number that says so. */
export function isBroken(all: readonly ContractChange[]): boolean {
  return all.some(({ trouble, changes }) => trouble !== undefined && changes.some(({ level }) => level === 'breaking'))
}

function comeOrGone(
  contract: string,
  old: ContractDescription | undefined,
  now: ContractDescription | undefined,
): ContractChange {
  if (now !== undefined) {
    const changes: Change[] = [{ level: 'compatible', where: contract, message: 'is a new service', breaks: 'nobody' }]
    return { contract, before: undefined, after: now.version, changes, trouble: undefined }
  }
  const changes: Change[] = [
    { level: 'breaking', where: contract, message: 'is gone: calls to it fail with UNAVAILABLE', breaks: 'callers' },
  ]
  const trouble = 'The service is gone: keep it, deprecated, until nobody calls it'
  return { contract, before: old?.version, after: undefined, changes, trouble }
}

const LEVELS = ['breaking', 'notice', 'compatible'] as const
const STYLES = { breaking: 'red', notice: 'yellow', compatible: 'green' } as const

/** The comparison in words. */
export function describeChanges(
  all: readonly ContractChange[],
  layout: { readonly columns: number; readonly color: boolean },
): string {
  if (all.length === 0) return 'Nothing changed.'
  const blocks = all.map(({ contract, before, after, changes, trouble, readers }) => {
    const versions = before === after ? before : `${before ?? 'new'} → ${after ?? 'gone'}`
    const lines = [`${paint(layout, 'bold', contract)} ${versions}`]
    for (const level of LEVELS) {
      for (const change of changes.filter((one) => one.level === level)) lines.push(changeText(change, layout, readers))
    }
    if (trouble !== undefined) lines.push(paint(layout, 'yellow', hang('  ', trouble, layout.columns)))
    return lines.join('\n')
  })
  return [...blocks, summary(all)].join('\n\n')
}

function changeText(
  { level, where, message, breaks }: Change,
  layout: { readonly columns: number; readonly color: boolean },
  readers: ContractChange['readers'] = {},
): string {
  const event = /^\S+ event "([^"]+)"/.exec(where)?.[1] ?? ''
  const names = breaks === 'subscribers' && Object.hasOwn(readers, event) ? `: ${readers[event]!.join(', ')}` : ''
  const whom = breaks === 'nobody' ? '' : ` (breaks ${breaks === 'history' ? 'stored events' : breaks}${names})`
  return hang(`  ${paint(layout, STYLES[level], level.padEnd(10))}  `, `${where} ${message}${whom}`, layout.columns)
}

function summary(all: readonly ContractChange[]): string {
  const breaking = all.flatMap(({ changes }) => changes).filter(({ level }) => level === 'breaking').length
  if (isBroken(all)) return 'Not compatible: see the sentences about versions above.'
  if (breaking > 0)
    return `${breaking === 1 ? 'One change breaks' : `${breaking} changes break`} somebody, and the new version numbers say so.`
  return 'Compatible: nobody who did nothing fails.'
}

function isReader(value: unknown): value is AsyncReader {
  const reader = value as Partial<AsyncReader> | null
  return typeof reader === 'object' && reader !== null && typeof reader.service === 'string' && typeof reader.event === 'string'
}

function isDescription(value: unknown): value is ContractDescription {
  const description = value as Partial<ContractDescription> | null
  return typeof description === 'object' && description !== null && description.dure === 1 && typeof description.name === 'string'
}
